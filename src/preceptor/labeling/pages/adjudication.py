"""The adjudication queue, for admins and researchers: where labelers differ most, and what is written down about it."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from preceptor.labeling import adjudication
from preceptor.labeling.assignment import claim_for_gold
from preceptor.labeling.crowds import Crowd
from preceptor.labeling.pages.quality import chosen, stage_of, stages_with_answers
from preceptor.labeling.pages.rendering import redirect, render
from preceptor.labeling.pages.scope import require
from preceptor.labeling.room import room_of
from preceptor.labeling.work import Id
from preceptor.store.tables import Group, Item, Labeler, Origin

router = APIRouter(prefix="/research/disputes")
staff = require("researcher", "admin")
researcher = require("researcher")
NUM_SHOWN = 50
"""Items on the page; who settles them gets to the next."""


@router.get("")
def overview(request: Request, me: Labeler = Depends(staff)) -> Response:
    """All stages."""
    with room_of(request).database.read() as session:
        found = stages_with_answers(session)
    return render(request, "research/disputes.html", me, stages=found)


@router.get("/{stage_id}")
def queue(
    request: Request, stage_id: Id, origin: Origin | None = None, group: Group | None = None,
    me: Labeler = Depends(staff),
) -> Response:  # fmt: skip
    """The items of a stage on which a crowd does not agree and that nobody settled, lowest agreement first."""
    room = room_of(request)
    with room.database.read() as session:
        stage, crowd, crowds = chosen(room, session, stage_id, origin, group)
        disputed = room.boards.board(session, stage, crowd).disputed if crowd else ()
        done = adjudication.settled(session, stage)
        waiting = [one for one in disputed if one.item_id not in done]
        keys = _keys(session, [one.item_id for one in waiting[:NUM_SHOWN]])
    return render(
        request, "research/queue.html", me, stage=stage, crowd=crowd, crowds=crowds, disputed=waiting[:NUM_SHOWN],
        num_waiting=len(waiting), num_settled=len(disputed) - len(waiting), keys=keys,
    )  # fmt: skip


@router.get("/{stage_id}/{item_id}")
def case(
    request: Request, stage_id: Id, item_id: Id, origin: Origin = "human", group: Group = "training",
    me: Labeler = Depends(staff),
) -> Response:  # fmt: skip
    """An item: what is judged, and what each labeler of a crowd says of it."""
    with room_of(request).database.read() as session:
        crowd = Crowd(origin, group)
        found = adjudication.case(session, stage_of(session, stage_id), item_id, crowd)
    return render(request, "research/case.html", me, case=found, crowd=crowd)


@router.post("/{stage_id}/{item_id}")
def adjudicate(
    request: Request,
    stage_id: Id,
    item_id: Id,
    holds: Annotated[Id | None, Form()] = None,
    note: str = Form("", max_length=10_000),
    origin: Annotated[Origin, Form()] = "human",
    group: Annotated[Group, Form()] = "training",
    me: Labeler = Depends(staff),
) -> Response:
    """Write down which answer holds, a note, or both; then back to the queue."""
    with room_of(request).database.write() as session:
        stage = stage_of(session, stage_id)
        adjudication.adjudicate(session, me, stage, item_id, answer_id=holds, note=note, now=time.time())
    return redirect(request, f"/research/disputes/{stage_id}?origin={origin}&group={group}")


@router.post("/{stage_id}/{item_id}/gold")
def write_gold(request: Request, stage_id: Id, item_id: Id, me: Labeler = Depends(researcher)) -> Response:
    """Answer the item oneself, as gold."""
    with room_of(request).database.write() as session:
        claim_for_gold(session, me, item_id, now=time.time())
    return redirect(request, f"/items/{item_id}")


def _keys(session: Session, ids: list[int]) -> dict[int, str]:
    found: dict[int, str] = dict(session.execute(select(Item.id, Item.key).where(Item.id.in_(ids))).all())
    return found
