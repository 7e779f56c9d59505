"""Who does what: a claim is a lease on an item, and what is claimed and done is counted in one transaction."""

import hashlib
import random

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from preceptor.labeling.outcomes import Missing
from preceptor.labeling.stages import settings_of, stage_for, task_of
from preceptor.labeling.tasks import StageSettings
from preceptor.store.tables import Addressee, Answer, Claim, Item, Labeler, Skip, Stage

FIRST = ("counted", "surplus")
"""The states of a first submission; a labeler has at most one on an item."""
MOST_COUNTED = 1000
"""More than that is “many” to a labeler, and not worth a longer count."""


def claim_next(session: Session, labeler: Labeler, stage_id: int, *, now: float) -> Claim | None:
    """What a labeler is to do now: what was begun, else something new; None when there is nothing.

    Call it in a write transaction.

    Raises:
        Missing: the labeler does not work in this stage.
    """
    stage = stage_for(session, labeler, stage_id, lock=True)
    settings = settings_of(stage)
    mine = select(Claim).where(Claim.labeler_id == labeler.id, Claim.stage_id == stage.id).order_by(Claim.id)
    for claim in session.scalars(mine):
        if is_live(claim, now) or is_free(session, stage, claim.item_id, now):
            _extend(claim, settings, now)
            return claim
    if labeler.role == "researcher":
        item = session.scalar(_without_gold(labeler, stage, now).limit(1))
        return None if item is None else _claim(session, labeler, stage, item, settings, now)
    done = num_done(session, labeler, stage)
    if settings.max_per_labeler is not None and done >= settings.max_per_labeler:
        return None
    for lane in _lanes(settings, draw(labeler.id, stage.id, "lane", done)):
        item = session.scalar(_available(labeler, stage, lane, settings, now).limit(1))
        if item is not None:
            return _claim(session, labeler, stage, item, settings, now)
    return None


def num_left(session: Session, labeler: Labeler, stage: Stage, *, now: float) -> int:
    """Items that a labeler can still do in a stage, what lies begun among them; counted up to `MOST_COUNTED`."""
    settings = settings_of(stage)
    mine = select(func.count()).where(Claim.labeler_id == labeler.id, Claim.stage_id == stage.id)
    new = _available(labeler, stage, "ordinary", settings, now).with_only_columns(Item.id).order_by(None)
    num = session.scalar(select(func.count()).select_from(new.limit(MOST_COUNTED).subquery())) or 0
    num += session.scalar(mine) or 0
    if settings.max_per_labeler is not None:
        num = min(num, settings.max_per_labeler - num_done(session, labeler, stage))
    return min(num, MOST_COUNTED)


def num_done(session: Session, labeler: Labeler, stage: Stage) -> int:
    """Items of a stage that a labeler submitted."""
    submitted = select(func.count()).where(
        Answer.labeler_id == labeler.id, Answer.stage_id == stage.id, Answer.status.in_(FIRST)
    )
    return session.scalar(submitted) or 0


def claim_of(session: Session, labeler: Labeler, item_id: int, *, lock: bool = False) -> Claim:
    """A labeler's claim on an item, ended or not; locked, so that it can be given up only once.

    Raises:
        Missing: there is none.
    """
    statement = select(Claim).where(Claim.item_id == item_id, Claim.labeler_id == labeler.id)
    claim = session.scalar(statement.with_for_update() if lock else statement)
    if claim is None:
        raise Missing
    return claim


def claim_again(session: Session, labeler: Labeler, item_id: int, *, now: float) -> Claim:
    """A claim on a certain item; one that has ended already when the item has no room.

    Raises:
        Missing: there is no such item, or the labeler does not work in its stage.
    """
    item = session.get(Item, item_id)
    if item is None:
        raise Missing
    stage = stage_for(session, labeler, item.stage_id, lock=True)
    has_room = is_free(session, stage, item_id, now)
    claim = _claim(session, labeler, stage, item, settings_of(stage), now)
    if not has_room:
        claim.expires_at = now
    return claim


def heartbeat(session: Session, labeler: Labeler, item_id: int, *, now: float) -> bool:
    """Somebody is still at it: the lease goes on. False when it ended and the item has gone to others.

    Raises:
        Missing: the labeler never had it.
    """
    claim = claim_of(session, labeler, item_id)
    if not is_live(claim, now):
        stage = stage_for(session, labeler, claim.stage_id, lock=True)
        if not is_free(session, stage, item_id, now):
            return False
    else:
        stage = stage_for(session, labeler, claim.stage_id)
    _extend(claim, settings_of(stage), now)
    return True


def is_live(claim: Claim, now: float) -> bool:
    """Whether a lease has not ended."""
    return claim.expires_at > now


def is_free(session: Session, stage: Stage, item_id: int, now: float) -> bool:
    """Whether an item has room for one more, what others are doing included; the stage must be locked."""
    item = session.get_one(Item, item_id, populate_existing=True)
    if item.lane != "ordinary":
        return True
    live = session.scalar(select(func.count()).where(Claim.item_id == item_id, Claim.expires_at > now)) or 0
    return item.num_counted + live < stage.overlap


def is_addressed(labeler: Labeler) -> ColumnElement[bool]:
    """That an item is for a labeler: for everybody, or for some among whom this one is."""
    addressed = exists().where(Addressee.item_id == Item.id)
    return or_(~addressed, addressed.where(Addressee.labeler_id == labeler.id))


def draw(*key: object) -> random.Random:
    """A generator that is a function of the key."""
    text = "\0".join(map(str, key))
    return random.Random(hashlib.sha256(text.encode()).digest())


def _lanes(settings: StageSettings, generator: random.Random) -> tuple[str, ...]:
    """Lanes to look into, first to last; hidden ones come by chance, and never when nothing else is left."""
    chance = generator.random()
    if chance < settings.gold_share:
        return ("gold", "ordinary")
    if chance < settings.gold_share + settings.repeat_share:
        return ("repeat", "ordinary")
    return ("ordinary",)


def _available(labeler: Labeler, stage: Stage, lane: str, settings: StageSettings, now: float) -> Select[Item]:
    """Items that a labeler may be given, begun ones first, so that each soon has all its labelers."""
    conditions = [
        Item.stage_id == stage.id, Item.lane == lane, Item.is_retired.is_(False),
        or_(Item.author_id.is_(None), Item.author_id != labeler.id), is_addressed(labeler),
        *(~exists().where(table.item_id == Item.id, table.labeler_id == labeler.id) for table in (Answer, Skip, Claim)),
    ]  # fmt: skip
    if lane == "ordinary":
        live = select(func.count()).where(Claim.item_id == Item.id, Claim.expires_at > now).scalar_subquery()
        conditions += [Item.num_counted < stage.overlap, Item.num_counted + live < stage.overlap]
    if lane == "repeat":
        conditions.append(_did_long_ago(labeler, now - settings.repeat_after_hours * 3600))
    return select(Item).where(and_(*conditions)).order_by(Item.num_counted.desc(), Item.position)


def _without_gold(researcher: Labeler, stage: Stage, now: float) -> Select[Item]:
    """Items for which a researcher may write gold: in a stage for candidates any, else those that nobody has begun."""
    conditions = [
        Item.stage_id == stage.id, Item.lane == "ordinary", Item.is_retired.is_(False), Item.gold.is_(None),
        *(~exists().where(table.item_id == Item.id, table.labeler_id == researcher.id) for table in (Skip, Claim)),
    ]  # fmt: skip
    if not stage.is_screening:
        conditions += [Item.num_counted == 0, ~exists().where(Claim.item_id == Item.id, Claim.expires_at > now)]
    return select(Item).where(and_(*conditions)).order_by(Item.position)


def _did_long_ago(labeler: Labeler, until: float) -> ColumnElement[bool]:
    earlier = aliased(Answer)
    return exists().where(
        earlier.item_id == Item.repeats_id, earlier.labeler_id == labeler.id, earlier.status.in_(FIRST),
        earlier.created_at <= until,
    )  # fmt: skip


def _claim(session: Session, labeler: Labeler, stage: Stage, item: Item, settings: StageSettings, now: float) -> Claim:
    task = task_of(stage)
    shown = task.show(task.Item.model_validate(item.payload), settings, draw(labeler.id, item.id, "shown"))
    claim = Claim(
        item_id=item.id, stage_id=stage.id, labeler_id=labeler.id, shown=shown.model_dump(mode="json"),
        claimed_at=now, heartbeat_at=now, expires_at=now + settings.lease_minutes * 60,
    )  # fmt: skip
    session.add(claim)
    session.flush()
    return claim


def _extend(claim: Claim, settings: StageSettings, now: float) -> None:
    claim.heartbeat_at = now
    claim.expires_at = now + settings.lease_minutes * 60
