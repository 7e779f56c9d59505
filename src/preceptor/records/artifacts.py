"""Artifacts: a folder with `rows.jsonl` and a `manifest.json` that says what is in it and where it came from."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, Literal, TypeVar, cast

from pydantic import Field, JsonValue, ValidationError

from preceptor import __version__
from preceptor.errors import UserError
from preceptor.records.base import Record
from preceptor.records.candidates import Candidates
from preceptor.records.conversation import Conversation
from preceptor.records.document import Document
from preceptor.records.labels import Demonstration, Ranking, Rating, ToxicityRating
from preceptor.records.prompt import Prompt

RecordT = TypeVar("RecordT", bound=Record)

KINDS: dict[str, type[Record]] = {
    "prompts": Prompt, "demonstrations": Demonstration, "rankings": Ranking, "ratings": Rating,
    "toxicity_ratings": ToxicityRating, "documents": Document, "candidates": Candidates, "conversations": Conversation,
}  # fmt: skip
"""Kind of artifact → what one of its rows is."""


class Manifest(Record):
    """What an artifact holds: enough to find it again, and to see that nothing was lost on the way."""

    kind: str
    """'prompts', 'demonstrations', 'rankings', 'ratings' or another name for one type of record."""
    content_hash: str
    """sha256 of rows.jsonl."""
    num_rows: int
    """Lines of rows.jsonl."""
    parents: tuple[str, ...] = ()
    """Content hashes of the artifacts, models and files that this one was made from."""
    dropped: dict[str, int] = Field(default_factory=dict)
    """Reason → number of rows that did not get in."""
    origin: Literal["human", "simulated", "mixed", "none"] = "none"
    """Who made the labels in it; 'none' where there are no labels."""
    notes: dict[str, JsonValue] = Field(default_factory=dict)
    """What else its maker says of it."""
    version: str = __version__
    """Version of preceptor that wrote it."""


class Artifact(Generic[RecordT]):
    """An artifact in memory: its rows, its manifest, and the folder where it lies."""

    def __init__(self, rows: Sequence[RecordT], manifest: Manifest, path: Path) -> None:
        self.rows = tuple(rows)
        self.manifest = manifest
        self.path = path

    def __str__(self) -> str:
        """What it holds, what was dropped and what was noted, for people."""
        manifest = self.manifest
        lines = [f"{self.path}: {manifest.num_rows:,} {manifest.kind}"]
        lines += [f"  dropped {number:,}: {reason}" for reason, number in manifest.dropped.items()]
        return "\n".join([*lines, *(f"  {name}: {_flat(value)}" for name, value in manifest.notes.items())])


def content_hash(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_hash(value: JsonValue) -> str:
    """sha256 of a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_artifact(
    path: Path,
    rows: Iterable[RecordT],
    kind: str,
    *,
    parents: Sequence[str] = (),
    dropped: Mapping[str, int] | None = None,
    notes: Mapping[str, JsonValue] | None = None,
) -> Artifact[RecordT]:
    """Write rows and manifest aside, then rename: a crash leaves the old artifact or the new one, never half of one.

    Raises:
        UserError: a row is of another type than `kind` says, or the disk is full or not writable.
    """
    rows = tuple(rows)
    manifest = stream_artifact(path, rows, kind, parents=parents, dropped=dropped, notes=notes)
    return Artifact(rows, manifest, path)


def stream_artifact(
    path: Path,
    rows: Iterable[RecordT],
    kind: str,
    *,
    parents: Sequence[str] = (),
    dropped: Mapping[str, int] | None = None,
    notes: Mapping[str, JsonValue] | None = None,
) -> Manifest:
    """The same, for more rows than fit into memory. What is dropped and noted is read after the last row.

    Raises:
        UserError: as `write_artifact`.
    """
    origins: set[str] = set()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _recover(path)
        aside = _beside(path, "new")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        try:
            num = _write(aside / "rows.jsonl", _lines(rows, kind, path, origins))
            manifest = Manifest(
                kind=kind,
                content_hash=content_hash(aside / "rows.jsonl"),
                num_rows=num,
                parents=tuple(parents),
                dropped=dict(dropped or {}),
                origin=_origin(origins),
                notes=dict(notes or {}),
            )
            _write(aside / "manifest.json", [manifest.model_dump_json(indent=2)])
            _replace(path, aside)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            _recover(path)
            raise
    except OSError as error:
        raise UserError(
            f"cannot write: {error.strerror or error}; nothing was changed",
            file=path,
            remedy="free some disk space, or choose a folder that you may write to",
        ) from error
    return manifest


def read_artifact(path: Path, record: type[RecordT]) -> Artifact[RecordT]:
    """Read an artifact back and check its hash.

    Raises:
        UserError: it is missing, was changed since it was written, holds another kind of record, or a row does not
            parse.
    """
    return Artifact(tuple(stream_rows(path, record)), read_manifest(path), path)


def stream_rows(path: Path, record: type[RecordT]) -> Iterator[RecordT]:
    """The rows of an artifact one by one, for more than fit into memory; the hash is checked before the first.

    Raises:
        UserError: as `read_artifact`.
    """
    manifest, rows_path = read_manifest(path), path / "rows.jsonl"
    if KINDS.get(manifest.kind, record) is not record:
        raise UserError(
            f"this artifact holds {manifest.kind}, not {record.__name__.lower()}s",
            file=path,
            remedy="give the folder that holds them, or import them",
        )
    if content_hash(rows_path) != manifest.content_hash:
        raise UserError(
            "the rows were changed after they were written (content hash differs)",
            file=rows_path,
            remedy="restore the file, or import the data again; artifacts are immutable",
        )
    with rows_path.open("rb") as file:
        yield from parse_jsonl(file, record, rows_path)


def read_manifest(path: Path) -> Manifest:
    """The manifest alone: cheap, and without any check of the rows.

    Raises:
        UserError: `path` is no artifact, or its manifest does not parse.
    """
    _recover(path)
    manifest_path = path / "manifest.json"
    if not manifest_path.is_file() or not (path / "rows.jsonl").is_file():
        raise UserError(
            "not an artifact: manifest.json and rows.jsonl are both needed", file=path, remedy="import the data again"
        )
    try:
        return Manifest.model_validate_json(manifest_path.read_bytes())
    except ValidationError as error:
        raise row_error(error, manifest_path, None) from None


def parse_jsonl(lines: Iterable[bytes], record: type[RecordT], path: Path) -> Iterator[RecordT]:
    """One record per line; `path` is how errors name the file.

    Raises:
        UserError: names file, line and field of the first row that does not parse.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield record.model_validate_json(line, strict=True)
        except ValidationError as error:
            raise row_error(error, path, number) from None


def row_error(error: ValidationError, path: Path, line: int | None) -> UserError:
    """The first thing that is wrong with a row, as one sentence with its place."""
    first = error.errors()[0]
    return UserError(
        first["msg"].removeprefix("Value error, "),
        file=path,
        line=line,
        field=".".join(str(part) for part in first["loc"]) or None,
        remedy="mend this line; `docs/records.md` shows each record's fields",
    )


def _flat(value: JsonValue) -> str:
    """A JSON value on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_flat(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list):
        more = f" and {len(value) - 3} more" if len(value) > 3 else ""
        return ("; ".join(_flat(inner) for inner in value[:3]) or "none") + more
    return str(value)


def _lines(rows: Iterable[Record], kind: str, path: Path, origins: set[str]) -> Iterator[str]:
    """Rows as JSON, each of the right kind; who made the labels among them is noted in `origins`."""
    record = KINDS.get(kind)
    labels = Demonstration | Ranking | Rating | ToxicityRating | Conversation
    for number, row in enumerate(rows, start=1):
        if record is not None and not isinstance(row, record):
            raise UserError(
                f"an artifact of {kind} cannot hold a {type(row).__name__}",
                file=path,
                line=number,
                remedy="write one kind of record into one artifact",
            )
        if isinstance(row, labels):
            origins.add(row.labeler.origin)
        yield row.model_dump_json()


def _write(path: Path, lines: Iterable[str]) -> int:
    """Write lines to the disk, and say how many."""
    num = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for num, line in enumerate(lines, start=1):  # noqa: B007
            file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    return num


def _beside(path: Path, role: str) -> Path:
    return path.with_name(f".{path.name}.{role}")


def _replace(path: Path, aside: Path) -> None:
    """Folders cannot be exchanged in one step everywhere, so the old one waits aside until the new one has its name."""
    if path.exists():
        shutil.rmtree(_beside(path, "old"), ignore_errors=True)
        path.rename(_beside(path, "old"))
    aside.rename(path)
    shutil.rmtree(_beside(path, "old"), ignore_errors=True)


def _recover(path: Path) -> None:
    """Give the old artifact its name back when a crash hit between the two renames of `_replace`."""
    old = _beside(path, "old")
    if old.exists() and not path.exists():
        old.rename(path)


def _origin(origins: set[str]) -> Literal["human", "simulated", "mixed", "none"]:
    if len(origins) > 1:
        return "mixed"
    return cast(Literal["human", "simulated", "none"], next(iter(origins), "none"))
