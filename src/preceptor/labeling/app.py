"""The web app: pages at the root, the REST API under /api/v1, the guard around both."""

from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from preceptor.errors import UserError
from preceptor.labeling.api import api_app
from preceptor.labeling.i18n import N_
from preceptor.labeling.outcomes import Missing, Refused, Stale, TooFast
from preceptor.labeling.pages import adjudication, admin, entry, quality, research, screening, stages, tasks
from preceptor.labeling.pages.rendering import STATIC, redirect, render, said
from preceptor.labeling.pages.scope import Forged, SignedOut, genuine, visitor
from preceptor.labeling.room import Room, room_of
from preceptor.labeling.security import Guard
from preceptor.labeling.work import is_misnamed

NOT_FOUND = N_("There is no such page, or it is not for you.")
OLD_PAGE = N_("This page is from before you signed in. Reload it, then try again.")


def create_app(room: Room) -> FastAPI:
    """The app of a room."""
    app = FastAPI(openapi_url=None, dependencies=[Depends(genuine)])
    app.state.room = room
    for page in (entry, tasks, admin, stages, screening, quality, research, adjudication):
        app.include_router(page.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.mount("/api/v1", api_app(room))
    app.add_middleware(Guard)
    app.add_middleware(Prefix, prefix=room.root_path)
    for kind in (Missing, Refused, Stale, SignedOut, Forged, UserError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, explain)
    return app


class Prefix:
    """Serves under a proxy's prefix, whether the proxy takes it off the paths that it passes on or not."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app, self.prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self.prefix and scope["type"] == "http":
            is_whole = f"{scope['path']}/".startswith(f"{self.prefix}/")
            path = scope["path"] if is_whole else self.prefix + scope["path"]
            scope = {**scope, "root_path": self.prefix, "path": path}
        await self.app(scope, receive, send)


def explain(request: Request, error: Exception) -> Response:
    """What went wrong: as a page for people, as JSON for scripts."""
    labeler = visitor(request)
    is_page = "text/html" in request.headers.get("accept", "")
    if isinstance(error, SignedOut) and is_page and request.method == "GET":
        return redirect(request, f"/login?next={_quoted(request)}")
    if isinstance(error, Stale):
        return JSONResponse({"revision": error.revision, "content": error.content}, 409)
    status, text, values = described(error)
    said_text = said(request, labeler, text, **values)
    if is_page:
        return render(request, "error.html", labeler, status=status, text=said_text)
    return JSONResponse({"error": said_text}, status)


def described(error: Exception) -> tuple[int, str, dict[str, object]]:
    """Status, text and values of what went wrong."""
    match error:
        case SignedOut():
            return 401, N_("Sign in again; what you wrote is still here."), {}
        case Forged():
            return 403, OLD_PAGE, {}
        case Missing():
            return 404, NOT_FOUND, {}
        case TooFast():
            return 429, error.text, error.values
        case Refused():
            return 422, error.text, error.values
        case RequestValidationError() if is_misnamed(error):
            return 404, NOT_FOUND, {}
        case RequestValidationError():
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"][1:])
            return 422, "{place}: {problem}", {"place": place, "problem": first["msg"]}
        case HTTPException(status_code=404):
            return 404, NOT_FOUND, {}
        case HTTPException():
            return error.status_code, "{problem}", {"problem": error.detail}
    return 422, "{problem}", {"problem": str(error)}


def _quoted(request: Request) -> str:
    return quote(request.url.path.removeprefix(room_of(request).root_path), safe="/")
