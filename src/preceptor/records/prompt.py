"""Prompts: what a user asks, as chat messages."""

from typing import Literal

from pydantic import Field, JsonValue

from preceptor.records.base import Record

Role = Literal["system", "user", "assistant"]
Split = Literal["train", "valid", "test"]

USE_CASES = (
    "generation", "open_qa", "brainstorming", "chat", "rewrite",
    "summarization", "classification", "other", "closed_qa", "extract",
)  # fmt: skip
"""The ten use cases of Ouyang et al. 2022, Table 1."""

UseCase = Literal[
    "generation", "open_qa", "brainstorming", "chat", "rewrite",
    "summarization", "classification", "other", "closed_qa", "extract",
]  # fmt: skip


class Message(Record):
    """One turn of a conversation."""

    role: Role
    content: str


class Prompt(Record):
    """What is asked: a conversation that ends where the assistant is to speak."""

    id: str
    """Unique in its artifact; an imported prompt keeps the id it came with."""
    messages: tuple[Message, ...] = Field(min_length=1)
    source: str = "unknown"
    """Where it came from: 'labeler', 'customer', 'world', or the importer's name."""
    user: str | None = None
    """Pseudonym of who asked; splits are made by it."""
    use_case: UseCase | None = None
    split: Split = "train"
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """What else the source said of it, untouched."""

    @property
    def text(self) -> str:
        """The last message, for people to read."""
        return self.messages[-1].content
