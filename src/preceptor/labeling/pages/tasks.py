"""The labeler's pages: home, the next item, an item."""

import time

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from preceptor.labeling import answers, assignment
from preceptor.labeling.desk import desk, done_by, skipped_by, stage_cards
from preceptor.labeling.pages.rendering import STATIC, redirect, render
from preceptor.labeling.pages.scope import me
from preceptor.labeling.room import room_of
from preceptor.labeling.stages import stage_for
from preceptor.labeling.work import Id, work_router
from preceptor.store.tables import Labeler

router = APIRouter()
router.include_router(work_router(me))

NUM_RECENT = 20
"""Items under “Done” and “Skipped”."""


@router.get("/")
def home(request: Request, labeler: Labeler = Depends(me)) -> Response:
    """Where there is work, and what was done last."""
    if labeler.role == "researcher":
        return redirect(request, "/research")
    with room_of(request).database.read() as session:
        cards = stage_cards(session, labeler, time.time())
        done = done_by(session, labeler, limit=NUM_RECENT)
        skipped = skipped_by(session, labeler, limit=NUM_RECENT)
    if labeler.role == "admin" and not cards:
        return redirect(request, "/admin")
    return render(request, "home.html", labeler, cards=cards, done=done, skipped=skipped)


@router.get("/stages/{stage_id}/next")
def next_item(request: Request, stage_id: Id, labeler: Labeler = Depends(me)) -> Response:
    """On to what was begun, else to something new."""
    with room_of(request).database.write() as session:
        claim = assignment.claim_next(session, labeler, stage_id, now=time.time())
        stage = stage_for(session, labeler, stage_id)
    if claim is None:
        return render(request, "nothing.html", labeler, stage=stage)
    return redirect(request, f"/items/{claim.item_id}")


@router.get("/items/{item_id}")
def item_page(request: Request, item_id: Id, labeler: Labeler = Depends(me)) -> Response:
    """An item to work on, or one that was submitted, to correct."""
    now = time.time()
    with room_of(request).database.read() as session:
        found = desk(session, labeler, item_id, now)
        done = assignment.num_done(session, labeler, found.stage)
        left = assignment.num_left(session, labeler, found.stage, now=now)
    kind = found.task.kind
    return render(
        request, f"tasks/{kind}.html", labeler, desk=found, view=found.view, content=found.content, task=found.task,
        stage=found.stage, guideline=found.guideline, thread=found.thread, is_late=found.is_late,
        answered=found.is_answered, num_done=done, num_left=left,
        script=f"tasks/{kind}.js" if (STATIC / "tasks" / f"{kind}.js").is_file() else None,
    )  # fmt: skip


@router.post("/items/{item_id}/take-back-skip")
def take_back_skip(request: Request, item_id: Id, labeler: Labeler = Depends(me)) -> Response:
    """Have a skipped item again; from the list on the first page."""
    with room_of(request).database.write() as session:
        answers.take_back_skip(session, labeler, item_id, now=time.time())
    return redirect(request, f"/items/{item_id}")
