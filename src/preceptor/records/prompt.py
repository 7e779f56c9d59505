"""Prompts: what a user asks, as chat messages, and who a user is where their id is not kept."""

import hashlib
import hmac
import re
from typing import Literal, Self, get_args

from pydantic import Field, JsonValue, model_validator

from preceptor.records.base import Record

Role = Literal["system", "user", "assistant"]
Split = Literal["train", "valid", "test"]
UseCase = Literal[
    "generation", "open_qa", "brainstorming", "chat", "rewrite",
    "summarization", "classification", "other", "closed_qa", "extract",
]  # fmt: skip

USE_CASES: tuple[UseCase, ...] = get_args(UseCase)
"""The ten use cases of Ouyang et al. 2022, Table 1, in its order."""


class Message(Record):
    """One turn of a conversation."""

    role: Role
    """Who speaks."""
    content: str
    """What is said, without any special token."""


class Prompt(Record):
    """What is asked: a conversation that ends where the assistant is to speak."""

    id: str
    """Unique in its artifact; an imported prompt keeps the id it came with."""
    messages: tuple[Message, ...] = Field(min_length=1)
    """The conversation so far, oldest first; the last message is never the assistant's."""
    source: str = "unknown"
    """Where it came from: 'labeler', 'customer', 'world', or the importer's name."""
    user: str | None = None
    """Pseudonym of who asked; splits are made by it."""
    use_case: UseCase | None = None
    """What kind of request it is; None when nobody said."""
    split: Split = "train"
    """Which part of the data it belongs to; a user and a prompt are in one split only."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """What else the source said of it, untouched."""

    @model_validator(mode="after")
    def _assistant_is_next(self) -> Self:
        if self.messages[-1].role == "assistant":
            raise ValueError("a prompt ends where the assistant is to speak, but its last message is the assistant's")
        return self

    @property
    def is_unsafe(self) -> bool:
        """Whether the screen for unsafe content flagged it; what a source calls `unsafe` is none of its findings."""
        return isinstance(self.metadata.get("unsafe"), dict)

    @property
    def text(self) -> str:
        """The last message, for people to read."""
        return self.messages[-1].content


def pseudonym_of_user(salt: str, user: str) -> str:
    """Who a user is in a project: nobody gets from it to the id, and only with the salt from the id to it."""
    return "u-" + hmac.new(salt.encode(), user.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]


def is_pseudonym_of_user(user: str) -> bool:
    """Whether it looks like what `pseudonym_of_user` makes."""
    return re.fullmatch("u-[0-9a-f]{16}", user) is not None
