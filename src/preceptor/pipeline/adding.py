"""Files of prompts into a project's store: the importers read them, the prompts' room keeps them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from preceptor.importers.asking import AskedRow, asked_rows, open_prompts
from preceptor.labeling.project import store_url
from preceptor.prompts.adding import Added, Source, add_prompts
from preceptor.records.artifacts import content_hash
from preceptor.records.withdrawn import Withdrawn
from preceptor.store import Database


def add_files(
    project: Path,
    files: Sequence[Path],
    say: Callable[[str], None],
    *,
    store: str | None = None,
    format: str = "auto",
    options: Sequence[str] = (),
    source: str | None = None,
    skip_bad: bool = False,
) -> None:
    """Add the prompts of files to the store, one file after the other, and say what became of each.

    Raises:
        UserError: a file cannot be read, or a row of it is refused and not `skip_bad`.
    """
    importers = [(file, open_prompts(file, format, options)) for file in files]
    withdrawn = Withdrawn.of(project)
    database = Database.open(store_url(project, store))
    try:
        for file, importer in importers:
            about = Source(
                str(file), content_hash(file), importer.name, importer.config.model_dump(mode="json"), source
            )
            rows = without_withdrawn(asked_rows(importer, file), withdrawn, importer.dropped)
            added = add_prompts(database, about, rows, skip_bad=skip_bad)
            say("\n".join([_headline(file, added), *_details(file, added, importer.counts, importer.dropped)]))
    finally:
        database.close()


def without_withdrawn(rows: Iterable[AskedRow], withdrawn: Withdrawn, dropped: Counter[str]) -> Iterator[AskedRow]:
    """The rows without the prompts of users who withdrew, which are counted in `dropped`."""
    for row in rows:
        kept, reasons = withdrawn.without(row.prompts)
        dropped.update(reasons)
        yield replace(row, prompts=tuple(kept)) if reasons else row


def _headline(file: Path, added: Added) -> str:
    if added.was_done:
        return f"{file}: added before, nothing to do"
    return f"{file}: {added.num_read:,} rows, {added.num_added:,} new prompts, {added.num_known:,} known already"


def _details(file: Path, added: Added, *counted: dict[str, int]) -> list[str]:
    lines = []
    for reason, entry in added.refused.items():
        places = ", ".join(f"{file.name}:{line}" for line in entry["lines"])
        more = ", …" if entry["num"] > len(entry["lines"]) else ""
        lines.append(f"  refused {entry['num']:,}: {reason} ({places}{more})")
    return lines + [f"  {name}: {num:,}" for counts in counted for name, num in counts.items() if num]
