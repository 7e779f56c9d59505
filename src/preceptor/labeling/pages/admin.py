"""The admin's pages: stages, people, guidelines."""

import time
from typing import Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from sqlalchemy import select

from preceptor.labeling import accounts, guidelines
from preceptor.labeling.export import ZIP, export_archive
from preceptor.labeling.forecast import forecast
from preceptor.labeling.outcomes import Missing
from preceptor.labeling.pages.rendering import redirect, render
from preceptor.labeling.pages.scope import require
from preceptor.labeling.room import room_of
from preceptor.labeling.stages import change_stage, progress, task_of
from preceptor.labeling.work import Id
from preceptor.store.tables import Invitation, Labeler, Stage

router = APIRouter(prefix="/admin")
admin = require("admin")


@router.get("")
def overview(request: Request, me: Labeler = Depends(admin)) -> Response:
    """All stages and how far they are."""
    with room_of(request).database.read() as session:
        stages = [
            {
                "stage": stage,
                "title": task_of(stage).title,
                "forecast": forecast(session, stage, time.time()),
                **progress(session, stage),
            }
            for stage in session.scalars(select(Stage).order_by(Stage.id))
        ]
        names = guidelines.names(session)
    return render(request, "admin/stages.html", me, stages=stages, guidelines=names)


@router.post("/stages/{stage_id}")
def set_stage(
    request: Request,
    stage_id: Id,
    state: Literal["open", "paused", "closed"] = Form(),
    overlap: int = Form(ge=1, le=1000),
    guideline: str = Form(""),
    me: Labeler = Depends(admin),
) -> Response:
    """Open, pause or close a stage; set its overlap and guideline."""
    with room_of(request).database.write() as session:
        change_stage(session, stage_id, state=state, overlap=overlap, guideline=guideline)
    return redirect(request, "/admin")


@router.post("/export")
def export(
    request: Request, format: Literal["artifacts", "csv", "datasets"] = Form(), me: Labeler = Depends(admin)
) -> Response:
    """All labels as a ZIP archive."""
    room = room_of(request)
    archive = export_archive(room.database, format, time.time(), room.withdrawn)
    return Response(archive, media_type=ZIP, headers={"Content-Disposition": f'attachment; filename="{format}.zip"'})


@router.get("/people")
def people(request: Request, me: Labeler = Depends(admin)) -> Response:
    """All accounts and open invitations."""
    return _people(request, me)


@router.post("/invitations")
def new_invitation(
    request: Request,
    role: Literal["admin", "researcher", "labeler"] = Form("labeler"),
    group: Literal["training", "held_out"] = Form("training"),
    standing: Literal["candidate", "active"] = Form("active"),
    note: str = Form("", max_length=200),
    me: Labeler = Depends(admin),
) -> Response:
    """Make a link for one account; it is shown this once."""
    with room_of(request).database.write() as session:
        token = accounts.invite(session, role=role, group=group, standing=standing, note=note, by=me, now=time.time())
    return _people(request, me, token)


@router.post("/people/{labeler_id}/standing")
def set_standing(
    request: Request,
    labeler_id: Id,
    standing: Literal["candidate", "active", "paused"] = Form(),
    me: Labeler = Depends(admin),
) -> Response:
    """Take a candidate on, or let somebody pause."""
    with room_of(request).database.write() as session:
        labeler = session.get(Labeler, labeler_id)
        if labeler is None or labeler.deleted_at is not None:
            raise Missing
        labeler.standing = standing
    return redirect(request, "/admin/people")


@router.post("/people/{labeler_id}/forget")
def forget(request: Request, labeler_id: Id, me: Labeler = Depends(admin)) -> Response:
    """Take away a labeler's name, password and profile; the work stays."""
    with room_of(request).database.write() as session:
        accounts.forget(session, labeler_id, time.time())
    return redirect(request, "/admin/people")


@router.get("/guidelines/{name}")
def guideline_page(request: Request, name: str, me: Labeler = Depends(admin)) -> Response:
    """A guideline and its versions."""
    with room_of(request).database.read() as session:
        return render(request, "admin/guideline.html", me, name=name, versions=guidelines.versions(session, name))


@router.post("/guidelines")
def publish(
    request: Request,
    name: str = Form(pattern=guidelines.NAME),
    text: str = Form(min_length=1, max_length=200_000),
    note: str = Form("", max_length=2000),
    me: Labeler = Depends(admin),
) -> Response:
    """Publish the next version of a guideline."""
    with room_of(request).database.write() as session:
        guidelines.publish(session, name, text.replace("\r\n", "\n"), note=note, by=me, now=time.time())
    return redirect(request, f"/admin/guidelines/{name}")


def _people(request: Request, me: Labeler, token: str = "") -> Response:
    now = time.time()
    open_ = select(Invitation).where(Invitation.used_by.is_(None), Invitation.expires_at > now)
    with room_of(request).database.read() as session:
        labelers = list(session.scalars(select(Labeler).where(Labeler.deleted_at.is_(None)).order_by(Labeler.id)))
        invitations = list(session.scalars(open_.order_by(Invitation.id)))
    base = str(request.base_url).rstrip("/")
    link = f"{base}/join/{token}" if token else ""
    return render(request, "admin/people.html", me, labelers=labelers, invitations=invitations, link=link)
