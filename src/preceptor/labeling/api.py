"""The REST API: what labelers do and what admins set up, for programs with a personal token."""

import time
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import Field

from preceptor import __version__
from preceptor.errors import UserError
from preceptor.labeling import accounts, assignment
from preceptor.labeling.api_admin import admin_router
from preceptor.labeling.desk import desk
from preceptor.labeling.outcomes import Missing, Refused, Stale, TooFast
from preceptor.labeling.room import Room, room_of
from preceptor.labeling.stages import stages_for
from preceptor.labeling.work import Id, Posted, is_misnamed, work_router
from preceptor.store.tables import Labeler

ABOUT = """
Make a personal token on the page “Account”, and send it as `Authorization: Bearer TOKEN`.

A labeler's program claims the next item of a stage, keeps drafts, and submits. A claim is a lease: a heartbeat keeps
it, and without one the item goes to others after the stage's `lease_minutes`. What is submitted late is kept, as
`surplus`. A draft names the revision that it was made from, and so may a submission: where another tab, device or
program was faster, the reply is 409 with what it saved.
"""

bearer = HTTPBearer(auto_error=False, description="A personal token.")


class Unknown(Exception):
    """No token, or none of ours."""


def holder(request: Request, credentials: HTTPAuthorizationCredentials | None = Depends(bearer)) -> Labeler:
    """Whose token it is."""
    if credentials is not None:
        with room_of(request).database.read() as session:
            labeler = accounts.labeler_of_token(session, credentials.credentials)
        if labeler is not None:
            return labeler
    raise Unknown


def admin(labeler: Labeler = Depends(holder)) -> Labeler:
    """The holder of the token, who must be an admin."""
    if labeler.role != "admin":
        raise Missing
    return labeler


class MeOut(Posted):
    """Whose token it is."""

    name: str
    role: str
    group: str
    origin: str
    standing: str


class MyStage(Posted):
    """A stage to work in."""

    id: int
    name: str
    kind: str
    round: int


class ItemOut(Posted):
    """An item to work on."""

    id: int
    key: str
    """The id that its records will have."""
    stage_id: int
    kind: str
    view: dict[str, Any]
    """What a labeler is shown."""
    content: dict[str, Any]
    """The draft, or what was submitted."""
    revision: int
    """Of the draft; 0 for none."""
    guideline_id: int | None
    guideline: str
    """Markdown."""
    is_answered: bool
    is_late: bool
    expires_at: float | None = Field(description="When the lease ends, in seconds since 1970.")


class ProblemOut(Posted):
    """Why something was not done."""

    error: str


RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"model": ProblemOut, "description": "No token, or none of ours."},
    404: {"model": ProblemOut, "description": "There is no such thing, or it is not yours."},
    422: {"model": ProblemOut, "description": "It cannot be accepted as it is."},
}


def api_app(room: Room) -> FastAPI:
    """The API's own app, so that its OpenAPI description holds nothing else."""
    app = FastAPI(
        title="Preceptor labelling", version=__version__, description=ABOUT, docs_url=None, redoc_url=None,
        responses=RESPONSES,
    )  # fmt: skip
    app.state.room = room
    app.include_router(work_router(holder))
    app.include_router(admin_router(admin))
    app.add_api_route("/me", get_me, methods=["GET"], tags=["work"])
    app.add_api_route("/stages", get_stages, methods=["GET"], tags=["work"])
    app.add_api_route(
        "/stages/{stage_id}/claim", claim, methods=["POST"], tags=["work"], response_model=ItemOut,
        responses={204: {"description": "Nothing to do at present."}},
    )  # fmt: skip
    app.add_api_route("/items/{item_id}", get_item, methods=["GET"], tags=["work"])
    for kind in (Missing, Refused, Stale, Unknown, UserError, RequestValidationError):
        app.add_exception_handler(kind, explain)
    return app


def get_me(labeler: Labeler = Depends(holder)) -> MeOut:
    """Whose token it is."""
    return MeOut(
        name=str(labeler.name), role=labeler.role, group=labeler.group, origin=labeler.origin,
        standing=labeler.standing,
    )  # fmt: skip


def get_stages(request: Request, labeler: Labeler = Depends(holder)) -> list[MyStage]:
    """The stages to work in."""
    with room_of(request).database.read() as session:
        return [
            MyStage(id=stage.id, name=stage.name, kind=stage.kind, round=stage.round)
            for stage in stages_for(session, labeler)
        ]


def claim(request: Request, stage_id: Id, labeler: Labeler = Depends(holder)) -> Any:
    """The item that was begun, else a new one. Asking again gives the same one until it is submitted or skipped."""
    now = time.time()
    with room_of(request).database.write() as session:
        claimed = assignment.claim_next(session, labeler, stage_id, now=now)
        if claimed is None:
            return Response(status_code=204)
        return _item(desk(session, labeler, claimed.item_id, now))


def get_item(request: Request, item_id: Id, labeler: Labeler = Depends(holder)) -> ItemOut:
    """An item that is or was one's own."""
    with room_of(request).database.read() as session:
        return _item(desk(session, labeler, item_id, time.time()))


def _item(found: Any) -> ItemOut:
    guideline = found.guideline
    return ItemOut(
        id=found.item_id, key=found.key, stage_id=found.stage.id, kind=found.task.kind, view=found.view,
        content=found.content, revision=found.revision, guideline_id=guideline.id if guideline else None,
        guideline=guideline.text if guideline else "", is_answered=found.is_answered, is_late=found.is_late,
        expires_at=found.expires_at,
    )  # fmt: skip


def explain(request: Request, error: Exception) -> Response:
    """What went wrong, as JSON."""
    match error:
        case Unknown():
            return JSONResponse({"error": "no token, or none of ours"}, 401, {"WWW-Authenticate": "Bearer"})
        case Missing():
            return JSONResponse({"error": "there is no such thing, or it is not yours"}, 404)
        case Stale():
            return JSONResponse({"revision": error.revision, "content": error.content}, 409)
        case TooFast():
            return JSONResponse({"error": str(error)}, 429)
        case RequestValidationError() if is_misnamed(error):
            return JSONResponse({"error": "there is no such thing, or it is not yours"}, 404)
        case RequestValidationError():
            first = error.errors()[0]
            return JSONResponse({"error": f"{'.'.join(map(str, first['loc']))}: {first['msg']}"}, 422)
    return JSONResponse({"error": str(error)}, 422)
