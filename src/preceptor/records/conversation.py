"""Whole conversations, with who wrote each turn and how."""

from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from preceptor.records.base import Record
from preceptor.records.labels import Labeler
from preceptor.records.prompt import Message

Origin = Literal["typed", "model", "suggestion", "edited_suggestion"]
"""A turn was typed by the labeler, written by a model, or is a model's suggestion, taken as it was or edited."""


class Turn(Record):
    """One turn of a conversation, with where its words come from."""

    role: Literal["user", "assistant"]
    """Who speaks."""
    content: str
    """What is said, without any special token."""
    origin: Origin
    """How it came about."""
    suggestion: str | None = None
    """What a model had suggested for it, also when the labeler then typed something else; None: nothing was shown."""
    distance: float | None = Field(default=None, ge=0, le=1)
    """Share of words to change, add or remove between suggestion and turn; None without a suggestion."""
    model: str | None = None
    """Name or content hash of the model that wrote the turn or its suggestion; None when none was asked."""


class Conversation(Record):
    """A conversation that a labeler had, with a model or playing both sides. Training reads its demonstration."""

    id: str
    """Unique in its artifact for each labeler: those who did the same task share its id."""
    opening: tuple[Message, ...] = ()
    """What was there before the labeler came: a system message, or turns to go on from."""
    turns: tuple[Turn, ...] = Field(min_length=1)
    """What the labeler and the model added, oldest first."""
    labeler: Labeler
    """Who took part in it."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """What else the source said of it, untouched."""

    @model_validator(mode="after")
    def _distance_has_a_suggestion(self) -> Self:
        for turn in self.turns:
            if (turn.distance is None) != (turn.suggestion is None):
                raise ValueError("a turn has a distance exactly where it has a suggestion")
        return self

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation as messages."""
        return (*self.opening, *(Message(role=turn.role, content=turn.content) for turn in self.turns))
