"""What a kind of task is: one file in this folder, one template, perhaps a script; nothing else changes."""

import importlib
import inspect
import pkgutil
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from pydantic import Field, JsonValue

from preceptor.config import BaseConfig
from preceptor.labeling.i18n import N_
from preceptor.labeling.outcomes import Missing
from preceptor.records import Labeler, Message, Prompt, Record

Scale = Literal["nominal", "ordinal", "ranking", "flags"]

A_PROMPT = Prompt(id="bread", messages=(Message(role="user", content="How do I bake bread?"),))
"""To make examples of."""


class Respond(Protocol):
    """A model that people can talk with."""

    @property
    def name(self) -> str:
        """Name or content hash, for the records of what it wrote."""

    def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
        """What it says next; the same seed says the same.

        Raises:
            Refused: it cannot be reached.
        """


def setting(default: Any, title: str, hint: str, **limits: Any) -> Any:
    """A field of a stage's settings, with its name and its meaning for people, in English; forms are made of these."""
    return Field(default=default, title=title, description=hint, **limits)


class StageSettings(BaseConfig):
    """Settings of a stage that all kinds share."""

    lease_minutes: float = setting(
        30, N_("Lease, in minutes"), N_("How long an item stays with a labeler of whom nothing is heard."), gt=0
    )
    gold_share: float = setting(
        0.0, N_("Share of gold"),
        N_("Share of what a labeler is given that has a researcher’s answer to compare with."), ge=0, le=0.5,
    )  # fmt: skip
    repeat_share: float = setting(
        0.0, N_("Share of repeats"),
        N_("Share of what a labeler is given that this labeler has done before."), ge=0, le=0.5,
    )  # fmt: skip
    repeat_after_hours: float = setting(
        24, N_("Hours before a repeat"), N_("How long ago a labeler must have done what is asked again."), ge=0
    )
    min_active_s: float = setting(
        20, N_("Least active time, in seconds"),
        N_("Who submits after less active time is asked whether that was right."), ge=0,
    )  # fmt: skip
    max_per_labeler: int | None = setting(
        None, N_("Most items for one labeler"), N_("Left empty, there is no limit."), ge=1
    )


class Nothing(Record):
    """`Shown` of a kind that shows the same to everybody."""


@dataclass(frozen=True)
class Concern:
    """A soft check that noticed something: shown once before submitting, and never in the way."""

    text: str
    """English, and the key of its translation; `{name}` stands for a value."""
    values: Mapping[str, JsonValue] = field(default_factory=dict)


class Judgement(NamedTuple):
    """What an answer says of one thing, in a form that agreement can be measured on."""

    measure: str
    """What is judged: 'ranking', 'likert', 'use_case', …"""
    scale: Scale
    unit: str
    """What is judged, the same for all labelers: a response's id, or '' for the item as a whole."""
    value: int | bool | str | tuple[str, ...] | tuple[tuple[str, ...], ...]
    """A category (nominal), a number (ordinal), groups of response ids from best to worst (ranking), or the names of
    what was ticked (flags), each of which is a measure of its own."""
    among: tuple[str, ...] = ()
    """All that could be ticked."""

    def ranks(self) -> dict[str, int]:
        """Of a ranking the rank of each response id: 0 is best, equal is tied."""
        groups = self.value if isinstance(self.value, tuple) else ()
        return {name: rank for rank, group in enumerate(groups) for name in group}

    def ticked(self) -> tuple[str, ...]:
        """Of flags those that were ticked."""
        return tuple(str(name) for name in self.value) if isinstance(self.value, tuple) else ()


@dataclass(frozen=True)
class Work:
    """An answer with all that it takes to understand it."""

    key: str
    item: Any
    shown: Any
    answer: Any
    labeler: Labeler
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    """Goes into the records: versions of guideline and schema, round, active time."""


class Task(ABC):
    """A kind of task. It has no state; `templates/tasks/KIND.html` renders it, `static/tasks/KIND.js` may help."""

    kind: ClassVar[str]
    """Its name, in the store and in the names of its files."""
    title: ClassVar[str]
    """Its name for people, in English; translated where it is shown."""
    schema_version: ClassVar[int] = 1
    """Goes up when `Answer` changes its meaning."""
    Item: ClassVar[type[Record]]
    """What there is to do; it may name models, and never leaves the server as it is."""
    example: ClassVar[Record]
    """An `Item` to show to people who write a file of them."""
    Answer: ClassVar[type[Record]]
    """What the page posts. It names responses by the letters that `shown` gave them."""
    Draft: ClassVar[type[Record] | None] = None
    """What a draft must be where the page shows its parts without a script; None when anything will do."""
    Shown: ClassVar[type[Record]] = Nothing
    """What was drawn for one labeler: the order, and conditions. Kept with the answer."""
    Settings: ClassVar[type[StageSettings]] = StageSettings
    """What an admin may set for a stage."""
    measures: ClassVar[bool] = False
    """Whether its answers only measure: its stages are for held-out labelers, of whom nothing trains."""
    follow_up_kind: ClassVar[str | None] = None
    """The kind of what `follow_up` makes; its stage is made with the first."""

    def show(self, item: Any, settings: Any, draw: random.Random) -> Record:
        """What is drawn for one labeler; `draw` is a function of labeler and item, so a reload draws the same."""
        return self.Shown()

    def check_item(self, item: Any) -> None:  # noqa: B027  most kinds can show whatever their type lets in
        """Check an item before it gets in: answers are never removed, and one that no record can hold stops the export.

        Raises:
            Refused: no page can show it.
        """

    @abstractmethod
    def view(self, item: Any, shown: Any, settings: Any) -> dict[str, Any]:
        """What the template gets as `view`. The names of models must not be in it, nor ids that tell them."""

    def start(self, item: Any, shown: Any, settings: Any) -> dict[str, JsonValue]:
        """What a draft begins with."""
        return {}

    def preview(self, item: Any, shown: Any, answer: Any) -> str:
        """What is being written, as Markdown, in the form in which others will read it.

        Raises:
            Missing: nothing is written in this kind.
        """
        raise Missing

    def act(
        self, item: Any, shown: Any, content: dict[str, Any], action: dict[str, Any], respond: Respond | None
    ) -> dict[str, Any]:
        """Do something with a draft on the server, such as a model's turn in a dialogue; what the draft is then.

        `respond` is a model to talk with, None when none is served.

        Raises:
            Missing: the kind does nothing of the sort.
            Refused: it cannot be done now.
        """
        raise Missing

    def verify(self, item: Any, shown: Any, answer: Any) -> None:  # noqa: B027  most kinds need no more than types
        """Check an answer against its item, beyond what its type says.

        Raises:
            Refused: it is no answer to this item.
        """

    def concerns(self, item: Any, shown: Any, answer: Any, *, settings: Any, active_s: float) -> list[Concern]:
        """Soft checks: what a careful colleague would ask before this is submitted after so much active time."""
        return []

    @abstractmethod
    def to_records(self, work: Work) -> list[Record]:
        """What training reads."""

    def follow_up(self, work: Work, settings: Any, respond: Respond, draw: random.Random) -> Record | None:
        """What others are to do because of this answer, under `work.key`; None where there is nothing."""
        return None

    def judgements(self, item: Any, shown: Any, answer: Any) -> list[Judgement]:
        """What agreement is measured on."""
        return []

    def is_attentive(self, item: Any, shown: Any, answer: Any) -> bool | None:
        """Whether a hidden check inside the item was passed; None when there was none."""
        return None


@cache
def kinds() -> Mapping[str, Task]:
    """Every kind of task in this folder, by name."""
    package = importlib.import_module("preceptor.labeling.tasks")
    found: dict[str, Task] = {}
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(member, Task) and member.__module__ == module.name and hasattr(member, "kind"):
                found[member.kind] = member()
    return found


def shuffled(names: Sequence[str], draw: random.Random) -> list[str]:
    """A random order."""
    return draw.sample(list(names), len(names))
