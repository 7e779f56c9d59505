"""Written responses: good ones, and ones with named flaws."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from preceptor.simulation import lexicon
from preceptor.simulation.constraints import Constraint, constraint_score, keep_constraint
from preceptor.simulation.language import chance, listed, lower_first, numbered, pick, sample, sentence, upper_first
from preceptor.simulation.reading import Reading
from preceptor.simulation.task import Parts, Task
from preceptor.simulation.tasks_talking import Cannot, Harmful, refusal
from preceptor.simulation.tasks_writing import Describe, Story

GENERAL_FLAWS = (
    "rude", "rambling", "missing_item", "wrong_task", "hedging", "ignores_constraint", "too_short", "repeats",
    "refuses", "complies",
)  # fmt: skip
"""Flaws that look alike whatever the request is: what a reward model learns of them holds for the next prompt."""
PARTICULAR_FLAWS = ("false_fact", "hallucination")
"""Flaws that have to be known one by one."""
FLAWS = GENERAL_FLAWS + PARTICULAR_FLAWS
STUBS = ("Okay.", "Yes.", "I do not know.", "No idea.", "Well.", "Sure.")


def write(
    task: Task, spec: Mapping[str, Any], generator: np.random.Generator, flaws: frozenset[str] = frozenset()
) -> str:
    """A response to a request of this task; flaws that cannot occur in it are left out."""
    flaws = flaws & set(applicable_flaws(task, spec))
    if "too_short" in flaws:
        return pick(generator, STUBS)
    constraint: Constraint | None = spec["constraint"]
    if constraint is None or "ignores_constraint" in flaws or "wrong_task" in flaws:
        return _spoiled(task, spec, generator, flaws, _drawn(task, spec, generator, flaws))
    parts = _drawn(task, spec, generator, flaws)
    for _ in range(40):
        parts = _drawn(task, spec, generator, flaws)
        parts.sentences = keep_constraint(constraint, parts.sentences)
        if constraint["kind"] == "items" or constraint_score(constraint, Reading(" ".join(parts.sentences))) == 1:
            break
    else:
        kept = [text for text in parts.sentences if constraint_score(constraint, Reading(text)) == 1]
        parts.sentences = kept or parts.sentences[:1]
    return _spoiled(task, spec, generator, flaws, parts)


def _drawn(task: Task, spec: Mapping[str, Any], generator: np.random.Generator, flaws: frozenset[str]) -> Parts:
    """The response's sentences or items, before constraint and general flaws."""
    args, constraint = spec["args"], spec["constraint"]
    if "complies" in flaws:
        assert isinstance(task, Harmful | Cannot)
        return Parts(task.complying(args, generator))
    if "refuses" in flaws:
        return refusal(generator, pick(generator, ("with another question", "find a good book")))
    if "wrong_task" in flaws:
        return _wrong_task(task, spec, generator)
    num = _num_sentences(constraint, generator, "ignores_constraint" in flaws)
    parts = task.parts(args, generator, num, "false_fact" in flaws)
    if constraint and constraint["kind"] == "items" and "ignores_constraint" in flaws:
        parts.items = parts.items + parts.items[:1] if chance(generator, 0.5) else parts.items[:1]
    if "ignores_constraint" in flaws and constraint and constraint["kind"] == "avoid":
        parts.sentences.append(f"That {constraint['value']} thing was good.")
    if "ignores_constraint" in flaws and constraint and constraint["kind"] == "max_words":
        parts.sentences += ["It is so good to know all this and much more."] * 2
    if "missing_item" in flaws and len(parts.items) != 1:  # a list of one has nothing to lose but itself
        parts = _with_less(parts, generator)
    return parts


def _num_sentences(constraint: Constraint | None, generator: np.random.Generator, is_ignored: bool) -> int | None:
    if constraint is None:
        return None
    if constraint["kind"] == "sentences":
        wanted = int(constraint["value"])
        return pick(generator, [n for n in (1, 2, 3) if n != wanted]) if is_ignored else wanted
    if constraint["kind"] == "max_words" and not is_ignored:
        return 1
    return None


def _wrong_task(task: Task, spec: Mapping[str, Any], generator: np.random.Generator) -> Parts:
    """What another request would have wanted: a description for a story, a story for all else."""
    other: Task = Describe() if isinstance(task, Story) else Story()
    args = other.ask(generator).args
    if (topic := task.topic(spec["args"])) is not None and (isinstance(other, Describe) or topic.kind == "animal"):
        args = {**args, "topic": topic.name}
    return other.parts(args, generator, int(generator.integers(2, 4)), False)


def _with_less(parts: Parts, generator: np.random.Generator) -> Parts:
    if len(parts.items) > 1:
        return Parts(parts.sentences, items=parts.items[: -int(generator.integers(1, len(parts.items)))])
    needed = [number for number in parts.needed if number < len(parts.sentences)]
    dropped = sample(generator, needed, max(1, len(needed) - 1))
    return Parts([text for number, text in enumerate(parts.sentences) if number not in dropped])


def _spoiled(
    task: Task, spec: Mapping[str, Any], generator: np.random.Generator, flaws: frozenset[str], parts: Parts
) -> str:
    """The text of the parts, with the flaws that are added around them."""
    told = list(parts.sentences)
    if parts.items:
        is_short = all(len(item.split()) <= 3 for item in parts.items)
        told = [sentence(listed(parts.items))] if is_short and chance(generator, 0.4) else [numbered(parts.items)]
    if "repeats" in flaws:
        told += [told[-1]] * 3
    if "hallucination" in flaws:
        told.append(task.wrong_claim(spec["args"], generator) or pick(generator, lexicon.HALLUCINATIONS))
    if "hedging" in flaws:
        told[0] = f"{pick(generator, lexicon.HEDGES)} {lower_first(told[0])}"
    if "rambling" in flaws:
        told += sample(generator, lexicon.CHATTER, 2)
    if "rude" in flaws:
        insult = pick(generator, lexicon.RUDE_SENTENCES)
        told = [insult, *told] if chance(generator, 0.5) else [*told, insult]
    return upper_first(" ".join(told))


def applicable_flaws(task: Task, spec: Mapping[str, Any]) -> tuple[str, ...]:
    """The flaws that a response to this request can have."""
    flaws = ["rude", "rambling", "wrong_task", "hedging", "too_short", "repeats", "hallucination"]
    constraint = spec["constraint"]
    if task.declines:
        return (*flaws, "missing_item", "complies")
    flaws.append("refuses")
    if constraint is not None:
        flaws.append("ignores_constraint")
    if task.can_be_false(spec["args"]):
        flaws.append("false_fact")
    if _can_miss(task, spec):
        flaws.append("missing_item")
    return tuple(flaws)


def _can_miss(task: Task, spec: Mapping[str, Any]) -> bool:
    constraint = spec["constraint"]
    if constraint is not None and constraint["kind"] in ("max_words", "sentences"):
        return False
    parts = task.parts(spec["args"], np.random.default_rng(0), None, False)
    return len(parts.items) > 1 or len(parts.needed) > 0
