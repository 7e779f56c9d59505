"""The tables of raw prompts: every row as it came in. What training sees of them is built anew each time."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from preceptor.store.tables import Table


class PromptFile(Table):
    """A file that was added, and how far."""

    __tablename__ = "prompt_files"
    __table_args__ = (UniqueConstraint("content_hash", "options_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    content_hash: Mapped[str]
    """sha256 of the file."""
    options_hash: Mapped[str]
    """Of how it was read: read otherwise, the same file holds other prompts."""
    format: Mapped[str]
    options: Mapped[dict[str, Any]]
    num_read: Mapped[int] = mapped_column(default=0)
    """Raw rows whose prompts are in the store or counted as refused; kept in the transaction that adds them."""
    num_added: Mapped[int] = mapped_column(default=0)
    refused: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Reason → {'num': rows, 'lines': the first of them}."""
    is_done: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[float]


class RawPrompt(Table):
    """A prompt as it came in. Rows are added, and removed when their user is withdrawn; they never change."""

    __tablename__ = "prompts"
    __table_args__ = (UniqueConstraint("file_id", "given_id"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    """sha256 of user, source, messages, use case and metadata: added again, from whatever file, it is the same row."""
    file_id: Mapped[int] = mapped_column(ForeignKey("prompt_files.id"))
    line: Mapped[int]
    given_id: Mapped[str]
    """The id that it had in its file."""
    user: Mapped[str | None] = mapped_column(index=True)
    """Pseudonym of who asked: a hash with the project's salt."""
    source: Mapped[str]
    use_case: Mapped[str | None]
    messages: Mapped[list[Any]] = mapped_column(JSON(none_as_null=True))
    details: Mapped[dict[str, Any]]
    """Metadata: what else its file said of it."""
