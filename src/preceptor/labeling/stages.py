"""Stages and what is in them: who may work where, and how items get in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true, tuple_
from sqlalchemy.orm import Session

from preceptor.errors import UserError
from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.tasks import StageSettings, Task, kinds
from preceptor.records import Prompt, Record
from preceptor.store.tables import Addressee, Answer, Group, Item, Labeler, Skip, Stage, StageState


@dataclass(frozen=True)
class NewItem:
    """What goes into a stage."""

    key: str
    """The id that its records will have; unique in the stage."""
    item: Record
    """Of the kind's `Item`."""
    author_id: int | None = None
    """Who wrote what is judged here, and is not asked about it."""
    gold: Mapping[str, Any] | None = None
    """A researcher's {'content': …, 'shown': …}: such an item is strewn among the others."""
    repeats_id: int | None = None
    """The item that this one asks again."""
    only_for: tuple[int, ...] = ()
    """Labelers whom it is for, by their ids; empty for everybody in the stage."""

    @property
    def lane(self) -> str:
        """The line that it stands in."""
        return "gold" if self.gold is not None else "repeat" if self.repeats_id is not None else "ordinary"


def task_of(stage: Stage) -> Task:
    """The kind of task of a stage."""
    return kinds()[stage.kind]


def settings_of(stage: Stage) -> Any:
    """The settings of a stage, as its kind's `Settings`."""
    return task_of(stage).Settings.model_validate(stage.settings)


def add_stage(
    session: Session,
    name: str,
    kind: str,
    *,
    group: Group | None,
    now: float,
    overlap: int = 1,
    round: int = 1,
    settings: Mapping[str, Any] | None = None,
    guideline: str | None = None,
    is_screening: bool = False,
) -> Stage:
    """Make a stage; it is open at once.

    Raises:
        UserError: the name is taken, there is no such kind, a setting does not fit, or it is not for this group.
    """
    if kind not in kinds():
        raise UserError(f"there is no kind of task '{kind}'", field="kind", remedy=f"one of: {', '.join(kinds())}")
    if kinds()[kind].measures and group != "held_out":
        raise UserError(
            f"'{kind}' only measures, and what others than held-out labelers do may train",
            field="group",
            remedy="give the stage to the held-out group",
        )
    if session.scalar(select(Stage.id).where(Stage.name == name)) is not None:
        raise UserError(f"there is a stage '{name}' already", field="name", remedy="choose another name")
    stage = Stage(
        name=name, kind=kind, group=group, overlap=overlap, round=round, guideline=guideline,
        settings=checked_settings(kind, settings or {}), is_screening=is_screening, created_at=now,
    )  # fmt: skip
    session.add(stage)
    session.flush()
    return stage


def checked_settings(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A stage's settings as they are kept, defaults filled in.

    Raises:
        UserError: one is unknown or out of range.
    """
    model: type[StageSettings] = kinds()[kind].Settings
    try:
        return model.model_validate(dict(settings)).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors()[0]
        known = ", ".join(model.model_fields)
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(first["msg"], field=place, remedy=f"the settings of '{kind}' are: {known}") from None


def add_items(session: Session, stage: Stage, items: Iterable[NewItem], *, now: float) -> int:
    """Add those that are not there yet, by their keys; how many were added. They are given out at once.

    Raises:
        UserError: one is for a labeler who does not exist, or cannot be shown on the stage's page.
    """
    known = set(session.scalars(select(Item.key).where(Item.stage_id == stage.id)))
    last = session.scalar(select(func.max(Item.position)).where(Item.stage_id == stage.id))
    position = -1 if last is None else last
    added: list[tuple[Item, NewItem]] = []
    for new in items:
        if new.key in known:
            continue
        known.add(new.key)
        _check(stage, new)
        item = Item(
            stage_id=stage.id, key=new.key, position=position + len(added) + 1, lane=new.lane,
            payload=new.item.model_dump(mode="json"), gold=None if new.gold is None else dict(new.gold),
            repeats_id=new.repeats_id, author_id=new.author_id, is_sensitive=is_sensitive(new.item), created_at=now,
        )  # fmt: skip
        session.add(item)
        added.append((item, new))
    session.flush()
    _address(session, added)
    return len(added)


def _check(stage: Stage, new: NewItem) -> None:
    try:
        task_of(stage).check_item(new.item)
    except Refused as error:
        raise Refused("{key}: {problem}", key=new.key, problem=str(error)) from None


def _address(session: Session, added: Sequence[tuple[Item, NewItem]]) -> None:
    """Note whom new items are for."""
    named = {one for _, new in added for one in new.only_for}
    known = set(session.scalars(select(Labeler.id).where(Labeler.id.in_(named), Labeler.deleted_at.is_(None))))
    if unknown := named - known:
        raise UserError(
            f"there is no labeler {min(unknown)}", field="only_for", remedy="give the ids of labelers who have accounts"
        )
    session.add_all(Addressee(item_id=item.id, labeler_id=one) for item, new in added for one in set(new.only_for))
    session.flush()


def is_for(stage: Stage, labeler: Labeler) -> bool:
    """Whether a labeler works in a stage: group and standing fit, and neither is paused. Researchers do everywhere."""
    if labeler.role == "researcher":
        return stage.state != "closed"
    if stage.state != "open" or labeler.standing == "paused":
        return False
    if stage.is_screening != (labeler.standing == "candidate"):
        return False
    return stage.group is None or stage.group == labeler.group


def is_sensitive(item: Record) -> bool:
    """Whether an item's prompt was flagged as unsafe."""
    prompt = item if isinstance(item, Prompt) else getattr(item, "prompt", None)
    return isinstance(prompt, Prompt) and prompt.is_unsafe


def takes_sensitive(labeler: Labeler) -> bool:
    """Whether somebody agreed to sensitive content; a simulated labeler reads nothing that could hurt."""
    return labeler.origin == "simulated" or labeler.profile.get("takes_sensitive") is True


def may_see(labeler: Labeler) -> ColumnElement[bool]:
    """That an item is not sensitive, or the labeler agreed to such content."""
    return true() if takes_sensitive(labeler) else Item.is_sensitive.is_(False)


def stages_for(session: Session, labeler: Labeler) -> list[Stage]:
    """The stages in which a labeler works."""
    return [stage for stage in session.scalars(select(Stage).order_by(Stage.id)) if is_for(stage, labeler)]


def stage_for(session: Session, labeler: Labeler, stage_id: int, *, lock: bool = False) -> Stage:
    """A stage in which a labeler works; locked, so that what is counted in it stays true until the transaction ends.

    Raises:
        Missing: there is none, or not for this labeler.
    """
    statement = select(Stage).where(Stage.id == stage_id)
    stage = session.scalar(statement.with_for_update() if lock else statement)
    if stage is None or not is_for(stage, labeler):
        raise Missing
    return stage


def change_stage(
    session: Session,
    stage_id: int,
    *,
    state: StageState | None = None,
    overlap: int | None = None,
    settings: Mapping[str, Any] | None = None,
    guideline: str | None = None,
) -> Stage:
    """Change what is given; '' as a guideline takes it away. Claims stay: with a smaller overlap, what is under way
    becomes surplus.

    Raises:
        Missing: there is no such stage.
        UserError: a setting does not fit.
    """
    stage = session.get(Stage, stage_id, with_for_update=True)
    if stage is None:
        raise Missing
    if settings is not None:
        stage.settings = checked_settings(stage.kind, settings)
    stage.state, stage.overlap = state or stage.state, overlap or stage.overlap
    if guideline is not None:
        stage.guideline = guideline or None
    session.flush()
    return stage


def progress(session: Session, stage: Stage) -> dict[str, int]:
    """How far a stage is: items, those with all their labelers and those that cannot have them, those that wait for
    somebody who agrees to sensitive content, submissions that count, those among them that simulated labelers made, and
    surplus.
    """
    in_line = (Item.stage_id == stage.id, Item.lane == "ordinary", Item.is_retired.is_(False))
    statuses = select(Answer.status, func.count()).where(Answer.stage_id == stage.id).group_by(Answer.status)
    num: dict[str, int] = dict(session.execute(statuses).all())
    simulated = (
        select(func.count())
        .select_from(Answer)
        .join(Labeler, Labeler.id == Answer.labeler_id)
        .where(Answer.stage_id == stage.id, Answer.status == "counted", Labeler.origin == "simulated")
    )
    return {
        "num_items": session.scalar(select(func.count()).where(*in_line)) or 0,
        "num_done": session.scalar(select(func.count()).where(*in_line, Item.num_counted >= stage.overlap)) or 0,
        "num_stuck": session.scalar(select(func.count()).where(*in_line, _is_stuck(stage))) or 0,
        "num_waiting": session.scalar(select(func.count()).where(*in_line, _is_waiting(stage))) or 0,
        "num_answers": num.get("counted", 0),
        "num_simulated": session.scalar(simulated) or 0,
        "num_surplus": num.get("surplus", 0),
    }


def _is_stuck(stage: Stage) -> ColumnElement[bool]:
    """That an item is for certain labelers, and too few of them are left to do it as often as is asked for."""
    pair = tuple_(Addressee.item_id, Addressee.labeler_id)
    left = (
        select(func.count())
        .select_from(Addressee)
        .join(Labeler, Labeler.id == Addressee.labeler_id)
        .where(
            Addressee.item_id == Item.id, Labeler.deleted_at.is_(None), Labeler.standing != "paused",
            pair.not_in(select(Answer.item_id, Answer.labeler_id).where(Answer.stage_id == stage.id)),
            pair.not_in(select(Skip.item_id, Skip.labeler_id)),
        )
        .correlate(Item)
    )  # fmt: skip
    return and_(
        Item.num_counted < stage.overlap, exists().where(Addressee.item_id == Item.id),
        Item.num_counted + left.scalar_subquery() < stage.overlap,
    )  # fmt: skip


def _is_waiting(stage: Stage) -> ColumnElement[bool]:
    """That an item is sensitive, and too few are left who agreed to such content to do it as often as is asked for."""
    agreed = or_(Labeler.origin == "simulated", Labeler.profile["takes_sensitive"].as_boolean())
    standing = "candidate" if stage.is_screening else "active"
    of_stage = () if stage.group is None else (Labeler.group == stage.group,)
    addressed, done, skipped = (
        select(one.labeler_id).where(one.item_id == Item.id).correlate(Item) for one in (Addressee, Answer, Skip)
    )
    left = (
        select(func.count())
        .select_from(Labeler)
        .where(
            Labeler.role == "labeler", Labeler.standing == standing, Labeler.deleted_at.is_(None), *of_stage, agreed,
            or_(Item.author_id.is_(None), Item.author_id != Labeler.id),
            or_(~addressed.exists(), Labeler.id.in_(addressed)), Labeler.id.not_in(done), Labeler.id.not_in(skipped),
        )
        .correlate(Item)
    )  # fmt: skip
    return and_(
        Item.is_sensitive, Item.num_counted < stage.overlap, Item.num_counted + left.scalar_subquery() < stage.overlap
    )
