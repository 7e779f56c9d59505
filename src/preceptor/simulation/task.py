"""What a task is: it asks, it answers, and it knows what a response to it must hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from preceptor.records import Message, UseCase
from preceptor.simulation.facts import KNOWLEDGE, Entity
from preceptor.simulation.reading import Reading

Args = Mapping[str, Any]
"""A task's machine-readable parameters: JSON values, kept in the prompt's metadata."""


@dataclass(frozen=True)
class Asked:
    """One request, before it is dressed with politeness, constraint and examples."""

    text: str
    args: dict[str, Any]
    before: tuple[Message, ...] = ()
    """Earlier turns of the conversation."""
    examples: tuple[str, ...] = ()
    """Solved examples, for the few-shot kind; then `bare` is the unsolved one."""
    bare: str = ""
    false_premise: bool = False
    constraint: dict[str, Any] | None = None
    """A constraint that is part of the request itself, such as the number of items."""


@dataclass(frozen=True)
class Check:
    """One thing that a response to a task must hold, and how far it does."""

    name: str
    weight: float
    score: float
    """In [0, 1]."""
    is_form: bool = False
    """Length and manner count only as far as there is substance."""


@dataclass
class Parts:
    """A response in the making: sentences, or the items of a list with what stands around them."""

    sentences: list[str]
    items: list[str] = field(default_factory=list)
    needed: tuple[int, ...] = ()
    """Numbers of the sentences without which the response is incomplete; the flaw 'missing_item' drops one."""


class Task:
    """A kind of request. One instance per kind; all that varies is in its `Args`."""

    name: ClassVar[str]
    use_case: ClassVar[UseCase]
    weight: ClassVar[float] = 1.0
    """Share within its use case, relative to the others."""
    constraints: ClassVar[tuple[str, ...]] = ()
    """Kinds of explicit constraint that may be added to the request."""
    max_words: ClassVar[int] = 40
    """A response longer than this loses points for rambling."""
    declines: ClassVar[bool] = False
    """Whether the good response is a polite refusal."""
    may_ask: ClassVar[bool] = False
    """Whether the response may be a question or a request, as a polite rewording is."""
    is_closed: ClassVar[bool] = False
    """Whether everything in the response must come from the prompt."""

    def ask(self, generator: np.random.Generator) -> Asked:
        """A request of this kind."""
        raise NotImplementedError

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        """A good response in `num` sentences if a number is given; with a false fact in it if `is_false`."""
        raise NotImplementedError

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        """What the response must hold; `num` is the number of sentences that was asked for, if any."""
        raise NotImplementedError

    def topic(self, args: Args) -> Entity | None:
        """The entity that the request is about."""
        return KNOWLEDGE.by_name.get(args.get("topic", ""))

    def about(self, args: Args) -> frozenset[str] | None:
        """Names of the entities that a response may be about; None where any will do."""
        entity = self.topic(args)
        return None if entity is None else frozenset({entity.name})

    def can_be_false(self, args: Args) -> bool:
        """Whether there is a popular misconception to fall for."""
        return False

    def wrong_claim(self, args: Args, generator: np.random.Generator) -> str | None:
        """A sentence with an invented detail, for the flaw 'hallucination'; None takes a general one."""
        return None


def has(name: str, weight: float, reading: Reading, *phrases: str) -> Check:
    """Full score if any of the phrases stands in the response."""
    return Check(name, weight, float(reading.says_any(phrases)))


def share(name: str, weight: float, reading: Reading, phrases: Sequence[str]) -> Check:
    """The share of the phrases that stand in the response."""
    return Check(name, weight, sum(reading.says(phrase) for phrase in phrases) / max(1, len(phrases)))


def long_enough(name: str, weight: float, reading: Reading, num: int) -> Check:
    """Full score from `num` sentences on, in proportion below."""
    return Check(name, weight, min(1.0, len(reading.sentences) / num), is_form=True)
