"""The tables. Times are seconds since 1970 in UTC, durations are seconds.

The database itself keeps three promises: what a labeler submitted is never changed or removed (triggers, in the
migrations), one submission per labeler and item counts, and nothing of a held-out labeler is in a training export.
"""

from typing import Any, Literal

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from preceptor.store.columns import NAMES, AnyText, one_of

Role = Literal["admin", "researcher", "labeler"]
Group = Literal["training", "held_out"]
Origin = Literal["human", "simulated"]
Standing = Literal["candidate", "active", "paused"]
StageState = Literal["open", "paused", "closed"]
Status = Literal["counted", "surplus", "revision", "gold"]
Purpose = Literal["training", "measurement"]


class Table(DeclarativeBase):
    """What all tables share."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012
        float: Double, str: AnyText, dict[str, Any]: JSON(none_as_null=True), Role: String(16), Group: String(16),
        Origin: String(16), Standing: String(16), StageState: String(16), Status: String(16), Purpose: String(16),
    }  # fmt: skip


class Labeler(Table):
    """Anyone who signs in. Deleting one takes away name, password and profile, and keeps the work."""

    __tablename__ = "labelers"
    __table_args__ = (
        UniqueConstraint("id", "group"),  # so that work can point at a labeler together with the group
        one_of("role", "admin", "researcher", "labeler"),
        one_of("group", "training", "held_out"),
        one_of("origin", "human", "simulated"),
        one_of("standing", "candidate", "active", "paused"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(unique=True)
    """What one signs in with; None when deleted."""
    password_hash: Mapped[str | None]
    """argon2; None for those who sign in by token alone, and when deleted."""
    role: Mapped[Role]
    group: Mapped[Group] = mapped_column(default="training")
    """Cannot change once there is work: the work points at it."""
    origin: Mapped[Origin] = mapped_column(default="human")
    standing: Mapped[Standing] = mapped_column(default="active")
    """A candidate is still to be screened."""
    profile: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What a labeler chose to tell and to set: demographics, language, keys."""
    created_at: Mapped[float]
    deleted_at: Mapped[float | None]


class Invitation(Table):
    """A link that makes one account."""

    __tablename__ = "invitations"
    __table_args__ = (
        one_of("role", "admin", "researcher", "labeler"),
        one_of("group", "training", "held_out"),
        one_of("standing", "candidate", "active", "paused"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    role: Mapped[Role]
    group: Mapped[Group]
    standing: Mapped[Standing]
    note: Mapped[str]
    """Whom it is for, in the words of who made it."""
    created_by: Mapped[int | None] = mapped_column(ForeignKey("labelers.id"))
    """None for the one of the first start."""
    created_at: Mapped[float]
    expires_at: Mapped[float]
    used_by: Mapped[int | None] = mapped_column(ForeignKey("labelers.id"))


class SignIn(Table):
    """A browser that is signed in."""

    __tablename__ = "sign_ins"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    labeler_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"), index=True)
    created_at: Mapped[float]
    expires_at: Mapped[float]


class Token(Table):
    """A personal token for the REST API."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    labeler_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"), index=True)
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[float]
    revoked_at: Mapped[float | None]


class Guideline(Table):
    """One version of a guideline; never changed, only followed by the next version."""

    __tablename__ = "guidelines"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int]
    text: Mapped[str]
    """Markdown."""
    note: Mapped[str]
    """What changed, for those who knew the version before."""
    created_by: Mapped[int | None] = mapped_column(ForeignKey("labelers.id"))
    created_at: Mapped[float]


class Stage(Table):
    """A line of items of one kind, for one group of labelers."""

    __tablename__ = "stages"
    __table_args__ = (
        one_of("group", "training", "held_out"),
        one_of("state", "open", "paused", "closed"),
        CheckConstraint("overlap >= 1", name="overlap_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    """Name of a kind of task."""
    round: Mapped[int] = mapped_column(default=1)
    group: Mapped[Group | None]
    """Who works on it; None for everybody."""
    is_screening: Mapped[bool] = mapped_column(default=False)
    """For candidates; what is done here is never exported as labels."""
    overlap: Mapped[int]
    """Labelers that each item is to have; in a stage for candidates it sets no limit."""
    settings: Mapped[dict[str, Any]]
    """The kind's settings."""
    guideline: Mapped[str | None]
    """Name of the guideline; the latest version is shown."""
    state: Mapped[StageState] = mapped_column(default="open")
    created_at: Mapped[float]


class Item(Table):
    """One thing to do."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("stage_id", "key"),
        UniqueConstraint("id", "stage_id"),
        Index("ix_items_line", "stage_id", "lane", "is_retired", text("num_counted DESC"), "position"),
        one_of("lane", "ordinary", "gold", "repeat"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id"))
    key: Mapped[str]
    """The id that its records will have."""
    position: Mapped[int]
    payload: Mapped[dict[str, Any]]
    """What the kind's `Item` holds."""
    lane: Mapped[str] = mapped_column(String(16), default="ordinary")
    """'gold' and 'repeat' items are strewn among the ordinary ones and look like them."""
    gold: Mapped[dict[str, Any] | None]
    """What a researcher answered: {'content': …, 'shown': …}."""
    repeats_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"))
    """The item that this one asks again, of those who did that one."""
    author_id: Mapped[int | None] = mapped_column(ForeignKey("labelers.id"))
    """Who wrote what is judged here, and is not asked about it."""
    num_counted: Mapped[int] = mapped_column(default=0)
    """Submissions that count, kept in the transaction that adds one."""
    is_retired: Mapped[bool] = mapped_column(default=False)
    """Taken out of the line."""
    is_sensitive: Mapped[bool] = mapped_column(default=False)
    """Only for those who agreed to sensitive content."""
    created_at: Mapped[float]


class Addressee(Table):
    """A labeler whom an item is for; an item that has any goes to nobody else."""

    __tablename__ = "addressees"

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    labeler_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"), primary_key=True)


class Claim(Table):
    """A labeler's lease on an item. It stays when it ends, so that late work still comes in; it goes with the work."""

    __tablename__ = "claims"
    __table_args__ = (UniqueConstraint("item_id", "labeler_id"), Index("ix_claims_mine", "labeler_id", "stage_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id"))
    labeler_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"))
    shown: Mapped[dict[str, Any]]
    """How the item is shown to this labeler: the order, and what was drawn."""
    claimed_at: Mapped[float]
    heartbeat_at: Mapped[float]
    expires_at: Mapped[float]


class Draft(Table):
    """What a labeler has so far."""

    __tablename__ = "drafts"
    __table_args__ = (UniqueConstraint("item_id", "labeler_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    labeler_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"), index=True)
    revision: Mapped[int]
    content: Mapped[dict[str, Any]]
    active_s: Mapped[float]
    """Time in which there was activity."""
    updated_at: Mapped[float]


class Answer(Table):
    """What a labeler submitted. Rows are added, never changed: a correction is a row that `revises` another."""

    __tablename__ = "answers"
    __table_args__ = (
        UniqueConstraint("id", "group"),  # so that an export can point at an answer together with its group
        ForeignKeyConstraint(["labeler_id", "group"], ["labelers.id", "labelers.group"]),
        ForeignKeyConstraint(["item_id", "stage_id"], ["items.id", "items.stage_id"]),
        Index(
            "uq_answers_first", "item_id", "labeler_id", unique=True,
            sqlite_where=text("status IN ('counted', 'surplus')"),
            postgresql_where=text("status IN ('counted', 'surplus')"),
        ),
        Index("ix_answers_labeler", "labeler_id", "stage_id"),
        Index("ix_answers_stage", "stage_id", "created_at"),
        one_of("status", "counted", "surplus", "revision", "gold"),
        CheckConstraint("(status = 'revision') = (revises_id IS NOT NULL)", name="revision_revises"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int]
    stage_id: Mapped[int]
    labeler_id: Mapped[int]
    group: Mapped[Group]
    status: Mapped[Status]
    """Counted: within the overlap. Surplus: came late. Gold: a researcher's, to compare with."""
    content: Mapped[dict[str, Any]]
    """The kind's `Answer`, as posted."""
    shown: Mapped[dict[str, Any]]
    """How the item was shown: the order, and what was drawn."""
    guideline_id: Mapped[int | None] = mapped_column(ForeignKey("guidelines.id"))
    schema_version: Mapped[int]
    """Version of the kind's `Answer`."""
    round: Mapped[int]
    active_s: Mapped[float]
    claimed_at: Mapped[float]
    revises_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"), unique=True)
    created_at: Mapped[float]


class Skip(Table):
    """An item that a labeler passed over."""

    __tablename__ = "skips"
    __table_args__ = (UniqueConstraint("item_id", "labeler_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    labeler_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"), index=True)
    reason: Mapped[str]
    """Empty when none was given; none is asked for."""
    created_at: Mapped[float]


class Comment(Table):
    """A line in an item's thread between its labelers and the researchers."""

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), index=True)
    labeler_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"), index=True)
    """Who wrote it."""
    thread_of: Mapped[int] = mapped_column(ForeignKey("labelers.id"), index=True)
    """The labeler whose thread it is in: labelers do not see each other's."""
    text: Mapped[str]
    created_at: Mapped[float]


class DemonstrationRating(Table):
    """What a researcher thinks of a candidate's demonstration; the latest of a researcher holds."""

    __tablename__ = "demonstration_ratings"
    __table_args__ = (
        ForeignKeyConstraint(["answer_id"], ["answers.id"]),
        CheckConstraint("likert BETWEEN 1 AND 7", name="likert_in_range"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    answer_id: Mapped[int] = mapped_column(index=True)
    researcher_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"), index=True)
    likert: Mapped[int]
    created_at: Mapped[float]


class Decision(Table):
    """Whether a candidate was taken on, on what scores."""

    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(primary_key=True)
    labeler_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"), index=True)
    decided_by: Mapped[int] = mapped_column(ForeignKey("labelers.id"))
    is_taken: Mapped[bool]
    scores: Mapped[dict[str, Any]]
    """The scores, and the cut-offs that they were held against."""
    note: Mapped[str]
    created_at: Mapped[float]


class Adjudication(Table):
    """What an admin or a researcher wrote down on an item on which labelers differ. Rows are added, never changed."""

    __tablename__ = "adjudications"
    __table_args__ = (CheckConstraint("note <> '' OR answer_id IS NOT NULL", name="says_something"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), index=True)
    decided_by: Mapped[int] = mapped_column(ForeignKey("labelers.id"))
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    """The answer that holds, and is the item's gold from then on; None where there is only a note."""
    note: Mapped[str]
    created_at: Mapped[float]


class Setting(Table):
    """What an admin set for the whole room."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]


class Export(Table):
    """An artifact that was made of answers."""

    __tablename__ = "exports"
    __table_args__ = (UniqueConstraint("id", "purpose"), one_of("purpose", "training", "measurement"))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    """Kind of artifact: 'rankings', …"""
    purpose: Mapped[Purpose]
    salt: Mapped[str]
    """What the release's pseudonyms were made with."""
    content_hash: Mapped[str]
    """Empty until the artifact is written."""
    created_at: Mapped[float]


class ExportedAnswer(Table):
    """That an answer is in an export; what a held-out labeler made cannot be in one for training."""

    __tablename__ = "exported_answers"
    __table_args__ = (
        ForeignKeyConstraint(["export_id", "purpose"], ["exports.id", "exports.purpose"]),
        ForeignKeyConstraint(["answer_id", "group"], ["answers.id", "answers.group"]),
        CheckConstraint("purpose <> 'training' OR \"group\" = 'training'", name="held_out_never_trains"),
    )

    export_id: Mapped[int] = mapped_column(primary_key=True)
    answer_id: Mapped[int] = mapped_column(primary_key=True)
    purpose: Mapped[Purpose]
    group: Mapped[Group]
