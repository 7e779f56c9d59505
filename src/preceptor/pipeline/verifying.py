"""`preceptor verify`: everything that a project knows the hash of, hashed again."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preceptor.errors import UserError
from preceptor.pipeline.memory import artifact_folders, check_project, read_stage, stage_folders
from preceptor.records import Manifest, read_manifest
from preceptor.records.artifacts import content_hash
from preceptor.records.withdrawn import Withdrawn
from preceptor.runs.lineage import hash_of_files, model_files

NOTHING = "nothing"


@dataclass(frozen=True)
class Finding:
    """A file that is not what it was."""

    file: str
    expected: str
    found: str
    needed_by: tuple[str, ...] = ()
    """Where else it is known from: what was made from it."""

    def __str__(self) -> str:
        word = "lost" if self.found == NOTHING else "changed"
        lines = [f"{word}: {self.file}", f"  expected {self.expected}", f"  found    {self.found}"]
        return "\n".join(lines + ([f"  made from it: {', '.join(self.needed_by)}"] if self.needed_by else []))


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


def verify(project: Path) -> Verified:
    """Hash every artifact, and every file of every finished stage, and compare with what was written down.

    Raises:
        UserError: it is no project.
    """
    check_project(project)
    verified = Verified(Counter(dict.fromkeys(("artifacts", "rows", "stages", "files of stages", "models"), 0)))
    contents: dict[str, str] = {}
    sources: dict[str, Mapping[str, str]] = {}
    for folder in artifact_folders(project):
        place = folder.relative_to(project).as_posix()
        manifest = _artifact(verified, folder, place)
        if manifest is not None:
            contents[place] = manifest.content_hash
            noted: Any = manifest.notes.get("sources", {})
            sources[place] = noted
    for folder in stage_folders(project):
        place = folder.relative_to(project).as_posix()
        stage = _stage(verified, folder, place)
        if stage is not None:
            contents[f"{place}/model"] = stage["facts"].get("hash", "")
            sources[place] = stage.get("sources", {})
    _sources(verified, project, sources, contents)
    _links(verified, project)
    _tombstones(verified, project)
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
        verified.counts["unfinished stages, which were passed over"] += 1
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
        verified.findings.append(Finding(Path(str(error.file)).name, "tombstones", error.problem))


def _compare(verified: Verified, file: str, expected: str, found: str) -> None:
    if expected != found:
        verified.findings.append(Finding(file, expected, found))
