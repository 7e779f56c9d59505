"""The researchers' pages: gold, candidates' demonstrations to rate, questions of labelers."""

import time

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from preceptor.labeling import questions, screening
from preceptor.labeling.desk import gold_cards
from preceptor.labeling.pages.rendering import redirect, render
from preceptor.labeling.pages.scope import require
from preceptor.labeling.room import room_of
from preceptor.labeling.work import Id
from preceptor.store.tables import Labeler

router = APIRouter(prefix="/research")
researcher = require("researcher")
staff = require("researcher", "admin")


@router.get("")
def overview(request: Request, me: Labeler = Depends(researcher)) -> Response:
    """What there is for a researcher to do."""
    with room_of(request).database.read() as session:
        cards, unrated = gold_cards(session, me), screening.next_unrated(session, me)
        waiting = questions.num_open(session)
    num_unrated = unrated.num_left if unrated else 0
    return render(request, "research/overview.html", me, cards=cards, num_unrated=num_unrated, num_questions=waiting)


@router.get("/demonstrations")
def next_demonstration(request: Request, me: Labeler = Depends(researcher)) -> Response:
    """A candidate's demonstration to rate."""
    with room_of(request).database.read() as session:
        found = screening.next_unrated(session, me)
    return render(request, "research/demonstration.html", me, found=found)


@router.post("/demonstrations/{answer_id}")
def rate(request: Request, answer_id: Id, likert: int = Form(), me: Labeler = Depends(researcher)) -> Response:
    """Rate it, and go on to the next."""
    with room_of(request).database.write() as session:
        screening.rate(session, me, answer_id, likert, now=time.time())
    return redirect(request, "/research/demonstrations")


@router.get("/questions")
def threads(request: Request, me: Labeler = Depends(staff)) -> Response:
    """What labelers wrote about items; what waits for a reply comes first."""
    with room_of(request).database.read() as session:
        found = questions.threads(session)
    return render(request, "research/questions.html", me, threads=found)


@router.post("/questions/{item_id}/{labeler_id}")
def reply(
    request: Request, item_id: Id, labeler_id: Id, text: str = Form(max_length=10_000), me: Labeler = Depends(staff)
) -> Response:
    """Reply to a labeler."""
    with room_of(request).database.write() as session:
        questions.reply(session, me, item_id, labeler_id, text, now=time.time())
    return redirect(request, "/research/questions")
