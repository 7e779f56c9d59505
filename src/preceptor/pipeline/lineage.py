"""`preceptor lineage`: what an artifact or a model was made from and what was made from it, as tree and drawing."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from preceptor.pipeline.memory import Memory, Thing, rows_of
from preceptor.records.artifacts import canonical_hash
from preceptor.reporting.family import Box, Family
from preceptor.runs.metrics import read_metrics

METRICS = (
    "sft/valid_loss", "reward_model/accuracy", "rollout/score", "kl/reference",
    "eval/score", "eval/heldout_score", "eval/kl", "eval/gold_utility",
)  # fmt: skip
"""What is told of a run: the last value of each."""

MOST_FILES = 8
"""Files that stand one by one; the manifest names all."""

OUTSIDE = {
    "file": "a file that was imported",
    "elsewhere": "not in this project",
    "replaced": "was there then; something else is there now, or nothing",
}


def family_of(memory: Memory, thing: Thing, *, with_names: bool = False) -> Family:
    """A thing with its ancestors and descendants; `with_names` lists labelers' pseudonyms."""

    def parents(one: Thing) -> list[Thing]:
        return _made_from(memory, one)

    above, below = _reached(thing, parents), _reached(thing, memory.children)
    things = above | below
    return Family(
        thing.key,
        {key: Box(title(one), list(_lines(memory.project, one, with_names)), one.kind in OUTSIDE)
         for key, one in things.items()},
        {key: _keys(parents(one), above if key in above else things) for key, one in things.items()},
        {key: _keys(memory.children(one), below if key in below else things) for key, one in things.items()},
    )  # fmt: skip


def title(thing: Thing) -> str:
    """What a thing is called."""
    return thing.latest or thing.place


def _made_from(memory: Memory, thing: Thing) -> list[Thing]:
    """What a thing was made from, many files as a few and one that stands for the others."""
    if thing.kind == "file":
        return []
    found = memory.parents(thing)
    rest = [one for one in found if one.kind == "file"][MOST_FILES:]
    if not rest:
        return found
    others = Thing(f"{len(rest):,} more files", canonical_hash([one.content for one in rest]), "file")
    return [*(one for one in found if one not in rest), others]


def _reached(thing: Thing, ways: Callable[[Thing], list[Thing]]) -> dict[str, Thing]:
    found, waiting = {thing.key: thing}, [thing]
    while waiting:
        for other in ways(waiting.pop(0)):
            if other.key not in found:
                found[other.key] = other
                waiting.append(other)
    return found


def _keys(things: list[Thing], known: Mapping[str, Thing]) -> list[str]:
    return [one.key for one in things if one.key in known]


def _lines(project: Path, thing: Thing, with_names: bool) -> Iterator[str]:
    """What is known of a thing, for people."""
    if thing.latest:
        yield thing.place
    if thing.manifest is not None:
        yield from _of_artifact(project / thing.place, thing, with_names)
    elif thing.lineage is not None:
        yield from _of_model(project / thing.place, thing)
    elif thing.kind == "unfinished":
        yield "not finished: the same command goes on"
        return
    elif thing.kind in OUTSIDE:
        yield OUTSIDE[thing.kind]
    yield f"content {thing.content[:12]}"


def _of_artifact(folder: Path, thing: Thing, with_names: bool) -> Iterator[str]:
    manifest = thing.manifest
    assert manifest is not None
    origin = "" if manifest.origin == "none" else f", {manifest.origin}"
    yield f"{manifest.num_rows:,} {manifest.kind.replace('_', ' ')}{origin}"
    labelers, guidelines, users = _people(folder)
    if labelers:
        names = f": {', '.join(sorted(labelers))}" if with_names else ""
        yield f"labelers {len(labelers):,}{names}"
    if users:
        yield f"users {len(users):,}"
    if guidelines:
        yield "guidelines " + ", ".join(f"{name} × {number:,}" for name, number in sorted(guidelines.items()))
    selection: Any = manifest.notes.get("selection")
    if selection is not None:
        yield f"chosen by {selection['by']}, seed {selection['seed']}"
    if dropped := sum(manifest.dropped.values()):
        yield f"dropped {dropped:,}"
    yield f"code {manifest.version}"


def _people(folder: Path) -> tuple[set[str], Counter[str], set[str]]:
    """Labelers, guideline versions by number of rows, and users."""
    labelers: set[str] = set()
    users: set[str] = set()
    guidelines: Counter[str] = Counter()
    for row in rows_of(folder):
        prompt: Mapping[str, Any] = row.get("prompt", row)
        labelers |= {row["labeler"]["id"]} if "labeler" in row else set()
        users |= {prompt["user"]} if prompt.get("user") else set()
        if guideline := row.get("metadata", {}).get("guideline"):
            guidelines[str(guideline)] += 1
    return labelers, guidelines, users


def _of_model(folder: Path, thing: Thing) -> Iterator[str]:
    lineage = thing.lineage
    assert lineage is not None
    yield f"code {lineage.version}" + (f", commit {_commit(lineage.commit)}" if lineage.commit else "")
    yield f"config {canonical_hash(lineage.config)[:12]}, seed {lineage.seed}"
    if lineage.forced:
        yield f"the gate was forced: {lineage.forced}"
    last: dict[str, JsonValue] = {}
    for row in read_metrics(folder.parent / "run"):
        last |= row
    yield from (f"{name} {last[name]:.3g}" for name in METRICS if name in last)


def _commit(commit: str) -> str:
    name, plus, changes = commit.partition("+")
    return name[:10] + plus + changes
