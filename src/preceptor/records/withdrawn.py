"""Who withdrew: tombstones in a project's `withdrawn.json` keep their rows out of all that is made from then on.

A tombstone knows people by salted hashes, so that it names nobody. Users are known by their ids in the data, or by the
pseudonyms that the store of raw prompts gives them; labelers by their ids in the data, pseudonyms among them, and by
the number of their account in the labelling room.
"""

import hashlib
import hmac
import os
import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, ValidationError

from preceptor.errors import UserError
from preceptor.records.base import Record
from preceptor.records.prompt import Prompt, pseudonym_of_user

RecordT = TypeVar("RecordT", bound=Record)

FILE = "withdrawn.json"

Role = Literal["user", "labeler", "account"]

USER = "the user withdrew"
LABELER = "the labeler withdrew"


class Tombstone(Record):
    """That one person withdrew, and where their rows were then."""

    role: Literal["user", "labeler"]
    """Whose rows: those of prompts that a user asked, or what a labeler made."""
    marks: tuple[str, ...]
    """Salted hashes of all names that the person goes by."""
    pseudonym_salt: str | None = None
    """What the pseudonym was made with by which a user was withdrawn: files that come later have the id that belongs to
    it. None where the id was given."""
    withdrawn_at: float
    """Seconds since 1970."""
    artifacts: dict[str, str] = Field(default_factory=dict)
    """Place → content hash of each artifact that had rows of theirs."""


class Tombstones(Record):
    """The file as it lies on the disk."""

    salt: str
    """What names are hashed with; the project's own."""
    stones: tuple[Tombstone, ...] = ()
    """One for each person, oldest first."""


class Withdrawn:
    """All who withdrew from a project."""

    def __init__(self, kept: Tombstones) -> None:
        self.kept = kept
        self._marks = frozenset(mark for stone in kept.stones for mark in stone.marks)
        self._pseudonym_salts = {stone.pseudonym_salt for stone in kept.stones if stone.pseudonym_salt}

    @classmethod
    def nobody(cls) -> Self:
        """For data that is in no project."""
        return cls(Tombstones(salt=secrets.token_hex(16)))

    @classmethod
    def of(cls, project: Path) -> Self:
        """Those of a project.

        Raises:
            UserError: the file was damaged. It must not be taken for an empty one.
        """
        path = project / FILE
        if not path.exists():
            return cls.nobody()
        try:
            return cls(Tombstones.model_validate_json(path.read_bytes()))
        except ValidationError as error:
            problem = f"cannot be read: {error.errors()[0]['msg']}"
            raise UserError(problem, file=path, remedy="restore it from a backup: it says who withdrew") from None

    def bury(self, project: Path, stone: Tombstone) -> None:
        """Add a tombstone to a project's file."""
        text = self.kept.model_copy(update={"stones": (*self.kept.stones, stone)}).model_dump_json(indent=2)
        aside = project / f".{FILE}.new"
        with aside.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(project / FILE)

    def mark(self, role: Role, name: str) -> str:
        """By what a tombstone knows somebody."""
        return hmac.new(self.kept.salt.encode(), f"{role}\n{name}".encode(), hashlib.sha256).hexdigest()

    def has(self, role: Role, name: str) -> bool:
        """Whether somebody withdrew, by this name or by the pseudonym that belongs to it."""
        if not self._marks:
            return False
        pseudonyms = (pseudonym_of_user(salt, name) for salt in self._pseudonym_salts if role == "user")
        return any(self.mark(role, one) in self._marks for one in (name, *pseudonyms))

    def reason(self, row: Record) -> str | None:
        """Why a row stays out of what is made from now on; None when it may come in."""
        return next((reason for role, name, reason in people_of(row) if self.has(role, name)), None)

    def without(self, rows: Sequence[RecordT]) -> tuple[list[RecordT], Counter[str]]:
        """The rows that may come in, and a count of the others by reason."""
        reasons = [self.reason(row) for row in rows]
        kept = [row for row, reason in zip(rows, reasons, strict=True) if reason is None]
        return kept, Counter(reason for reason in reasons if reason is not None)


def people_of(row: Record) -> Collection[tuple[Role, str, str]]:
    """Whose row it is: role, name, and what is said when that person withdrew.

    A row belongs to the labeler who made it, also to the one who labeled a prompt, and to whoever asked what it is
    about: a user, who may be the labeler who wrote the prompt.
    """
    found: list[tuple[Role, str, str]] = []
    if (labeler := getattr(row, "labeler", None)) is not None:
        found.append(("labeler", labeler.id, LABELER))
    labels = row.metadata.get("labels") if isinstance(row, Prompt) else None
    if isinstance(labels, dict) and isinstance(name := labels.get("labeler"), str):
        found.append(("labeler", name, LABELER))
    prompt = row if isinstance(row, Prompt) else getattr(row, "prompt", None)
    if prompt is not None and prompt.user is not None:
        found.append(("user", prompt.user, USER))
        if prompt.source == "labeler":
            found.append(("labeler", prompt.user, LABELER))
    return found
