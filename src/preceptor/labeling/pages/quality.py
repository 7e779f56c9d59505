"""The Quality board for the admin: how the labelers of a stage agree, each one beside the others, whose preferences."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from preceptor.labeling.adjudication import settled
from preceptor.labeling.backgrounds import MIN_PEOPLE, backgrounds
from preceptor.labeling.crowds import Crowd
from preceptor.labeling.outcomes import Missing
from preceptor.labeling.pages.rendering import render
from preceptor.labeling.pages.scope import require
from preceptor.labeling.room import Room, room_of
from preceptor.labeling.stages import task_of
from preceptor.labeling.work import Id
from preceptor.store.tables import Answer, Group, Labeler, Origin, Stage

if TYPE_CHECKING:
    from preceptor.stats import Window

router = APIRouter(prefix="/admin/quality")
admin = require("admin")
WIDTH, HEIGHT, MARGIN = 640, 160, 48
"""Of the drawing of a drift."""


@router.get("")
def overview(request: Request, me: Labeler = Depends(admin)) -> Response:
    """All stages; figures are made only for the one that is asked for."""
    with room_of(request).database.read() as session:
        found = stages_with_answers(session)
    return render(request, "admin/quality.html", me, stages=found)


@router.get("/{stage_id}")
def board(
    request: Request, stage_id: Id, origin: Origin | None = None, group: Group | None = None,
    me: Labeler = Depends(admin),
) -> Response:  # fmt: skip
    """Agreement, and all labelers of a crowd."""
    room = room_of(request)
    with room.database.read() as session:
        stage, crowd, crowds = chosen(room, session, stage_id, origin, group)
        found = room.boards.board(session, stage, crowd) if crowd else None
        done = settled(session, stage)
        names = names_of(session, [one.labeler for one in found.labelers]) if found else {}
    num_disputed = sum(one.item_id not in done for one in found.disputed) if found else 0
    return render(
        request, "admin/board.html", me, stage=stage, title=task_of(stage).title, crowd=crowd, crowds=crowds,
        board=found, names=names, num_disputed=num_disputed,
    )  # fmt: skip


@router.get("/{stage_id}/labelers/{labeler_id}")
def labeler_page(request: Request, stage_id: Id, labeler_id: Id, me: Labeler = Depends(admin)) -> Response:
    """One labeler beside the others of a stage."""
    room = room_of(request)
    with room.database.read() as session:
        stage, labeler = stage_of(session, stage_id), session.get(Labeler, labeler_id)
        if labeler is None:
            raise Missing
        found = room.boards.board(session, stage, Crowd.of(labeler))
    habits = next((one for one in found.labelers if one.labeler == str(labeler_id)), None)
    if habits is None:
        raise Missing
    return render(
        request, "admin/labeler.html", me, stage=stage, labeler=labeler, crowd=Crowd.of(labeler), habits=habits,
        plot=drawn(habits.drift.windows), width=WIDTH, height=HEIGHT, margin=MARGIN,
    )  # fmt: skip


@router.get("/{stage_id}/backgrounds")
def whose_preferences(
    request: Request, stage_id: Id, origin: Origin | None = None, group: Group | None = None,
    me: Labeler = Depends(admin),
) -> Response:  # fmt: skip
    """What the labelers of a crowd told about themselves, and how groups of them agree."""
    room = room_of(request)
    with room.database.read() as session:
        stage, crowd, crowds = chosen(room, session, stage_id, origin, group)
        found = backgrounds(session, room.boards.board(session, stage, crowd)) if crowd else []
    return render(
        request, "admin/backgrounds.html", me, stage=stage, crowd=crowd, crowds=crowds, backgrounds=found,
        min_people=MIN_PEOPLE,
    )  # fmt: skip


def stages_with_answers(session: Session) -> list[tuple[Stage, str, int]]:
    """Stages that are not for candidates, with the titles of their kinds and the number of their answers."""
    counts = select(Answer.stage_id, func.count()).where(Answer.status != "gold").group_by(Answer.stage_id)
    num: dict[int, int] = dict(session.execute(counts).all())
    stages = session.scalars(select(Stage).where(Stage.is_screening.is_(False)).order_by(Stage.id))
    return [(stage, task_of(stage).title, num.get(stage.id, 0)) for stage in stages]


def stage_of(session: Session, stage_id: int) -> Stage:
    """A stage that has a board. Candidates are judged under aliases; figures beside their names would undo that.

    Raises:
        Missing: there is no such stage, or it is for candidates.
    """
    stage = session.get(Stage, stage_id)
    if stage is None or stage.is_screening:
        raise Missing
    return stage


def chosen(
    room: Room, session: Session, stage_id: int, origin: Origin | None, group: Group | None
) -> tuple[Stage, Crowd | None, list[Crowd]]:
    """A stage, the crowd that is looked at, and all that worked there; the first where none is named.

    Raises:
        Missing: there is no such stage, or that crowd did nothing there.
    """
    stage = stage_of(session, stage_id)
    crowds = room.boards.crowds(session, stage)
    if origin is None or group is None:
        return stage, next(iter(crowds), None), crowds
    if Crowd(origin, group) not in crowds:
        raise Missing
    return stage, Crowd(origin, group), crowds


def names_of(session: Session, ids: list[str]) -> dict[str, str | None]:
    """Names of labelers by their ids as text; None for a deleted account."""
    rows = session.execute(select(Labeler.id, Labeler.name).where(Labeler.id.in_([int(one) for one in ids])))
    return {str(labeler_id): name for labeler_id, name in rows}


@dataclass(frozen=True)
class Dot:
    """One window of a drift, in the drawing's units."""

    x: float
    y: float
    low: float
    high: float


def drawn(windows: "tuple[Window, ...]") -> list[Dot]:
    """Where the windows of a drift stand in its drawing: time from left to right, agreement from 0 below to 1 above."""
    span = windows[-1].start - windows[0].start if len(windows) > 1 else 1.0
    dots = []
    for one in windows:
        value, low, high = one.agreement.value, one.agreement.low, one.agreement.high
        if value is None or low is None or high is None:
            continue
        x = MARGIN + (one.start - windows[0].start) / span * (WIDTH - 2 * MARGIN)
        dots.append(Dot(round(x, 1), _height(value), _height(low), _height(high)))
    return dots


def _height(share: float) -> float:
    return round(MARGIN / 2 + (1 - share) * (HEIGHT - MARGIN), 1)
