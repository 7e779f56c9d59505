"""What labelers write to the researchers about items, as the researchers see it."""

from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from preceptor.labeling import answers
from preceptor.labeling.assignment import draw
from preceptor.labeling.outcomes import Missing
from preceptor.labeling.stages import settings_of, task_of
from preceptor.store.tables import Comment, Item, Labeler, Stage

NUM_SHOWN = 50
"""Threads on the page; what waits for a reply comes first, so nothing that waits is hidden by what does not."""


@dataclass(frozen=True)
class Thread:
    """What a labeler and the researchers wrote to each other about an item."""

    item: Item
    stage: Stage
    labeler: Labeler
    comments: list[Comment]
    messages: list[dict[str, str]]
    """The prompt of the item, where its kind shows one."""
    is_open: bool
    """Whether the labeler has the last word."""


def threads(session: Session) -> list[Thread]:
    """Threads, those that wait for a reply first, and the latest first."""
    last = _last_comments().order_by((Comment.labeler_id == Comment.thread_of).desc(), Comment.id.desc())
    return [_thread(session, *row) for row in session.execute(last.limit(NUM_SHOWN))]


def num_open(session: Session) -> int:
    """Threads that wait for a reply."""
    waiting = _last_comments().where(Comment.labeler_id == Comment.thread_of)
    return session.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def reply(session: Session, author: Labeler, item_id: int, labeler_id: int, text: str, *, now: float) -> None:
    """Write into a labeler's thread.

    Raises:
        Missing: there is no such thread.
        Refused: the text is empty.
    """
    known = select(Comment.id).where(Comment.item_id == item_id, Comment.thread_of == labeler_id).limit(1)
    if session.scalar(known) is None:
        raise Missing
    answers.comment(session, author, item_id, text, thread_of=labeler_id, now=now)


def _last_comments() -> Select[Comment, Item, Stage, Labeler]:
    """The last line of each thread in which labelers wrote, with item, stage and labeler."""
    last = select(func.max(Comment.id)).group_by(Comment.item_id, Comment.thread_of)
    return (
        select(Comment, Item, Stage, Labeler)
        .join(Item, Item.id == Comment.item_id)
        .join(Stage, Stage.id == Item.stage_id)
        .join(Labeler, Labeler.id == Comment.thread_of)
        .where(Comment.id.in_(last), Labeler.role == "labeler")
    )


def _thread(session: Session, last: Comment, item: Item, stage: Stage, labeler: Labeler) -> Thread:
    task = task_of(stage)
    payload = task.Item.model_validate(item.payload)
    # As it might be shown to anybody: who wrote may have skipped it since, and how it was shown is forgotten then.
    view = task.view(payload, task.show(payload, settings_of(stage), draw(item.id)), settings_of(stage))
    comments = answers.thread(session, labeler, item.id)
    return Thread(item, stage, labeler, comments, view.get("messages", []), last.labeler_id == labeler.id)
