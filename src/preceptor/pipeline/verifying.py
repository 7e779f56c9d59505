"""`preceptor verify`: everything that a project knows the hash of, hashed again; and whether its store is whole."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from preceptor.errors import UserError
from preceptor.labeling.project import FOLDER, store_url
from preceptor.pipeline.memory import artifact_folders, check_project, read_stage, stage_folders
from preceptor.prompts.adding import changed_prompts
from preceptor.records import Manifest, read_manifest
from preceptor.records.artifacts import content_hash
from preceptor.records.withdrawn import Withdrawn
from preceptor.runs.checkpoint import checkpoints_in, damage_of
from preceptor.runs.lineage import hash_of_files, model_files
from preceptor.store import RawPrompt
from preceptor.store.checking import damages
from preceptor.store.copying import reading
from preceptor.store.database import check_file, parse_url
from preceptor.store.tables import Answer, Export

NOTHING = "nothing"
REMEDIES = {
    "data": "bring it back from a copy; or remove it, and import, export or build it again",
    "artifacts": "remove it: the command that made it makes it again",
    "todo": "remove it: `preceptor run` makes it again",
    "work": "remove the stage's folder in work/: `preceptor run` makes it again",
    "latest": "`preceptor run` points it at the present work again",
}
"""What to do about a file of a project, by the folder that it is in."""
BACKUP = "stop the server and bring the store back from a backup (`preceptor store backup` makes them)"
NUM_NAMED = 5
"""Changed raw prompts whose keys are named; the others are counted."""


@dataclass(frozen=True)
class Finding:
    """A file that is not what it was."""

    file: str
    expected: str
    found: str
    needed_by: tuple[str, ...] = ()
    """Where else it is known from: what was made from it."""
    remedy: str = ""
    """What to do; where nothing is said, what its folder says."""

    def __str__(self) -> str:
        word = "lost" if self.found == NOTHING else "changed"
        lines = [f"{word}: {self.file}", f"  expected {self.expected}", f"  found    {self.found}"]
        lines += [f"  made from it: {', '.join(self.needed_by)}"] if self.needed_by else []
        return "\n".join([*lines, f"  → {self.remedy or REMEDIES[self.file.partition('/')[0]]}"])


@dataclass
class Verified:
    """What was looked at, and what was found."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    """What was made from something that a later run or export has replaced: no damage, but it is not there any more."""

    def lines(self) -> Iterator[str]:
        """The same for people."""
        yield "checked " + ", ".join(f"{number:,} {what}" for what, number in self.counts.items() if number)
        yield from self.replaced
        yield from map(str, self.findings)
        yield f"{len(self.findings):,} changed or lost" if self.findings else "nothing was changed or lost"


def verify(project: Path, store: str | None = None) -> Verified:
    """Hash every artifact, every file of every finished stage and every checkpoint of the others, and compare with what
    was written down; look through the store.

    Raises:
        UserError: it is no project, or there is no such store.
    """
    check_project(project)
    verified = Verified(Counter(dict.fromkeys(("artifacts", "rows", "stages", "files of stages", "models"), 0)))
    contents: dict[str, str] = {}
    sources: dict[str, Mapping[str, str]] = {}
    releases: dict[str, tuple[Any, str]] = {}
    for folder in artifact_folders(project):
        place = folder.relative_to(project).as_posix()
        manifest = _artifact(verified, folder, place)
        if manifest is not None:
            contents[place] = manifest.content_hash
            noted: Any = manifest.notes.get("sources", {})
            sources[place] = noted
            if "release" in manifest.notes:
                releases[place] = manifest.notes["release"], manifest.content_hash
    for folder in stage_folders(project):
        place = folder.relative_to(project).as_posix()
        stage = _stage(verified, folder, place)
        if stage is not None:
            contents[f"{place}/model"] = stage["facts"].get("hash", "")
            sources[place] = stage.get("sources", {})
    _sources(verified, project, sources, contents)
    _links(verified, project)
    _tombstones(verified, project)
    _store(verified, project, store, releases)
    return verified


def _artifact(verified: Verified, folder: Path, place: str) -> Manifest | None:
    verified.counts["artifacts"] += 1
    rows = folder / "rows.jsonl"
    for name in ("manifest.json", "rows.jsonl"):
        if not (folder / name).exists():
            verified.findings.append(Finding(f"{place}/{name}", "a file", NOTHING))
            return None
    try:
        manifest = read_manifest(folder)
    except UserError as error:
        verified.findings.append(Finding(f"{place}/manifest.json", "a manifest", error.problem))
        return None
    _compare(verified, f"{place}/rows.jsonl", manifest.content_hash, content_hash(rows))
    verified.counts["rows"] += manifest.num_rows
    return manifest


def _stage(verified: Verified, folder: Path, place: str) -> dict[str, Any] | None:
    try:
        stage = read_stage(folder)
    except UserError as error:
        verified.findings.append(Finding(f"{place}/stage.json", "what a stage says of itself", error.problem))
        return None
    if stage is None:
        verified.counts["unfinished stages"] += 1
        _checkpoints(verified, folder / "run" / "checkpoints", f"{place}/run/checkpoints")
        return None
    verified.counts["stages"] += 1
    expected, found = stage.get("files", {}), {}
    for name, path in _files(folder, expected).items():
        found[name] = content_hash(path) if path.exists() else NOTHING
    verified.counts["files of stages"] += len(found)
    if "hash" in stage["facts"]:
        verified.counts["models"] += 1
    damaged = [name for name in expected if found[name] != expected[name]]
    for name in damaged:
        _compare(verified, f"{place}/{name}", expected[name], found[name])
    if "hash" in stage["facts"] and not any(name.startswith("model/") for name in damaged):
        files = {name: found[f"model/{name}"] for name in model_files(folder / "model")}
        _compare(verified, f"{place}/model", stage["facts"]["hash"], hash_of_files(files) if files else NOTHING)
    return stage


def _checkpoints(verified: Verified, directory: Path, place: str) -> None:
    """Those from which an unfinished stage would go on."""
    for step, path in checkpoints_in(directory).items():
        verified.counts["checkpoints"] += 1
        damage = damage_of(step, path)
        if damage is not None and path.exists():  # a run that goes on right now removes those that are too old
            remedy = "nothing: `preceptor run` passes it over, and goes on from the one before it or from the start"
            verified.findings.append(Finding(f"{place}/{path.name}", "a whole checkpoint", damage, remedy=remedy))


def _files(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Files that a stage left, and those that its model has now: a file too many makes another model, too."""
    now = {f"model/{name}": path for name, path in model_files(folder / "model").items()}
    return {name: folder / name for name in names} | now


def _sources(
    verified: Verified, project: Path, sources: Mapping[str, Mapping[str, str]], contents: Mapping[str, str]
) -> None:
    made_from: dict[tuple[str, str], list[str]] = defaultdict(list)
    for place, noted in sources.items():
        for source in noted.items():
            made_from[source].append(place)
    for (source, content), places in made_from.items():
        if not (project / source).exists():
            verified.findings.append(Finding(source, content, NOTHING, tuple(places)))
        elif source in contents and contents[source] != content:
            verified.replaced.append(f"replaced since: {source} ({content[:10]}); made from it: {', '.join(places)}")


def _links(verified: Verified, project: Path) -> None:
    links = sorted((project / "latest").glob("[!.]*"))
    for link in links:
        if not link.exists():
            verified.findings.append(Finding(f"latest/{link.name}", str(link.readlink()), NOTHING))
    verified.counts["links to the latest work"] += len(links)


def _tombstones(verified: Verified, project: Path) -> None:
    try:
        verified.counts["tombstones"] += len(Withdrawn.of(project).kept.stones)
    except UserError as error:
        name, remedy = Path(str(error.file)).name, str(error.remedy)
        verified.findings.append(Finding(name, "tombstones", error.problem, remedy=remedy))


def _store(verified: Verified, project: Path, store: str | None, releases: Mapping[str, tuple[Any, str]]) -> None:
    url = parse_url(store_url(project, store))
    if store is None and not Path(str(url.database)).exists():
        return
    if url.drivername == "sqlite":
        check_file(url)
    place = f"{FOLDER}/labels.db" if store is None else url.render_as_string().replace("+psycopg", "")
    verified.counts["stores"] += 1
    try:
        with reading(url) as connection:
            for damage in damages(connection):
                _damaged(verified, f"{place}, {damage.table}" if damage.table else place, damage.expected, damage.found)
            _raw_prompts(verified, place, connection)
            _releases(verified, connection, releases)
            verified.counts["answers of labelers"] += connection.scalar(select(func.count(Answer.id))) or 0
    except DBAPIError as error:
        _damaged(verified, place, "a store that can be read", str(error.orig))
    except UserError as error:
        finding = Finding(place, "a store that can be read", error.problem, remedy=str(error.remedy))
        verified.findings.append(finding)


def _raw_prompts(verified: Verified, place: str, connection: Connection) -> None:
    num = connection.scalar(select(func.count(RawPrompt.key))) or 0
    verified.counts["raw prompts"] += num
    try:
        changed = list(changed_prompts(connection))
    except ValueError as error:
        _damaged(verified, f"{place}, prompts", "rows of JSON", str(error))
        return
    if changed:
        named = ", ".join(changed[:NUM_NAMED]) + (", …" if len(changed) > NUM_NAMED else "")
        found = f"{len(changed):,} of {num:,} are not: {named}"
        _damaged(verified, f"{place}, prompts", "rows that are what their keys say", found)


def _releases(verified: Verified, connection: Connection, releases: Mapping[str, tuple[Any, str]]) -> None:
    """What was exported is what the store says of it: rows and manifest may have been written anew together."""
    # The hash is empty where an export was stopped just after it wrote the artifact.
    exports = connection.execute(select(Export).where(Export.content_hash != ""))
    noted = {(one.id, f"data/{one.name}"): one.content_hash for one in exports}
    for place, (number, content) in releases.items():
        _compare(verified, f"{place}/manifest.json", noted.get((number, place), content), content)


def _damaged(verified: Verified, place: str, expected: str, found: str) -> None:
    verified.findings.append(Finding(place, expected, found, remedy=BACKUP))


def _compare(verified: Verified, file: str, expected: str, found: str) -> None:
    if expected != found:
        verified.findings.append(Finding(file, expected, found))
