"""What a format is: one file in `formats/` with one class, its settings beside it, found by its name."""

import hashlib
import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from preceptor.config import BaseConfig
from preceptor.importers.item import BadRow, Item
from preceptor.importers.reading import json_items, stem
from preceptor.records import Demonstration, Labeler, Message, Prompt, Ranking, Rating, Record, Response

OWN_SPLIT = "rows that name their split"
"""Count that lets an import keep the splits that its rows came with."""


class ImportConfig(BaseConfig):
    """Settings that all formats share."""

    skip_bad: bool = False
    """Drop and count bad rows instead of stopping at the first one."""
    labeler_group: Literal["training", "held_out"] = "training"
    """The group that the labelers of these files belong to."""
    held_out_labelers: tuple[str, ...] = Field(default=())
    """Ids of labelers who belong to the held-out group, whatever `labeler_group` says."""


class Format(ABC):
    """Turns raw rows into records. A new format is a subclass in a new file of `formats/`; nothing else changes."""

    name: ClassVar[str]
    """What `--format` calls it."""
    title: ClassVar[str]
    """One line on what it reads."""

    class Config(ImportConfig):
        """Settings of this format."""

    def __init__(self, config: Any) -> None:
        self.config = config
        self.dropped: Counter[str] = Counter()
        """Reason → number of things inside rows (such as replies of a tree) that did not get in."""
        self.counts: Counter[str] = Counter()
        """What else is worth knowing about the rows that got in."""

    @classmethod
    @abstractmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """Whether a file's first row looks like this format; None stands for a table."""

    @abstractmethod
    def records(self, item: Item) -> Iterable[Record]:
        """The records that one raw row holds.

        Raises:
            BadRow: the row cannot be understood.
        """

    def prompts(self, item: Item) -> Iterable[Prompt]:
        """What is asked in one raw row, by people whose prompts are collected: the prompts of its records.

        Raises:
            BadRow: the row cannot be understood, or asks nothing.
        """
        for record in self.records(item):
            if isinstance(record, Prompt):
                yield record
            elif isinstance(record, Demonstration | Ranking | Rating):
                yield record.prompt
            else:
                raise item.bad("nothing asked", "holds no prompt")

    def read(self, path: Path) -> Iterator[Item | BadRow]:
        """Raw rows of a file; JSON unless a format says otherwise."""
        return json_items(path)

    def side_files(self) -> tuple[Path, ...]:
        """Files beside the imported ones that the settings name; their hashes are kept, too."""
        return ()

    def labeler(self, name: str | None) -> Labeler:
        """The labeler of a name, in the group that the settings say."""
        held_out = name in self.config.held_out_labelers
        return Labeler(id=name or "unknown", group="held_out" if held_out else self.config.labeler_group)

    def prompt(self, messages: str | Sequence[Message], **fields: Any) -> Prompt:
        """A prompt of this source; where it has no id of its own, equal prompts get equal ids."""
        if isinstance(messages, str):
            messages = [Message(role="user", content=messages)]
        fields.setdefault("source", self.name)
        return Prompt(**{"id": content_id(messages)} | fields, messages=tuple(messages))

    def count_responses(self, responses: Sequence[Response]) -> None:
        """Count what training will want to know: empty and equal responses."""
        self.counts["empty responses"] += sum(not response.text.strip() for response in responses)
        self.counts["rankings with equal responses"] += len({response.text for response in responses}) < len(responses)

    def pair(self, item: Item, prompt: Prompt, texts: Mapping[str, str], best: str | None, **fields: Any) -> Ranking:
        """A ranking of two responses, id → text; `best` is the better one's id, None a tie."""
        responses = tuple(Response(id=name, text=text) for name, text in texts.items())
        self.count_responses(responses)
        names = list(texts)
        groups = ((best,), *((name,) for name in names if name != best)) if best is not None else (tuple(names),)
        fields.setdefault("labeler", self.labeler(None))
        return Ranking(**{"id": row_id(item)} | fields, prompt=prompt, responses=responses, groups=groups)


def row_id(item: Item) -> str:
    """Id of a row that has none of its own: its file and line."""
    return f"{stem(item.file)}:{item.line}"


def content_id(messages: Sequence[Message]) -> str:
    """Id of a prompt that has none of its own: equal conversations have equal ids."""
    text = "\0".join(f"{message.role}\0{message.content}" for message in messages)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def formats() -> dict[str, type[Format]]:
    """Every format in the folder `formats/`, by name."""
    package = importlib.import_module("preceptor.importers.formats")
    found: dict[str, type[Format]] = {}
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(member, Format) and member.__module__ == module.name and hasattr(member, "name"):
                found[member.name] = member
    return found
