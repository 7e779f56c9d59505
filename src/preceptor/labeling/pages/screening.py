"""The admin's page on candidates: their scores without their names, and the decision."""

import time

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from preceptor.labeling import screening
from preceptor.labeling.pages.rendering import redirect, render
from preceptor.labeling.pages.scope import require
from preceptor.labeling.room import room_of
from preceptor.store.tables import Labeler

router = APIRouter(prefix="/admin/screening")
admin = require("admin")


@router.get("")
def candidates(request: Request, me: Labeler = Depends(admin)) -> Response:
    """All candidates under aliases."""
    room = room_of(request)
    with room.database.read() as session:
        found, cutoffs = screening.candidates(session, room.secret), screening.cutoffs_of(session)
    return render(request, "admin/screening.html", me, candidates=found, cutoffs=cutoffs)


@router.post("/cutoffs")
def set_cutoffs(
    request: Request,
    flagging: float = Form(ge=0, le=100),
    ranking: float = Form(ge=0, le=100),
    demonstration: float = Form(ge=1, le=7),
    me: Labeler = Depends(admin),
) -> Response:
    """Set the cut-offs; shares in percent."""
    cutoffs = screening.Cutoffs(flagging=flagging / 100, ranking=ranking / 100, demonstration=demonstration)
    with room_of(request).database.write() as session:
        screening.set_cutoffs(session, cutoffs)
    return redirect(request, "/admin/screening")


@router.post("/{alias}")
def decide(
    request: Request,
    alias: str,
    is_taken: bool = Form(),
    note: str = Form("", max_length=2000),
    me: Labeler = Depends(admin),
) -> Response:
    """Take a candidate on as a training labeler, or not."""
    room = room_of(request)
    with room.database.write() as session:
        screening.decide(session, me, room.secret, alias, take=is_taken, note=note, now=time.time())
    return redirect(request, "/admin/screening")
