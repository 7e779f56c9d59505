"""What a project remembers: its artifacts and models and what each was made from, read from the folder alone."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from preceptor.errors import UserError
from preceptor.pipeline.project import MARKER, RECIPE
from preceptor.records import Manifest, read_manifest
from preceptor.runs.lineage import Lineage, read_lineage

FOLDERS = ("data", "artifacts", "todo", "work")
MIN_HASH = 6
"""So many letters of a content hash are enough to name something by."""

Kind = Literal["artifact", "model", "unfinished", "file", "elsewhere", "replaced"]


@dataclass(frozen=True)
class Thing:
    """An artifact or a model of the project; or what one was made from and is not, or no longer, in the project."""

    place: str
    """Where it is in the project; for what is elsewhere, what is known of it."""
    content: str
    """Its content hash; empty for what is not finished."""
    kind: Kind
    parents: tuple[str, ...] = ()
    """Content hashes of what it was made from."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Place → content hash of those parents that were in the project when it was made."""
    manifest: Manifest | None = None
    lineage: Lineage | None = None
    latest: str | None = None
    """The stage whose present work it is."""

    @property
    def key(self) -> str:
        """What tells it from all others: at one place there may have been several, one after the other."""
        return f"{self.place} {self.content}"


class Memory:
    """All things of a project and the ways between them."""

    def __init__(self, project: Path, things: Iterable[Thing]) -> None:
        self.project = project
        self.things = {thing.key: thing for thing in things}
        self._parents: dict[str, list[str]] = {}
        self._children: dict[str, list[str]] = defaultdict(list)
        self._by_content: dict[str, list[Thing]] = defaultdict(list)
        for thing in self.things.values():
            if not thing.place.startswith("todo/"):  # copies for people, of which nothing is made
                self._by_content[thing.content].append(thing)
        for thing in list(self.things.values()):
            self._join(thing)

    @classmethod
    def of(cls, project: Path) -> Self:
        """Read a project's folder.

        Raises:
            UserError: it is no project, or a file that says where something came from was damaged.
        """
        check_project(project)
        latest = {link.resolve().name: link.name for link in _inside(project / "latest") if link.exists()}
        artifacts = (_artifact(project, folder, latest.get(folder.parent.name)) for folder in artifact_folders(project))
        models = (_model(project, folder, latest.get(folder.name)) for folder in stage_folders(project))
        return cls(project, [*artifacts, *(model for model in models if model is not None)])

    def parents(self, thing: Thing) -> list[Thing]:
        """What it was made from."""
        return [self.things[key] for key in self._parents[thing.key]]

    def children(self, thing: Thing) -> list[Thing]:
        """What was made from it."""
        return [self.things[key] for key in self._children[thing.key]]

    def find(self, text: str) -> Thing:
        """The artifact or model that is meant: by its place, its name, its stage or the beginning of its hash.

        Raises:
            UserError: there is none, or more than one.
        """
        own = [thing for thing in self.things.values() if thing.kind in ("artifact", "model", "unfinished")]
        found = [thing for thing in own if thing.place in self._places(text)]
        found = found or [thing for thing in own if thing.latest == text]
        found = found or [thing for thing in own if thing.place.partition("/")[2] == text]
        found = found or [thing for thing in own if len(text) >= MIN_HASH and thing.content.startswith(text)]
        if len(found) == 1:
            return found[0]
        names = sorted(thing.place for thing in found or own)
        raise UserError(
            f"'{text}' is {'more than one' if found else 'no artifact and no model of this project'}",
            remedy=f"name one of: {', '.join(names) or 'there is nothing yet'}",
        )

    def _places(self, text: str) -> set[str]:
        """What a path may mean, from here or from the project's folder; that of a stage means its model."""
        home, places = self.project.resolve(), {text.rstrip("/")}
        for path in (Path(text).resolve(), (self.project / text).resolve()):
            if path.is_relative_to(home):
                places.add(path.relative_to(home).as_posix())
        return places | {f"{place}/model" for place in places if place.startswith("work/")}

    def _join(self, thing: Thing) -> None:
        found: dict[str, None] = {}
        for number, content in enumerate(thing.parents):
            for parent in self._meant(thing, number, content):
                self.things.setdefault(parent.key, parent)
                self._parents.setdefault(parent.key, [])
                found[parent.key] = None
        self._parents[thing.key] = list(found)
        for key in found:
            self._children[key].append(thing.key)

    def _meant(self, thing: Thing, number: int, content: str) -> list[Thing]:
        """What a parent's hash stands for; the same content may lie in several places."""
        if places := [place for place, known in thing.sources.items() if known == content]:
            replaced = [Thing(place, content, "replaced") for place in places]
            return [self.things.get(one.key, one) for one in replaced]
        if known := [other for other in self._by_content[content] if other.key != thing.key]:
            return known
        files = {file["sha256"]: file["name"] for file in _files(thing.manifest)}
        if content in files:
            return [Thing(files[content], content, "file")]
        # Each stage names the model that it starts from first.
        is_model = thing.place.startswith("work/") and number == 0
        return [Thing("base model" if is_model else "not in the project", content, "elsewhere")]


def check_project(project: Path) -> None:
    """Make sure that a folder is a project's.

    Raises:
        UserError: it is not.
    """
    if not any((project / name).exists() for name in (RECIPE, "labeling", *FOLDERS)):
        raise UserError("there is no project here", file=project, remedy="name its folder with --project")


def artifact_folders(project: Path) -> list[Path]:
    """Folders that hold an artifact, or what is left of one."""
    folders = [folder for name in FOLDERS[:3] for folder in _inside(project / name)]
    folders += [folder for stage in _inside(project / "work") for folder in _inside(stage)]
    return [folder for folder in folders if any((folder / name).exists() for name in ("manifest.json", "rows.jsonl"))]


def stage_folders(project: Path) -> list[Path]:
    """Folders of stages, finished or not."""
    return [folder for folder in _inside(project / "work") if folder.is_dir()]


def read_stage(folder: Path) -> dict[str, Any] | None:
    """What a stage says of itself; None when it is not finished.

    Raises:
        UserError: the file was damaged.
    """
    path = folder / MARKER
    if not path.exists():
        return None
    try:
        stage = json.loads(path.read_text(encoding="utf-8"))
        return dict(stage, facts=dict(stage["facts"]))
    except (ValueError, KeyError, TypeError):
        raise UserError("cannot be read", file=path, remedy="remove the stage's folder and run it again") from None


def rows_of(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of an artifact as plain JSON, one by one."""
    with (folder / "rows.jsonl").open("rb") as file:
        for line in file:
            yield json.loads(line)


def _inside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def _artifact(project: Path, folder: Path, latest: str | None) -> Thing:
    place, manifest = folder.relative_to(project).as_posix(), read_manifest(folder)
    sources: Any = manifest.notes.get("sources", {})
    if place.startswith("work/"):
        sources = (read_stage(folder.parent) or {}).get("sources", {})
    return Thing(place, manifest.content_hash, "artifact", manifest.parents, sources, manifest, None, latest)


def _model(project: Path, folder: Path, latest: str | None) -> Thing | None:
    """The model of a stage, or the run that will make it; None for a stage that makes none."""
    stage, place = read_stage(folder), folder.relative_to(project).as_posix()
    if stage is None:
        identity = folder / "run" / "run.json"
        parents = json.loads(identity.read_text(encoding="utf-8"))["parents"] if identity.exists() else []
        return Thing(place, "", "unfinished", tuple(parents), latest=latest)
    facts = stage["facts"]
    if "hash" not in facts:
        return None
    lineage = read_lineage(folder / "model")
    return Thing(
        f"{place}/model",
        facts["hash"],
        "model",
        tuple(facts["parents"]),
        stage.get("sources", {}),
        None,
        lineage,
        latest,
    )


def _files(manifest: Manifest | None) -> list[dict[str, str]]:
    files: Any = manifest.notes.get("files", []) if manifest else []
    return list(files)
