"""From files to an artifact: find the format, read each row, count what does not get in, split, write."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import JsonValue, ValidationError

from preceptor.config import load_config
from preceptor.errors import UserError
from preceptor.importers.base import Format, formats
from preceptor.importers.imported import Imported, write_imported
from preceptor.importers.item import BadRow, Item
from preceptor.importers.reading import json_items, numbered_lines, stem
from preceptor.importers.splitting import SplitConfig, split_imported
from preceptor.records import KINDS, Artifact, Demonstration, Ranking, Rating, Record
from preceptor.records.artifacts import content_hash
from preceptor.records.withdrawn import Withdrawn

Options = Mapping[str, JsonValue] | Sequence[str]

ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".gz")


def import_file(
    paths: Sequence[Path],
    format: str | None = None,
    options: Options = (),
    *,
    skip_bad: bool = False,
) -> Imported:
    """Read files, and folders of files, of one format into records of one kind.

    Args:
        paths: files; a folder stands for its JSON, CSV, TSV and gzip files in the order of their names.
        format: a name among `formats()`; None or 'auto' finds it by the first row.
        options: values for the format's `Config`, as a mapping or as KEY=VALUE texts.
        skip_bad: the option of this name, set on.

    Raises:
        UserError: what is wrong, with file, line, field and remedy; with the option `skip_bad`, rows that are wrong
            one by one are counted in `dropped` instead.
    """
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise UserError("no file to import", remedy=f"give files, or a folder with {', '.join(ENDINGS)} files")
    chosen = sniff(files[0]) if format in (None, "auto") else named_format(str(format))
    overrides = [*_overrides(options), *(["skip_bad=true"] if skip_bad else [])]
    importer = chosen(load_config(chosen.Config, overrides=overrides))
    collected = _Collected(importer)
    for file in files:
        collected.add(file)
    if not collected.rows:
        counted = ", ".join(f"{number} {reason}" for reason, number in collected.dropped.items())
        raise UserError(
            f"no row could be imported (dropped: {counted or 'none'})", file=files[0], remedy="check the format"
        )
    sources = [*files, *importer.side_files()]
    notes: dict[str, Any] = {
        "format": chosen.name,
        "options": json.loads(importer.config.model_dump_json(exclude_defaults=True)),
        "files": [{"name": file.name, "sha256": content_hash(file)} for file in sources],
        "counts": {name: number for name, number in importer.counts.items() if number},
    }
    return Imported(tuple(collected.rows), str(collected.kind), collected.dropped, notes)


def import_into(
    project: Path,
    paths: Sequence[Path],
    format: str | None = None,
    name: str | None = None,
    options: Options = (),
    *,
    skip_bad: bool = False,
    overwrite: bool = False,
) -> Artifact[Record]:
    """Import files into a project folder as `data/NAME`, split into train, valid and test.

    Args:
        options: as for `import_file`; those that begin with `split.` are for the `SplitConfig`.
        name: by default that of the first file.

    Raises:
        UserError: as `import_file`; or NAME is no plain name; or there is other data under it and not `overwrite`.
    """
    name = stem(Path(paths[0])) if name is None and paths else name or ""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UserError(f"'{name}' is no plain name", field="name", remedy="use letters, digits, '-', '_' and '.'")
    path = project / "data" / name
    if path.exists() and not overwrite:
        raise UserError(
            "there is data of this name already", file=path, remedy="choose another name, or remove this folder first"
        )
    overrides = _overrides(options)
    split = load_config(SplitConfig, overrides=[o.removeprefix("split.") for o in overrides if o.startswith("split.")])
    rest = [override for override in overrides if not override.startswith("split.")]
    imported = without_withdrawn(import_file(paths, format, rest, skip_bad=skip_bad), Withdrawn.of(project))
    return write_imported(split_imported(imported, split), path)


def without_withdrawn(imported: Imported, withdrawn: Withdrawn) -> Imported:
    """The same without the rows of people who withdrew from the project, which are counted.

    Raises:
        UserError: no row is left.
    """
    rows, dropped = withdrawn.without(imported.rows)
    if not rows:
        raise UserError("all rows are of people who withdrew", remedy="`preceptor withdraw` says what that means")
    return replace(imported, rows=tuple(rows), dropped=imported.dropped + dropped)


def sniff(path: Path) -> type[Format]:
    """The format that a file's first good row looks like.

    Raises:
        UserError: none does, or the file cannot be read.
    """
    start = next((raw.lstrip() for _, raw in numbered_lines(path) if raw.strip()), b"")
    if not start:
        raise UserError("the file holds only blank lines", file=path, remedy="check that it was written to its end")
    row: Mapping[str, Any] | None = None
    if start.startswith((b"{", b"[")):
        items = list(_some(json_items(path)))
        good = [item for item in items if isinstance(item, Item)]
        if not good:
            raise items[0] if items else UserError("an empty list", file=path, remedy="check the file")
        row = good[0].value
    fitting = [name for name, format in formats().items() if format.fits(row)]
    if len(fitting) == 1:
        return formats()[fitting[0]]
    found = f"fits several formats ({', '.join(fitting)})" if fitting else "fits no format"
    fields = "" if row is None else f"; it has the fields {', '.join(row)}"
    raise UserError(
        f"the first row {found}{fields}", file=path, remedy=f"give --format, one of: {', '.join(sorted(formats()))}"
    )


class _Collected:
    """Rows as they come in: of one kind, no id twice."""

    def __init__(self, importer: Format) -> None:
        self.importer = importer
        self.rows: list[Record] = []
        self.kind: str | None = None
        self.dropped = importer.dropped
        self.seen: dict[tuple[str, str | None], str] = {}

    def add(self, file: Path) -> None:
        """Read one more file."""
        is_empty = True
        for item in self.importer.read(file):
            is_empty = False
            try:
                if isinstance(item, BadRow):
                    raise item
                self.rows += self._made(item)
            except BadRow as bad:
                if not self.importer.config.skip_bad:
                    raise bad from None
                self.dropped[bad.reason] += bad.num_rows
        if is_empty:
            raise UserError("the file holds no rows", file=file, remedy="check that it was written to its end")

    def _made(self, item: Item) -> list[Record]:
        try:
            made: list[Any] = list(self.importer.records(item))
        except ValidationError as error:
            raise malformed(item, error) from None
        for row in made:
            kind = _kind(row)
            self.kind = self.kind or kind
            if kind != self.kind:
                raise item.bad("another kind of row", f"is one of {kind}, but the rows before are {self.kind}")
            if (key := _key(row)) in self.seen:
                raise item.bad("duplicate id", f"has id '{row.id}', as has {self.seen[key]}", field="id")
        # Only after all of the row's records are known to be good: a bad row leaves nothing behind.
        self.seen |= {_key(row): f"{item.file.name}:{item.line}" for row in made}
        return made


def malformed(item: Item, error: ValidationError) -> BadRow:
    """What is wrong with a row that makes no record."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    problem = first["msg"].removeprefix("Value error, ")
    reason = "response that does not exist" if "response that does not exist" in problem else "malformed row"
    return item.bad(reason, problem, field=field)


def _key(row: Any) -> tuple[str, str | None]:
    """What names a row: labelers who judge the same thing share its id."""
    return row.id, row.labeler.id if isinstance(row, Demonstration | Ranking | Rating) else None


def _kind(row: Record) -> str:
    return next(kind for kind, record in KINDS.items() if isinstance(row, record))


def _overrides(options: Options) -> list[str]:
    """KEY=VALUE texts, as `load_config` takes them."""
    if isinstance(options, Mapping):
        return [f"{key}={json.dumps(value, default=str)}" for key, value in options.items()]
    return list(options)


def _some(items: Any) -> Any:
    """The first rows, up to and with the first good one; the file is read no further."""
    for item in items:
        yield item
        if isinstance(item, Item):
            return


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UserError("no such file or folder", file=path, remedy="check the path")
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file() and file.name.endswith(ENDINGS))
    return [path]


def named_format(name: str) -> type[Format]:
    """The format of this name.

    Raises:
        UserError: there is none.
    """
    found = formats()
    if name not in found:
        raise UserError(
            f"no format '{name}'", field="format", remedy=f"choose one of: {', '.join(sorted(found))}, auto"
        )
    return found[name]
