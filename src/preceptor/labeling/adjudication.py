"""Items on which labelers differ: what each of them says, side by side, and what was written down about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from preceptor.labeling.assignment import draw
from preceptor.labeling.crowds import Crowd
from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.stages import settings_of, task_of
from preceptor.labeling.tasks import Judgement
from preceptor.store.tables import Adjudication, Answer, Item, Labeler, Stage

Value = int | str | tuple[str, ...]


@dataclass(frozen=True)
class Voice:
    """One labeler's answer; who it is does not matter here, and is not told."""

    answer_id: int
    note: str


@dataclass(frozen=True)
class Line:
    """What all say of one thing."""

    measure: str
    scale: str
    letter: str
    """Of the response; empty for the item as a whole."""
    said: tuple[Value | None, ...]
    """Voice by voice; None where one says nothing of it."""
    gold: Value | None

    @property
    def is_disputed(self) -> bool:
        """Whether two voices differ."""
        return len(set(self.said)) > 1


@dataclass(frozen=True)
class Case:
    """An item with all that was said of it."""

    item: Item
    stage: Stage
    messages: list[dict[str, str]]
    responses: list[dict[str, str]]
    """Letters and texts; which models wrote them is not told."""
    voices: tuple[Voice, ...]
    lines: tuple[Line, ...]
    adjudications: list[tuple[Adjudication, Labeler]]
    """Oldest first."""


def case(session: Session, stage: Stage, item_id: int, crowd: Crowd) -> Case:
    """An item of a stage, with what a crowd says of it.

    Raises:
        Missing: there is no such item in the stage.
    """
    item = session.scalar(select(Item).where(Item.id == item_id, Item.stage_id == stage.id))
    if item is None:
        raise Missing
    said = _latest(session, item_id, crowd)
    task = task_of(stage)
    payload = task.Item.model_validate(item.payload)
    # Letters of its own: an order that was drawn for nobody tells nothing of the models.
    shown = task.show(payload, settings_of(stage), draw(item.id, "adjudication"))
    view = task.view(payload, shown, settings_of(stage))
    letters = {name: letter for letter, name in reversed(getattr(shown, "letters", {}).items())}
    voices = tuple(Voice(one.id, str(one.content.get("note", ""))) for one in said)
    told = [_told(stage, item, one.content, one.shown) for one in said]
    gold = _told(stage, item, item.gold["content"], item.gold["shown"]) if item.gold else {}
    return Case(
        item=item, stage=stage, messages=view.get("messages", []), responses=view.get("responses", []), voices=voices,
        lines=tuple(_lines(told, gold, letters)), adjudications=_adjudications(session, item),
    )  # fmt: skip


def is_settled() -> ColumnElement[bool]:
    """That somebody adjudicated an item, or wrote gold for it."""
    adjudicated = select(Adjudication.id).where(Adjudication.item_id == Item.id)
    return or_(Item.gold.is_not(None), adjudicated.exists())


def settled(session: Session, stage: Stage) -> set[int]:
    """Ids of the items of a stage that are settled."""
    return set(session.scalars(select(Item.id).where(Item.stage_id == stage.id, is_settled())))


def adjudicate(
    session: Session, by: Labeler, stage: Stage, item_id: int, *, answer_id: int | None, note: str, now: float
) -> None:
    """Write down which answer holds, a note, or both. An answer that holds becomes the item's gold.

    Call it in a write transaction.

    Raises:
        Missing: there is no such item in the stage, or no such answer to it.
        Refused: it says nothing.
    """
    item = session.scalar(select(Item).where(Item.id == item_id, Item.stage_id == stage.id).with_for_update())
    if item is None:
        raise Missing
    if answer_id is None and not note.strip():
        raise Refused("Say whose answer holds, or write a note.")
    if answer_id is not None:
        answer = session.scalar(select(Answer).where(Answer.id == answer_id, Answer.item_id == item_id))
        if answer is None:
            raise Missing
        item.gold = {"content": answer.content, "shown": answer.shown}
    session.add(Adjudication(item_id=item_id, decided_by=by.id, answer_id=answer_id, note=note.strip(), created_at=now))


def _latest(session: Session, item_id: int, crowd: Crowd) -> list[Answer]:
    """The latest word of everybody in a crowd."""
    statement = (
        select(Answer)
        .join(Labeler, Labeler.id == Answer.labeler_id)
        .where(
            Answer.item_id == item_id, Answer.status != "gold", Labeler.origin == crowd.origin,
            Labeler.group == crowd.group,
        )
    )  # fmt: skip
    return list({one.labeler_id: one for one in session.scalars(statement.order_by(Answer.id))}.values())


def _told(
    stage: Stage, item: Item, content: Mapping[str, Any], shown: Mapping[str, Any]
) -> dict[tuple[str, str], Judgement]:
    task = task_of(stage)
    parts = (
        task.Item.model_validate(item.payload),
        task.Shown.model_validate(shown),
        task.Answer.model_validate(content),
    )
    return {(one.measure, one.unit): one for one in task.judgements(*parts)}


def _lines(
    told: Sequence[Mapping[tuple[str, str], Judgement]],
    gold: Mapping[tuple[str, str], Judgement],
    letters: Mapping[str, str],
) -> list[Line]:
    """The ranking first, then numbers, then the rest, measure by measure."""
    scales = {key: one.scale for said in (*told, gold) for key, one in said.items()}
    places = {"ranking": 0, "ordinal": 1, "nominal": 2, "flags": 3}
    order = sorted(scales, key=lambda key: (places[scales[key]], key[0], letters.get(key[1], key[1])))
    return [
        Line(
            measure=measure, scale=scales[measure, unit], letter=letters.get(unit, unit),
            said=tuple(_value(one.get((measure, unit)), letters) for one in told),
            gold=_value(gold.get((measure, unit)), letters),
        )
        for measure, unit in order
    ]  # fmt: skip


def _value(one: Judgement | None, letters: Mapping[str, str]) -> Value | None:
    """What is said, with letters in place of ids: ids may tell models."""
    if one is None:
        return None
    if one.scale == "ranking":
        ranks = {letters[name]: rank for name, rank in one.ranks().items()}
        groups = [
            sorted(name for name, rank in ranks.items() if rank == level) for level in sorted(set(ranks.values()))
        ]
        return " > ".join(" = ".join(group) for group in groups)
    if isinstance(one.value, str | int):
        return one.value
    return one.ticked()


def _adjudications(session: Session, item: Item) -> list[tuple[Adjudication, Labeler]]:
    statement = select(Adjudication, Labeler).join(Labeler, Labeler.id == Adjudication.decided_by)
    rows = session.execute(statement.where(Adjudication.item_id == item.id).order_by(Adjudication.id))
    return [(one, by) for one, by in rows]
