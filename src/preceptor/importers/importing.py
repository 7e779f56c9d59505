"""From files to an artifact: find the format, read each row, count what does not get in, split, write."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError

from preceptor.config import BaseConfig, load_config
from preceptor.errors import UserError
from preceptor.importers.base import OWN_SPLIT, Format, formats
from preceptor.importers.item import BadRow, Item
from preceptor.importers.reading import json_items, numbered_lines, stem
from preceptor.records import (
    KINDS,
    Artifact,
    Demonstration,
    Prompt,
    Ranking,
    Rating,
    Record,
    Split,
    split_by_group,
    split_by_response,
    write_artifact,
)
from preceptor.records.artifacts import content_hash

ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".gz")


@dataclass(frozen=True)
class Imported:
    """What files held: records of one kind, and what did not get in."""

    rows: tuple[Record, ...]
    kind: str
    """'prompts', 'demonstrations', 'rankings', 'ratings' or 'documents'."""
    dropped: Counter[str]
    """Reason → number of rows, or of things inside rows."""
    notes: dict[str, Any]
    """Format, options, files with their hashes, and counts worth knowing."""


class SplitConfig(BaseConfig):
    """How imported rows are put into train, valid and test."""

    by: Literal["auto", "group", "response", "keep"] = "auto"
    """`group`: no user and no beginning of a conversation is in two splits. `response`: no response text is, and
    rankings across splits are dropped; for data in which all rows share one prompt. `keep`: as the rows say.
    `auto`: `keep` where each row names its split, `response` for rankings of one prompt, else `group`."""
    valid: float = Field(default=0.1, ge=0, le=1)
    """Share of the groups that goes into valid."""
    test: float = Field(default=0.1, ge=0, le=1)
    """Share of the groups that goes into test."""
    seed: int = 0
    """Another seed makes other splits."""

    def shares(self) -> dict[Split, float]:
        """Share of each split.

        Raises:
            UserError: nothing is left to train on.
        """
        if self.valid + self.test >= 1:
            raise UserError("valid and test leave nothing to train on", remedy="make their sum less than 1")
        return {"train": 1 - self.valid - self.test, "valid": self.valid, "test": self.test}


def import_file(
    paths: Sequence[Path], format: str | None = None, options: Mapping[str, JsonValue] | None = None
) -> Imported:
    """Read files, and folders of files, of one format into records of one kind.

    Args:
        paths: files; a folder stands for its JSON, CSV, TSV and gzip files in the order of their names.
        format: a name among `formats()`; None or 'auto' finds it by the first row.
        options: values for the format's `Config`.

    Raises:
        UserError: what is wrong, with file, line, field and remedy; with the option `skip_bad`, rows that are wrong
            one by one are counted in `dropped` instead.
    """
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise UserError("no file to import", remedy=f"give files, or a folder with {', '.join(ENDINGS)} files")
    chosen = sniff(files[0]) if format in (None, "auto") else _named(str(format))
    overrides = [f"{key}={json.dumps(value, default=str)}" for key, value in (options or {}).items()]
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


def write_imported(imported: Imported, path: Path) -> Artifact[Record]:
    """Write the rows as an artifact whose parents are the files that they came from.

    Raises:
        UserError: the disk is full or not writable.
    """
    parents = [file["sha256"] for file in imported.notes["files"]]
    return write_artifact(
        path, imported.rows, imported.kind, parents=parents, dropped=imported.dropped, notes=imported.notes
    )


def import_into(
    project: Path,
    paths: Sequence[Path],
    format: str | None = None,
    name: str | None = None,
    options: Mapping[str, JsonValue] | None = None,
    *,
    split: SplitConfig | None = None,
    overwrite: bool = False,
) -> Artifact[Record]:
    """Import files into a project folder as `data/NAME`, split into train, valid and test.

    Raises:
        UserError: as `import_file`; or NAME is no plain name; or there is other data under it and not `overwrite`.
    """
    name = stem(Path(paths[0])) if name is None and paths else name or ""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UserError(f"'{name}' is no plain name", field="name", remedy="use letters, digits, '-', '_' and '.'")
    path = project / "data" / name
    if path.exists() and not overwrite:
        raise UserError(
            "there is data of this name already", file=path, remedy="choose another --name, or give --overwrite"
        )
    imported = split_imported(import_file(paths, format, options), split or SplitConfig())
    return write_imported(imported, path)


def split_imported(imported: Imported, config: SplitConfig) -> Imported:
    """The same rows with their splits; says how, and how many rows are in each split.

    Raises:
        UserError: the splits' shares leave nothing to train on.
    """
    if imported.kind == "documents":
        return imported
    rows: Any = imported.rows
    by = _way(imported) if config.by == "auto" else config.by
    dropped = imported.dropped.copy()
    if by == "response" and imported.kind != "rankings":
        raise UserError(f"{imported.kind} cannot be split by response", field="by", remedy="split by group")
    if by == "response":
        rows, num_between = split_by_response(rows, config.seed, config.shares())
        dropped["responses in different splits"] += num_between
    elif by == "group":
        rows = split_by_group(rows, config.seed, config.shares())
    if not rows:
        raise UserError("no row is left after the split", field="by", remedy="import more rows, or split by group")
    numbers = Counter(_prompt(row).split for row in rows)
    notes = imported.notes | {"split": {"by": by, "seed": config.seed, "rows": dict(sorted(numbers.items()))}}
    return replace(imported, rows=tuple(rows), dropped=+dropped, notes=notes)


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
        self.seen: dict[str, str] = {}

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
            raise _malformed(item, error) from None
        for row in made:
            kind = _kind(row)
            self.kind = self.kind or kind
            if kind != self.kind:
                raise item.bad("another kind of row", f"is one of {kind}, but the rows before are {self.kind}")
            if row.id in self.seen:
                raise item.bad("duplicate id", f"has id '{row.id}', as has {self.seen[row.id]}", field="id")
        # Only after all of the row's records are known to be good: a bad row leaves nothing behind.
        self.seen |= {row.id: f"{item.file.name}:{item.line}" for row in made}
        return made


def _malformed(item: Item, error: ValidationError) -> BadRow:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    problem = first["msg"].removeprefix("Value error, ")
    reason = "response that does not exist" if "response that does not exist" in problem else "malformed row"
    return item.bad(reason, problem, field=field)


def _kind(row: Record) -> str:
    return next(kind for kind, record in KINDS.items() if isinstance(row, record))


def _prompt(row: Record) -> Prompt:
    assert isinstance(row, Prompt | Demonstration | Ranking | Rating)
    return row if isinstance(row, Prompt) else row.prompt


def _way(imported: Imported) -> Literal["group", "response", "keep"]:
    if imported.notes["counts"].get(OWN_SPLIT) == len(imported.rows):
        return "keep"
    is_one_prompt = len({_prompt(row).messages for row in imported.rows}) == 1
    return "response" if imported.kind == "rankings" and is_one_prompt and len(imported.rows) > 1 else "group"


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


def _named(name: str) -> type[Format]:
    found = formats()
    if name not in found:
        raise UserError(
            f"no format '{name}'", field="format", remedy=f"choose one of: {', '.join(sorted(found))}, auto"
        )
    return found[name]
