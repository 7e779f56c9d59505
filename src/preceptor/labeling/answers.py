"""What labelers hand in: drafts with revision numbers, submissions, corrections, skips, comments."""

import json
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from preceptor.labeling.assignment import claim_again, claim_of, claim_on, has_limit, is_free, is_live, stage_of
from preceptor.labeling.outcomes import Missing, Refused, Stale
from preceptor.labeling.stages import is_for, task_of
from preceptor.labeling.tasks import Task
from preceptor.records import Record
from preceptor.store.tables import Answer, Claim, Comment, Draft, Guideline, Item, Labeler, Skip, Stage, Status

MAX_CONTENT = 2_000_000
"""Characters of a draft or an answer as JSON."""


def draft_of(session: Session, labeler: Labeler, item_id: int) -> Draft | None:
    """What a labeler has so far; None before the first save."""
    return session.scalar(_draft(labeler, item_id))


def save_draft(
    session: Session,
    labeler: Labeler,
    item_id: int,
    content: dict[str, Any],
    *,
    revision: int,
    active_s: float,
    now: float,
) -> int:
    """Keep what a labeler has so far; `revision` is the one that this was made from, 0 for none. The new revision.

    Call it in a write transaction.

    Raises:
        Missing: the labeler never had this item.
        Stale: another tab or device saved in the meantime.
        Refused: it is too large, or no draft of this kind.
    """
    stage_id, _ = place_of(session, labeler, item_id)
    _check_size(content)
    if model := task_of(session.get_one(Stage, stage_id)).Draft:
        _parsed(model, content)
    statement = _draft(labeler, item_id)
    draft = session.scalar(statement.with_for_update())
    if draft is None:
        # There is no row to lock yet, and two tabs may save first at once.
        session.execute(select(Labeler.id).where(Labeler.id == labeler.id).with_for_update(key_share=True))
        draft = session.scalar(statement)
    if draft is None:
        if revision != 0:
            raise Stale(0, _submitted(session, labeler, item_id))
        draft = Draft(item_id=item_id, labeler_id=labeler.id, revision=0, content={}, active_s=0.0, updated_at=now)
        session.add(draft)
    elif draft.revision != revision:
        if draft.content == content:
            return draft.revision
        raise Stale(draft.revision, draft.content)
    draft.revision, draft.content, draft.updated_at = revision + 1, content, now
    draft.active_s = max(draft.active_s, active_s)
    session.flush()
    return draft.revision


def place_of(session: Session, labeler: Labeler, item_id: int) -> tuple[int, dict[str, Any]]:
    """The stage of an item that is or was a labeler's, and how it was shown.

    Raises:
        Missing: it never was.
    """
    found = claim_on(session, labeler, item_id) or latest_answer(session, labeler, item_id)
    if found is None:
        raise Missing
    return found.stage_id, found.shown


def submit(
    session: Session,
    labeler: Labeler,
    item_id: int,
    content: dict[str, Any],
    *,
    revision: int | None = None,
    guideline_id: int | None,
    active_s: float,
    now: float,
) -> Answer:
    """Take an answer in. It counts while the item has room; what comes too late is kept as surplus.

    `revision` is that of the draft which it was made from, 0 for none. None comes from who keeps no drafts: whatever
    was drafted goes.

    A researcher's is gold: others are compared with it. An item that nobody has done yet leaves the line with it, to be
    strewn among the others; one of a stage for candidates stays. The latest gold of an item holds.

    Sending the same again, as after a lost reply, gives the answer that is there; sending another one corrects it. Who
    no longer works in the stage finishes what was begun, and corrects nothing. Call it in a write transaction.

    Raises:
        Missing: the labeler never had this item.
        Stale: another tab or device saved or submitted in the meantime.
        Refused: it is no answer to it, or can no longer be corrected.
    """
    stage = stage_of(session, item_id)
    item = session.get_one(Item, item_id)
    before = latest_answer(session, labeler, item_id)
    claim = None if before else claim_of(session, labeler, item_id)
    place = before or claim
    assert place is not None
    draft = session.scalar(_draft(labeler, item_id).with_for_update())
    _check_revision(draft, before, revision, content)
    if draft is not None:
        session.delete(draft)
    if before is not None and before.content == content:
        session.flush()
        return before
    if before is not None and not is_for(stage, labeler):
        raise Refused("This can no longer be corrected: it stays as you submitted it.")
    task = task_of(stage)
    checked(task, item, place.shown, content)
    answer = Answer(
        item_id=item.id, stage_id=stage.id, labeler_id=labeler.id, group=labeler.group,
        status=_status(session, labeler, stage, item, claim, now), content=content, shown=place.shown,
        guideline_id=_guideline(session, stage, guideline_id), schema_version=task.schema_version, round=stage.round,
        active_s=active_s, claimed_at=place.claimed_at, created_at=now,
    )  # fmt: skip
    if answer.status == "revision" and before is not None:
        answer.revises_id = before.id
    if answer.status == "gold":
        item.gold = {"content": content, "shown": place.shown}
        item.lane = "gold" if item.num_counted == 0 and not stage.is_screening else item.lane
    session.add(answer)
    item.num_counted += answer.status == "counted"
    if claim is not None:
        session.delete(claim)
    session.flush()
    return answer


def _status(session: Session, labeler: Labeler, stage: Stage, item: Item, claim: Claim | None, now: float) -> Status:
    """What becomes of an answer that comes now; without a claim it corrects an earlier one."""
    if labeler.role == "researcher":
        return "gold"
    if claim is None:
        return "revision"
    has_room = not has_limit(stage, item.lane) or item.num_counted < stage.overlap
    return "counted" if has_room and (is_live(claim, now) or is_free(session, stage, item.id, now)) else "surplus"


def latest_answer(session: Session, labeler: Labeler, item_id: int) -> Answer | None:
    """What a labeler says of an item, corrections included."""
    statement = select(Answer).where(Answer.item_id == item_id, Answer.labeler_id == labeler.id)
    return session.scalar(statement.order_by(Answer.id.desc()).limit(1))


def skip(session: Session, labeler: Labeler, item_id: int, *, reason: str, now: float) -> int:
    """Pass an item over; what was drafted is kept, and the item goes to others. The stage's id.

    Call it in a write transaction.

    Raises:
        Missing: the labeler does not have this item.
    """
    stage = stage_of(session, item_id)
    claim = claim_of(session, labeler, item_id)
    session.add(Skip(item_id=item_id, labeler_id=labeler.id, reason=reason[:2000], created_at=now))
    session.delete(claim)
    session.flush()
    return stage.id


def take_back_skip(session: Session, labeler: Labeler, item_id: int, *, now: float) -> Claim:
    """Have a skipped item again, with its draft; late from the start when it has gone to others.

    Asking twice is as good as once. Call it in a write transaction.

    Raises:
        Missing: the labeler did not skip it, or no longer works in its stage, or it was taken out of the line.
        Refused: the labeler has enough begun.
    """
    stage = stage_of(session, item_id)
    if claim := claim_on(session, labeler, item_id):
        return claim
    passed = session.scalar(select(Skip).where(Skip.item_id == item_id, Skip.labeler_id == labeler.id))
    if passed is None:
        raise Missing
    session.delete(passed)
    return claim_again(session, labeler, stage, item_id, now=now)


def comment(
    session: Session, author: Labeler, item_id: int, text: str, *, thread_of: int | None = None, now: float
) -> Comment:
    """Add a line to an item's thread; labelers write in their own, researchers and admins in anybody's.

    Raises:
        Missing: the item was never this labeler's, or there is no such thread.
        Refused: the text is empty.
    """
    if not text.strip():
        raise Refused("Write something first.")
    owner = author.id
    if author.role == "labeler":
        if not has_seen(session, author, item_id):
            raise Missing
    elif session.get(Item, item_id) is None:
        raise Missing
    elif thread_of is not None:
        owner = thread_of
    line = Comment(item_id=item_id, labeler_id=author.id, thread_of=owner, text=text[:10_000], created_at=now)
    session.add(line)
    session.flush()
    return line


def thread(session: Session, owner: Labeler, item_id: int) -> list[Comment]:
    """The lines of a labeler's thread on an item, oldest first."""
    statement = select(Comment).where(Comment.item_id == item_id, Comment.thread_of == owner.id)
    return list(session.scalars(statement.order_by(Comment.id)))


def has_seen(session: Session, labeler: Labeler, item_id: int) -> bool:
    """Whether an item was ever this labeler's: claimed, submitted or skipped."""
    return any(
        session.scalar(select(table.id).where(table.item_id == item_id, table.labeler_id == labeler.id).limit(1))
        for table in (Claim, Answer, Skip)
    )


def checked(task: Task, item: Item, shown: dict[str, Any], content: dict[str, Any]) -> Record:
    """An answer as its kind's `Answer`, finished.

    Raises:
        Refused: it is no answer to this item.
    """
    answer = parsed(task, content)
    task.verify(task.Item.model_validate(item.payload), task.Shown.model_validate(shown), answer)
    return answer


def parsed(task: Task, content: dict[str, Any]) -> Record:
    """An answer as its kind's `Answer`, finished or not.

    Raises:
        Refused: it has not that form.
    """
    _check_size(content)
    return _parsed(task.Answer, content)


def _parsed(model: type[Record], content: dict[str, Any]) -> Record:
    try:
        return model.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise _misfit(error) from None


def _draft(labeler: Labeler, item_id: int) -> Select[Draft]:
    return select(Draft).where(Draft.item_id == item_id, Draft.labeler_id == labeler.id)


def _submitted(session: Session, labeler: Labeler, item_id: int) -> dict[str, Any]:
    """What there is where a draft has gone: a draft goes with its submission."""
    answer = latest_answer(session, labeler, item_id)
    return {} if answer is None else answer.content


def _check_revision(draft: Draft | None, before: Answer | None, revision: int | None, content: dict[str, Any]) -> None:
    """See that nothing newer goes with what is submitted; the same, sent again after a lost reply, is welcome."""
    if revision is None:
        return
    if draft is not None and draft.revision != revision and draft.content != content:
        raise Stale(draft.revision, draft.content)
    if draft is None and revision != 0 and before is not None and before.content != content:
        raise Stale(0, before.content)


def _misfit(error: ValidationError) -> Refused:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return Refused("{place}: {problem}", place=place, problem=first["msg"].removeprefix("Value error, "))


def _check_size(content: dict[str, Any]) -> None:
    if len(json.dumps(content, ensure_ascii=False)) > MAX_CONTENT:
        raise Refused("This is too long to be kept: at most {limit} characters.", limit=MAX_CONTENT)


def _guideline(session: Session, stage: Stage, guideline_id: int | None) -> int | None:
    """The version that the labeler had before them, where it is one of this stage's guideline."""
    statement = select(Guideline.id).where(Guideline.id == guideline_id, Guideline.name == stage.guideline)
    return session.scalar(statement)
