"""Who does what: a claim is a lease on an item, and what is claimed and done is counted in one transaction."""

import hashlib
import random

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.stages import is_for, may_see, settings_of, stage_for, takes_sensitive, task_of
from preceptor.labeling.tasks import StageSettings
from preceptor.store.tables import Addressee, Answer, Claim, Item, Labeler, Skip, Stage

FIRST = ("counted", "surplus")
"""The states of a first submission; a labeler has at most one on an item."""
MOST_COUNTED = 1000
"""More than that is “many” to a labeler, and not worth a longer count."""

MAX_BEGUN = 3
"""Items of a stage that a labeler may hold at once: what lies begun, and what was skipped and taken up again."""


def claim_next(session: Session, labeler: Labeler, stage_id: int, *, now: float) -> Claim | None:
    """What a labeler is to do now: what was begun, else something new; None when there is nothing.

    Call it in a write transaction.

    Raises:
        Missing: the labeler does not work in this stage.
    """
    stage = stage_for(session, labeler, stage_id, lock=True)
    settings = settings_of(stage)
    if claim := begun(session, labeler, stage, now):
        _extend(claim, settings, now)
        return claim
    if labeler.role == "researcher":
        item = session.scalar(_without_gold(labeler, stage, now).limit(1))
        return None if item is None else _claim(session, labeler, stage, item, settings, now)
    done = num_done(session, labeler, stage)
    if settings.max_per_labeler is not None and done >= settings.max_per_labeler:
        return None
    # What is passed over counts, too: else skipping would draw the same lane until its hidden items are used up.
    chance = draw(labeler.id, stage.id, "lane", done + _num_skipped(session, labeler, stage))
    for lane in _lanes(settings, chance):
        item = session.scalar(_available(labeler, stage, lane, settings, now).limit(1))
        if item is None and lane == "repeat":
            item = _ask_again(session, labeler, stage, settings, chance, now)
        if item is not None:
            return _claim(session, labeler, stage, item, settings, now)
    return None


def num_left(session: Session, labeler: Labeler, stage: Stage, *, now: float) -> int:
    """Items that a labeler can still do in a stage, what lies begun among them; counted up to `MOST_COUNTED`."""
    settings = settings_of(stage)
    new = _available(labeler, stage, "ordinary", settings, now).with_only_columns(Item.id).order_by(None)
    num = session.scalar(select(func.count()).select_from(new.limit(MOST_COUNTED).subquery())) or 0
    if settings.max_per_labeler is not None:
        num = min(num, max(0, settings.max_per_labeler - num_done(session, labeler, stage)))
    live = select(func.count()).where(
        Claim.labeler_id == labeler.id, Claim.stage_id == stage.id, Claim.expires_at > now
    )
    # One whose lease has ended is still theirs as long as nobody else has it.
    lies_begun = begun(session, labeler, stage, now) is not None
    return min(num + max(session.scalar(live) or 0, int(lies_begun)), MOST_COUNTED)


def num_done(session: Session, labeler: Labeler, stage: Stage) -> int:
    """Items of a stage that a labeler submitted."""
    submitted = select(func.count()).where(
        Answer.labeler_id == labeler.id, Answer.stage_id == stage.id, Answer.status.in_(FIRST)
    )
    return session.scalar(submitted) or 0


def begun(session: Session, labeler: Labeler, stage: Stage, now: float) -> Claim | None:
    """What a labeler has begun and is to go on with; not what has gone to others or was taken out of the line."""
    mine = select(Claim).join(Item, Item.id == Claim.item_id).where(Item.is_retired.is_(False))
    mine = mine.where(Claim.labeler_id == labeler.id, Claim.stage_id == stage.id, may_see(labeler)).order_by(Claim.id)
    going_on = (one for one in session.scalars(mine) if is_live(one, now) or is_free(session, stage, one.item_id, now))
    return next(going_on, None)


def stage_of(session: Session, item_id: int) -> Stage:
    """The stage of an item, locked: who makes, extends or ends a claim in it does so alone.

    Raises:
        Missing: there is no such item.
    """
    statement = select(Stage).join(Item, Item.stage_id == Stage.id).where(Item.id == item_id)
    stage = session.scalar(statement.with_for_update(of=Stage))
    if stage is None:
        raise Missing
    return stage


def claim_on(session: Session, labeler: Labeler, item_id: int) -> Claim | None:
    """A labeler's claim on an item, ended or not."""
    return session.scalar(select(Claim).where(Claim.item_id == item_id, Claim.labeler_id == labeler.id))


def claim_of(session: Session, labeler: Labeler, item_id: int) -> Claim:
    """The same where there must be one.

    Raises:
        Missing: there is none.
    """
    claim = claim_on(session, labeler, item_id)
    if claim is None:
        raise Missing
    return claim


def claim_again(session: Session, labeler: Labeler, stage: Stage, item_id: int, *, now: float) -> Claim:
    """A claim on a certain item of a locked stage; one that has ended already when the item has no room.

    Raises:
        Missing: the labeler does not work in this stage, or the item was taken out of the line or is not for them.
        Refused: the labeler has enough begun.
    """
    item = session.get_one(Item, item_id)
    if item.is_retired or not is_for(stage, labeler) or not _suits(item, labeler):
        raise Missing
    mine = select(func.count()).where(Claim.labeler_id == labeler.id, Claim.stage_id == stage.id)
    if (session.scalar(mine.where(Claim.expires_at > now)) or 0) >= MAX_BEGUN:
        raise Refused("You have {num} tasks begun here. Finish one of them first.", num=MAX_BEGUN)
    has_room = is_free(session, stage, item_id, now)
    claim = _claim(session, labeler, stage, item, settings_of(stage), now)
    if not has_room:
        claim.expires_at = now
    return claim


def claim_for_gold(session: Session, researcher: Labeler, item_id: int, *, now: float) -> None:
    """Let a researcher answer a certain item, whatever others did; it takes no room from them.

    Who opens a certain item, chose it; so a sensitive one is not kept back.

    Raises:
        Missing: there is no such item, or its stage is closed.
    """
    item = session.get(Item, item_id)
    if item is None:
        raise Missing
    stage = stage_for(session, researcher, item.stage_id, lock=True)
    for table in (Claim, Answer):
        if session.scalar(select(table.id).where(table.item_id == item_id, table.labeler_id == researcher.id).limit(1)):
            return
    _claim(session, researcher, stage, item, settings_of(stage), now).expires_at = now


def heartbeat(session: Session, labeler: Labeler, item_id: int, *, now: float) -> bool:
    """Somebody is still at it: the lease goes on. False when it ended and the item has gone to others, or may not stay.

    Raises:
        Missing: the labeler does not have it, or no longer works in its stage.
    """
    stage = stage_of(session, item_id)
    claim = claim_of(session, labeler, item_id)
    if not is_for(stage, labeler):
        raise Missing
    if not _suits(session.get_one(Item, item_id), labeler):
        return False
    if not is_live(claim, now):
        if labeler.role == "researcher":
            # Gold has room whenever it comes, and takes none from others.
            return True
        if not is_free(session, stage, item_id, now):
            return False
    _extend(claim, settings_of(stage), now)
    return True


def is_live(claim: Claim, now: float) -> bool:
    """Whether a lease has not ended."""
    return claim.expires_at > now


def is_free(session: Session, stage: Stage, item_id: int, now: float) -> bool:
    """Whether an item has room for one more, what others are doing included; the stage must be locked."""
    item = session.get_one(Item, item_id, populate_existing=True)
    if item.is_retired:
        return False
    if not has_limit(stage, item.lane):
        return True
    live = session.scalar(select(func.count()).where(Claim.item_id == item_id, Claim.expires_at > now)) or 0
    return item.num_counted + live < stage.overlap


def has_limit(stage: Stage, lane: str) -> bool:
    """Whether only so many labelers do an item; all candidates do the same ones, and hidden items have no number."""
    return lane == "ordinary" and not stage.is_screening


def is_addressed(labeler: Labeler) -> ColumnElement[bool]:
    """That an item is for a labeler: for everybody, or for some among whom this one is."""
    addressed = exists().where(Addressee.item_id == Item.id)
    return or_(~addressed, addressed.where(Addressee.labeler_id == labeler.id))


def draw(*key: object) -> random.Random:
    """A generator that is a function of the key."""
    text = "\0".join(map(str, key))
    return random.Random(hashlib.sha256(text.encode()).digest())


def agree_to_sensitive(session: Session, labeler: Labeler, *, agrees: bool, now: float) -> None:
    """Take sensitive content from now on, or no more; who takes no more gives back what lies begun of it."""
    kept = session.get_one(Labeler, labeler.id)
    kept.profile = {**kept.profile, "takes_sensitive": agrees}
    if not agrees:
        sensitive = select(Item.id).where(Item.is_sensitive)
        mine = (Claim.labeler_id == labeler.id, Claim.expires_at > now, Claim.item_id.in_(sensitive))
        session.execute(update(Claim).where(*mine).values(expires_at=now))


def _suits(item: Item, labeler: Labeler) -> bool:
    return not item.is_sensitive or takes_sensitive(labeler)


def _lanes(settings: StageSettings, generator: random.Random) -> tuple[str, ...]:
    """Lanes to look into, first to last; hidden ones come by chance, and never when nothing else is left."""
    chance = generator.random()
    if chance < settings.gold_share:
        return ("gold", "ordinary")
    if chance < settings.gold_share + settings.repeat_share:
        return ("repeat", "ordinary")
    return ("ordinary",)


def _num_skipped(session: Session, labeler: Labeler, stage: Stage) -> int:
    skipped = select(func.count()).select_from(Skip).join(Item, Item.id == Skip.item_id)
    return session.scalar(skipped.where(Skip.labeler_id == labeler.id, Item.stage_id == stage.id)) or 0


def _available(labeler: Labeler, stage: Stage, lane: str, settings: StageSettings, now: float) -> Select[Item]:
    """Items that a labeler may be given, begun ones first, so that each soon has all its labelers."""
    conditions = [
        Item.stage_id == stage.id, Item.lane == lane, Item.is_retired.is_(False),
        or_(Item.author_id.is_(None), Item.author_id != labeler.id), is_addressed(labeler), may_see(labeler),
        *(Item.id.not_in(select(one.item_id).where(one.labeler_id == labeler.id)) for one in (Answer, Skip, Claim)),
    ]  # fmt: skip
    if has_limit(stage, lane):
        live = select(func.count()).where(Claim.item_id == Item.id, Claim.expires_at > now).scalar_subquery()
        conditions += [Item.num_counted < stage.overlap, Item.num_counted + live < stage.overlap]
    if lane == "repeat":
        conditions.append(_did_long_ago(labeler, now - settings.repeat_after_hours * 3600))
    return select(Item).where(and_(*conditions)).order_by(Item.num_counted.desc(), Item.position)


def _without_gold(researcher: Labeler, stage: Stage, now: float) -> Select[Item]:
    """Items for which a researcher may write gold: in a stage for candidates any, else those that nobody has begun."""
    conditions = [
        Item.stage_id == stage.id, Item.lane == "ordinary", Item.is_retired.is_(False), Item.gold.is_(None),
        may_see(researcher),
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


def _ask_again(
    session: Session, labeler: Labeler, stage: Stage, settings: StageSettings, chance: random.Random, now: float
) -> Item | None:
    """Make an item of one that a labeler did long ago, for this labeler alone; None when all such were asked again.

    Nothing in it says so: it has a key, a place and an order of its own.
    """
    if stage.is_screening:  # there all candidates have the same items
        return None
    again = aliased(Item)
    asked = (
        select(again.repeats_id)
        .join(Addressee, Addressee.item_id == again.id)
        .where(again.stage_id == stage.id, again.lane == "repeat", Addressee.labeler_id == labeler.id)
    )
    done = (
        select(Item.id)
        .join(Answer, Answer.item_id == Item.id)
        .where(
            Item.stage_id == stage.id, Item.lane == "ordinary", Item.is_retired.is_(False), Item.id.not_in(asked),
            may_see(labeler), Answer.labeler_id == labeler.id, Answer.status == "counted",
            Answer.created_at <= now - settings.repeat_after_hours * 3600,
        )
    )  # fmt: skip
    ids = session.scalars(done.order_by(Item.id)).all()
    if not ids:
        return None
    first = session.get_one(Item, chance.choice(ids))
    item = Item(
        stage_id=stage.id, key=draw(labeler.id, first.id, "again").randbytes(8).hex(), position=first.position,
        payload=first.payload, lane="repeat", repeats_id=first.id, author_id=first.author_id,
        is_sensitive=first.is_sensitive, created_at=now,
    )  # fmt: skip
    session.add(item)
    session.flush()
    session.add(Addressee(item_id=item.id, labeler_id=labeler.id))
    return item


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
