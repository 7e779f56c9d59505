"""`preceptor labels export`: what labelers submitted, as the artifacts that training reads; or as tables for others."""

import csv
import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import insert, select

from preceptor.errors import UserError
from preceptor.labeling.gathering import Gathered, Heap, gather
from preceptor.labeling.project import store_url
from preceptor.records import KINDS, Artifact, Record, read_artifact, read_manifest, write_artifact
from preceptor.records.withdrawn import Withdrawn
from preceptor.store import Database
from preceptor.store.tables import Export, ExportedAnswer, Purpose

Format = Literal["artifacts", "csv", "datasets"]

ZIP = "application/zip"
PREFIX = "labels"
"""Begins the names of the artifacts, so that they are not taken for imported ones."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""

CARD = """\
---
configs:
{configs}
---
# Labels

Written by `preceptor labels export`. Labelers are pseudonyms of this release; `metadata` is JSON.

{table}
"""


def export_from(project: Path, store: str | None, format: str, to: Path | None) -> list[str]:
    """Export what a project's labelers submitted; what was written, for people.

    Raises:
        UserError: there is no store or no such format, or `to` is missing or cannot be written.
    """
    if format not in ("artifacts", "csv", "datasets"):
        raise UserError(f"there is no format '{format}'", remedy="choose artifacts, csv or datasets")
    if (format == "artifacts") != (to is None):
        raise UserError("artifacts go into the project, tables into a folder", remedy="give --to with csv and datasets")
    withdrawn = Withdrawn.of(project)
    database = Database.open(store_url(project, store), create=False)
    try:
        if to is None:
            return [str(one) for one in export_artifacts(database, project / "data", time.time(), withdrawn)]
        return [str(path) for path in export_tables(database, to, "csv" if format == "csv" else "datasets", withdrawn)]
    finally:
        database.close()


def export_archive(database: Database, format: Format, now: float, withdrawn: Withdrawn) -> bytes:
    """The same as a ZIP archive: artifacts for a project's `data/`, or tables."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "labels"
        if format == "artifacts":
            folder.mkdir()
            export_artifacts(database, folder, now, withdrawn)
        else:
            export_tables(database, folder, format, withdrawn)
        return Path(shutil.make_archive(f"{made}/archive", "zip", folder)).read_bytes()


def export_artifacts(database: Database, data: Path, now: float, withdrawn: Withdrawn) -> list[Artifact[Any]]:
    """Write one artifact for each kind of record, group and origin; an earlier release gives way to this one.

    Which answers went into it is kept in the store, which refuses anything of a held-out labeler in what trains. Where
    nothing was labeled since the last release, that one stays, and with it all that was trained on it.

    Raises:
        UserError: the folder cannot be written.
    """
    latest = _release_in(data, database)
    with database.read() as session:
        heaps = gather(session, latest.salt if latest else secrets.token_hex(16), withdrawn)
        if latest is not None and _is_still(latest, heaps, data):
            return [read_artifact(data / name, KINDS[heap.kind]) for name, heap in _by_name(heaps).items()]
        salt = secrets.token_hex(16)
        heaps = gather(session, salt, withdrawn)
    return [_release(database, data, heap, heaps[heap], salt, now) for heap in _by_name(heaps).values()]


@dataclass(frozen=True)
class Release:
    """What was exported together."""

    salt: str
    answer_ids: frozenset[tuple[str, int]]
    """Artifact and answer."""
    hashes: Mapping[str, str]
    """Content hashes of the artifacts by their names."""


def _release_in(data: Path, database: Database) -> Release | None:
    """The release that lies in a folder; a download, which lies elsewhere, does not make it an old one."""
    manifests = [read_manifest(path.parent) for path in data.glob(f"{PREFIX}-*/manifest.json")]
    ids_here = [one.notes["release"] for one in manifests if "release" in one.notes]
    with database.read() as session:
        last = session.scalar(select(Export).where(Export.id.in_(ids_here)).order_by(Export.id.desc()).limit(1))
        if last is None:
            return None
        exports = {one.id: one for one in session.scalars(select(Export).where(Export.salt == last.salt))}
        kept = select(ExportedAnswer.export_id, ExportedAnswer.answer_id).where(ExportedAnswer.export_id.in_(exports))
        ids = frozenset((exports[export_id].name, answer_id) for export_id, answer_id in session.execute(kept))
    return Release(last.salt, ids, {one.name: one.content_hash for one in exports.values()})


def _is_still(latest: Release, heaps: Mapping[Heap, Gathered], data: Path) -> bool:
    """Whether the last release holds all that there is now, and lies where it was written."""
    ids = {(name_of(heap), answer_id) for heap, gathered in heaps.items() for answer_id in gathered.answer_ids}
    names = {name_of(heap) for heap in heaps}
    return ids == latest.answer_ids and names == set(latest.hashes) and all(
        (data / name / "manifest.json").is_file() and read_manifest(data / name).content_hash == content_hash
        for name, content_hash in latest.hashes.items()
    )  # fmt: skip


def _release(database: Database, data: Path, heap: Heap, gathered: Gathered, salt: str, now: float) -> Artifact[Any]:
    """Note what goes into an artifact, which the store may refuse, and write it."""
    purpose: Purpose = "training" if heap.group == "training" else "measurement"
    with database.write() as session:
        export = Export(name=name_of(heap), kind=heap.kind, purpose=purpose, salt=salt, content_hash="", created_at=now)
        session.add(export)
        session.flush()
        rows = [
            {"export_id": export.id, "answer_id": answer, "purpose": purpose, "group": heap.group}
            for answer in gathered.answer_ids
        ]
        if rows:
            session.execute(insert(ExportedAnswer), rows)
        release = export.id
    # Writing takes a while, and labelers' writes must not wait for it.
    artifact = write_artifact(
        data / name_of(heap), gathered.rows, heap.kind, dropped=gathered.dropped,
        notes={
            "release": release, "labeler_group": heap.group, "labeler_origin": heap.origin, **gathered.notes(),
        },
    )  # fmt: skip
    with database.write() as session:
        session.get_one(Export, release).content_hash = artifact.manifest.content_hash
    return artifact


def _by_name(heaps: Mapping[Heap, Gathered]) -> dict[str, Heap]:
    return {name_of(heap): heap for heap in sorted(heaps, key=name_of)}


def name_of(heap: Heap) -> str:
    """The name of an artifact: `labels-rankings`, `labels-rankings-held-out-simulated`."""
    parts = [PREFIX, heap.kind]
    parts += ["held-out"] if heap.group == "held_out" else []
    parts += ["simulated"] if heap.origin == "simulated" else []
    return "-".join(parts)


def export_tables(
    database: Database, directory: Path, format: Literal["csv", "datasets"], withdrawn: Withdrawn
) -> list[Path]:
    """Write one table for each kind of record, group and origin into a new folder.

    Raises:
        UserError: the folder is there already or cannot be written.
    """
    if directory.exists():
        raise UserError("there is such a folder already", file=directory, remedy="name another one with --to")
    with database.read() as session:
        heaps = gather(session, secrets.token_hex(16), withdrawn)
    directory.mkdir(parents=True)
    by_name = {name_of(heap): (heap, gathered) for heap, gathered in heaps.items() if gathered.rows}
    if format == "csv":
        return [_write_csv(directory / f"{name}.csv", by_name[name][1].rows) for name in sorted(by_name)]
    (directory / "README.md").write_text(card(by_name), encoding="utf-8")
    return [
        directory / "README.md",
        *(_write_jsonl(directory / f"{name}.jsonl", by_name[name][1].rows) for name in sorted(by_name)),
    ]


def card(by_name: Mapping[str, tuple[Heap, Gathered]]) -> str:
    """The card of a data set, from which `datasets.load_dataset(FOLDER, NAME)` knows the tables."""
    configs = [f"- config_name: {name}\n  data_files: {name}.jsonl" for name in sorted(by_name)]
    rows = [
        f"| {name} | {heap.kind} | {heap.group} | {heap.origin} | {len(gathered.rows)} |"
        for name, (heap, gathered) in sorted(by_name.items())
    ]
    table = ["| name | kind | labelers | origin | rows |", "|---|---|---|---|---|", *rows]
    return CARD.format(configs="\n".join(configs), table="\n".join(table))


def safe_cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def flat(record: Record) -> dict[str, Any]:
    """A record as one row: fields of fields are joined by dots, lists are JSON."""
    return dict(_flat("", record.model_dump(mode="json")))


def _flat(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and not place.endswith("metadata"):
        for name, inner in value.items():
            yield from _flat(f"{place}.{name}" if place else name, inner)
    else:
        is_plain = value is None or isinstance(value, str | int | float)
        yield place, value if is_plain else json.dumps(value, ensure_ascii=False)


def _write_csv(path: Path, records: Iterable[Record]) -> Path:
    rows = [flat(record) for record in records]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({name: safe_cell(value) for name, value in row.items()} for row in rows)
    return path


def _write_jsonl(path: Path, records: Iterable[Record]) -> Path:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json.dumps(_with_plain_metadata(record.model_dump(mode="json")), ensure_ascii=False) + "\n")
    return path


def _with_plain_metadata(value: Any) -> Any:
    """The same with each `metadata` as text: columns of a table have one type, and metadata has any."""
    if isinstance(value, dict):
        return {
            name: json.dumps(inner, ensure_ascii=False) if name == "metadata" else _with_plain_metadata(inner)
            for name, inner in value.items()
        }
    return [_with_plain_metadata(inner) for inner in value] if isinstance(value, list) else value
