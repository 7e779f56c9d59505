"""A project folder: one recipe, the data people brought, and the work of each stage, found again by content."""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import JsonValue

from preceptor import __version__
from preceptor.errors import UserError
from preceptor.generation.base import Generate
from preceptor.generation.engines import open_engine
from preceptor.pipeline.recipe import Recipe
from preceptor.records import Artifact, Manifest, Record, write_artifact
from preceptor.records.artifacts import canonical_hash, content_hash
from preceptor.runs.disk import write_json

RecordT = TypeVar("RecordT", bound=Record)

RECIPE = "recipe.yaml"
ENGINE_LOG = Path("work", "generation.log")
"""What a server of ours that samples has said since it last started."""
MARKER = "stage.json"
"""The file whose presence says that a stage is done."""
SHIPPED_RECIPES = Path(__file__).parents[1] / "recipes"


@dataclass(frozen=True)
class Done:
    """A finished stage: where its work lies, its key, and what it says of itself."""

    path: Path
    key: str
    seconds: float
    facts: Mapping[str, Any]


class Project:
    """The folder that every command works in; used as a context it ends the engine that samples, if one has started."""

    def __init__(self, directory: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
        self.directory = directory
        self.recipe = recipe
        self.say = say
        self.done: dict[str, Done] = {}
        self.kept: dict[str, Manifest] = {}
        self._places: dict[str, str] = {}
        """Place in the project → content hash of what lies there."""
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @cached_property
    def generate(self) -> Generate:
        """What samples responses: one engine for all that the command does, started when it first samples."""
        return self._resources.enter_context(open_engine(self.recipe.generation, self.directory / ENGINE_LOG))

    @property
    def data(self) -> Path:
        """Imported artifacts, one folder each."""
        return self.directory / "data"

    def stage(
        self,
        name: str,
        config: JsonValue,
        parents: Sequence[str],
        make: Callable[[Path], Mapping[str, Any]],
    ) -> Done:
        """Run `make(directory)` unless the same work (name, config, parents, version) is done already.

        `make` may be killed at any moment: its directory stays, and the next call goes on in it. What it returns is
        kept in `stage.json`, written last and renamed, so its presence means the stage is whole.
        """
        key = canonical_hash([name, config, list(parents), self.recipe.seed, __version__])
        directory = self.directory / "work" / f"{name}-{key[:10]}"
        marker = directory / MARKER
        if marker.is_file():
            stage = json.loads(marker.read_text(encoding="utf-8"))
            self.say(f"[dim]{name}: done before ({directory.name})[/dim]")
        else:
            self.say(f"[bold]{name}[/bold]")
            directory.mkdir(parents=True, exist_ok=True)
            start = time.monotonic()
            facts = make(directory)
            self.tell_dropped(name, facts.get("dropped", {}))
            facts = {**facts, "parents": list(parents)}
            stage = {
                "key": key, "seconds": round(time.monotonic() - start, 2), "facts": facts,
                "sources": self._sources(parents), "files": results(directory),
            }  # fmt: skip
            write_json(marker, stage)
        self.done[name] = Done(directory, key, stage["seconds"], stage["facts"])
        self._note_results(directory, stage)
        self._point(name, directory)
        return self.done[name]

    def keep(
        self,
        name: str,
        rows: Sequence[RecordT],
        kind: str,
        parents: Sequence[str] = (),
        dropped: Mapping[str, int] | None = None,
        notes: Mapping[str, JsonValue] | None = None,
    ) -> Artifact[RecordT]:
        """Write rows down as the artifact `artifacts/NAME`."""
        path = self.directory / "artifacts" / name
        noted = {**(notes or {}), "sources": self._sources(parents)}
        artifact = write_artifact(path, rows, kind, parents=parents, dropped=dropped, notes=noted)
        self.kept[name] = artifact.manifest
        self.note({f"artifacts/{name}": artifact.manifest.content_hash})
        return artifact

    def note(self, places: Mapping[str, str]) -> list[str]:
        """Remember what lies where in the project, for the lineage of what is made from it; the content hashes."""
        self._places |= places
        return list(places.values())

    def _sources(self, parents: Sequence[str]) -> dict[str, JsonValue]:
        """Where those parents lie that are in the project: by the hash alone, something lost could not be named."""
        return {place: content for place, content in self._places.items() if content in parents}

    def _note_results(self, directory: Path, stage: Mapping[str, Any]) -> None:
        place = directory.relative_to(self.directory).as_posix()
        rows = {name: content for name, content in stage.get("files", {}).items() if name.endswith("/rows.jsonl")}
        self.note({f"{place}/{Path(name).parent}": content for name, content in rows.items()})
        if "hash" in stage["facts"]:
            self.note({f"{place}/model": stage["facts"]["hash"]})

    def tell_dropped(self, what: str, dropped: Mapping[str, Any], total: int | None = None) -> None:
        """Say what was left out and why, where anything was; counts may be grouped."""
        for reason, number in dropped.items():
            if isinstance(number, Mapping):
                self.tell_dropped(f"{what}, {reason}", number)
            elif number:
                self.say(f"{what}: {number:,}{f' of {total:,}' if total else ''} left out: {reason}")

    def _point(self, name: str, directory: Path) -> None:
        """`latest/NAME` leads to the stage's present work, so that people need not know hashes."""
        link = self.directory / "latest" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        aside = link.with_name(f".{link.name}.new")
        aside.unlink(missing_ok=True)
        aside.symlink_to(os.path.relpath(directory, link.parent))
        aside.replace(link)


def results(directory: Path) -> dict[str, str]:
    """sha256 of each file that a stage leaves; what TensorBoard and trackers keep beside its run does not count."""
    places = [path.relative_to(directory) for path in directory.rglob("*") if path.is_file()]
    kept = [place for place in places if place.parts[0] != "run" or len(place.parts) == 2]
    plain = [place for place in sorted(kept) if not place.name.startswith(".") and place.name != MARKER]
    return {place.as_posix(): content_hash(directory / place) for place in plain}


def create_project(directory: Path, template: str) -> Path:
    """Make a project folder with a commented recipe.

    Raises:
        UserError: the folder has a recipe already, or there is no such template.
    """
    shipped = SHIPPED_RECIPES / f"{template}.yaml"
    if not shipped.is_file():
        names = ", ".join(sorted(path.stem for path in SHIPPED_RECIPES.glob("*.yaml")))
        raise UserError(f"no recipe named '{template}'", remedy=f"choose one of: {names}")
    if (directory / RECIPE).exists():
        raise UserError(
            "there is a project already", file=directory / RECIPE, remedy="edit its recipe, or choose another folder"
        )
    (directory / "data").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(shipped, directory / RECIPE)
    return directory / RECIPE
