"""Artifacts: a folder with `rows.jsonl` and a `manifest.json` that says what is in it and where it came from."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import Field, JsonValue, ValidationError

from preceptor import __version__
from preceptor.errors import UserError
from preceptor.records.base import Record
from preceptor.records.labels import Demonstration, Ranking, Rating
from preceptor.records.prompt import Prompt

RecordT = TypeVar("RecordT", bound=Record)

KINDS: dict[str, type[Record]] = {
    "prompts": Prompt, "demonstrations": Demonstration, "rankings": Ranking, "ratings": Rating,
}  # fmt: skip


class Manifest(Record):
    """What an artifact holds: enough to find it again, and to see that nothing was lost on the way."""

    kind: str
    content_hash: str
    """sha256 of rows.jsonl."""
    num_rows: int
    parents: tuple[str, ...] = ()
    """Content hashes of the artifacts and models that this one was made from."""
    dropped: dict[str, int] = Field(default_factory=dict)
    """Reason → number of rows that did not get in."""
    origin: str = "human"
    """'human', 'simulated' or 'mixed': who made the labels in it."""
    notes: dict[str, JsonValue] = Field(default_factory=dict)
    version: str = __version__


class Artifact(Generic[RecordT]):
    """An artifact in memory: its rows and its manifest."""

    def __init__(self, rows: Sequence[RecordT], manifest: Manifest, path: Path) -> None:
        self.rows = tuple(rows)
        self.manifest = manifest
        self.path = path


def content_hash(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_artifact(
    path: Path,
    rows: Iterable[RecordT],
    kind: str,
    *,
    parents: Sequence[str] = (),
    dropped: Mapping[str, int] | None = None,
    notes: Mapping[str, JsonValue] | None = None,
) -> Artifact[RecordT]:
    """Write rows and manifest beside `path`, then rename: a crash leaves the old artifact or the new, never half."""
    rows = tuple(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        with (aside / "rows.jsonl").open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(row.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        manifest = Manifest(
            kind=kind,
            content_hash=content_hash(aside / "rows.jsonl"),
            num_rows=len(rows),
            parents=tuple(parents),
            dropped=dict(dropped or {}),
            origin=_origin(rows),
            notes=dict(notes or {}),
        )
        (aside / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        if path.exists():
            shutil.rmtree(path)
        aside.rename(path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return Artifact(rows, manifest, path)


def read_artifact(path: Path, record: type[RecordT]) -> Artifact[RecordT]:
    """Read an artifact back and check its hash.

    Raises:
        UserError: it is missing, was changed since it was written, or a row does not parse.
    """
    manifest_path, rows_path = path / "manifest.json", path / "rows.jsonl"
    if not manifest_path.is_file() or not rows_path.is_file():
        raise UserError(
            "not an artifact: manifest.json and rows.jsonl are both needed", file=path, remedy="import the data again"
        )
    try:
        manifest = Manifest.model_validate_json(manifest_path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise _row_error(error, manifest_path, None) from None
    if content_hash(rows_path) != manifest.content_hash:
        raise UserError(
            "the rows were changed after they were written (content hash differs)",
            file=rows_path,
            remedy="restore the file, or import the data again; artifacts are immutable",
        )
    return Artifact(read_jsonl(rows_path, record), manifest, path)


def read_jsonl(path: Path, record: type[RecordT]) -> list[RecordT]:
    """Read one record per line.

    Raises:
        UserError: names file, line and field of the first row that does not parse.
    """
    rows = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                rows.append(record.model_validate_json(line))
            except ValidationError as error:
                raise _row_error(error, path, number) from None
    return rows


def _row_error(error: ValidationError, path: Path, line: int | None) -> UserError:
    first = error.errors()[0]
    return UserError(
        first["msg"].removeprefix("Value error, "),
        file=path,
        line=line,
        field=".".join(str(part) for part in first["loc"]) or None,
        remedy="mend this line; `docs/records.md` shows each record's fields",
    )


def _origin(rows: Sequence[Record]) -> str:
    origins = {row.labeler.origin for row in rows if isinstance(row, Demonstration | Ranking | Rating)}
    return "mixed" if len(origins) > 1 else next(iter(origins), "human")


def canonical_hash(value: JsonValue) -> str:
    """sha256 of a JSON value, independent of key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
