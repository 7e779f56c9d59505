"""An item as it lies before a labeler: what is shown, what was drafted or submitted, and the guideline beside it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from preceptor.labeling import answers, guidelines
from preceptor.labeling.assignment import FIRST, begun, claim_on, is_live, num_done, num_left
from preceptor.labeling.stages import may_see, settings_of, stages_for, task_of
from preceptor.labeling.tasks import Task
from preceptor.store.tables import Answer, Comment, Guideline, Item, Labeler, Skip, Stage


@dataclass(frozen=True)
class Desk:
    """Everything that a page or a program needs to work on an item."""

    item_id: int
    key: str
    stage: Stage
    task: Task
    view: dict[str, Any]
    content: dict[str, Any]
    """The draft, else what was submitted; what a draft begins with fills it up, because programs may leave it out."""
    revision: int
    """Of the draft; 0 for none."""
    active_s: float
    guideline: Guideline | None
    thread: list[Comment]
    is_answered: bool
    """Whether this corrects what was submitted."""
    is_late: bool
    """Whether the lease ended and may have gone to others."""
    expires_at: float | None


def desk(session: Session, me: Labeler, item_id: int, now: float) -> Desk:
    """An item that is or was a labeler's.

    Raises:
        Missing: it never was.
    """
    stage_id, shown_json = answers.place_of(session, me, item_id)
    stage, item = session.get_one(Stage, stage_id), session.get_one(Item, item_id)
    task, settings = task_of(stage), settings_of(stage)
    payload, shown = task.Item.model_validate(item.payload), task.Shown.model_validate(shown_json)
    claim = claim_on(session, me, item_id)
    draft = answers.draft_of(session, me, item_id)
    answer = None if claim else answers.latest_answer(session, me, item_id)
    latest = draft or answer
    return Desk(
        item_id=item.id, key=item.key, stage=stage, task=task, view=task.view(payload, shown, settings),
        content=task.start(payload, shown, settings) | (latest.content if latest else {}),
        revision=draft.revision if draft else 0, active_s=latest.active_s if latest else 0.0,
        guideline=guidelines.current(session, stage.guideline) if stage.guideline else None,
        thread=answers.thread(session, me, item_id), is_answered=answer is not None,
        is_late=claim is not None and not is_live(claim, now) and me.role != "researcher",
        expires_at=claim.expires_at if claim else None,
    )  # fmt: skip


@dataclass(frozen=True)
class StageCard:
    """A stage as its labelers see it on their first page."""

    stage: Stage
    title: str
    num_mine: int
    """Items that this labeler submitted."""
    num_left: int
    """Items that this labeler can still do."""
    is_begun: bool
    """Whether an item lies begun."""


def stage_cards(session: Session, me: Labeler, now: float) -> list[StageCard]:
    """The stages of a labeler, with how far they are."""
    return [
        StageCard(
            stage, task_of(stage).title, num_done(session, me, stage), num_left(session, me, stage, now=now),
            begun(session, me, stage, now) is not None,
        )
        for stage in stages_for(session, me)
    ]  # fmt: skip


@dataclass(frozen=True)
class GoldCard:
    """A stage as researchers see it."""

    stage: Stage
    title: str
    num_gold: int
    num_items: int


def gold_cards(session: Session, researcher: Labeler) -> list[GoldCard]:
    """The stages, with how many of their items have gold."""
    counts = select(Item.stage_id, func.count(), func.count(Item.gold)).where(
        Item.is_retired.is_(False), Item.lane != "repeat"
    )
    num = {stage_id: counted for stage_id, *counted in session.execute(counts.group_by(Item.stage_id))}
    return [
        GoldCard(stage, task_of(stage).title, num_gold, num_items)
        for stage in stages_for(session, researcher)
        for num_items, num_gold in [num.get(stage.id, (0, 0))]
    ]


def done_by(session: Session, me: Labeler, *, limit: int) -> list[tuple[Answer, Stage]]:
    """What a labeler submitted, latest first."""
    statement = (
        select(Answer, Stage)
        .join(Stage, Stage.id == Answer.stage_id)
        .where(Answer.labeler_id == me.id, Answer.status.in_((*FIRST, "gold")))
        .order_by(Answer.id.desc())
        .limit(limit)
    )
    return [(answer, stage) for answer, stage in session.execute(statement)]


def skipped_by(session: Session, me: Labeler, *, limit: int) -> list[tuple[Skip, Stage]]:
    """What a labeler passed over and may have again, latest first."""
    statement = (
        select(Skip, Stage)
        .join(Item, Item.id == Skip.item_id)
        .join(Stage, Stage.id == Item.stage_id)
        .where(Skip.labeler_id == me.id, Item.is_retired.is_(False), may_see(me))
        .order_by(Skip.id.desc())
        .limit(limit)
    )
    return [(skip, stage) for skip, stage in session.execute(statement)]
