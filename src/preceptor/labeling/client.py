"""The labelling room from Python: the calls of the REST API, over HTTP, with a personal token.

    with RoomClient("http://localhost:8000", token) as room:
        while item := room.claim(stage_id):
            room.submit(item.id, {"response": write(item.view)}, active_s=60)

What goes wrong on the server is raised here as what it was there: `Missing`, `Refused`, `Stale`. Every call may also
raise `Unreachable`; the calls of labelers can then be made again, as often as it takes.
"""

import ssl
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NoReturn, Self, TypeVar

import httpx2
from pydantic import BaseModel, TypeAdapter

from preceptor.errors import UserError
from preceptor.labeling.api import ItemOut, MeOut, MyStage
from preceptor.labeling.api_admin import (
    Added,
    AnswerOut,
    GuidelineIn,
    GuidelineOut,
    InvitationIn,
    InvitationOut,
    ItemIn,
    LabelerIn,
    LabelerOut,
    StageChange,
    StageIn,
    StageOut,
    TokenOut,
)
from preceptor.labeling.export import Format
from preceptor.labeling.outcomes import Missing, Refused, Stale, TooFast
from preceptor.labeling.work import Concerns, DraftOut, Lease, SubmitOut

TIMEOUT_S = 60
PAGE_SIZE = 500
"""Answers fetched by one request."""
MAX_POST = 1_000_000
"""Characters of items in one request; the server takes no more than some megabytes."""

T = TypeVar("T")


class Unreachable(UserError):
    """No server answers, or it went away before it did; whether it did what was asked is not known."""


class RoomClient:
    """A labelling room at a URL, for whomever the token belongs to. The second half is for admins."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"}
        base = f"{self.url}/api/v1/"
        self._http = httpx2.Client(base_url=base, headers=headers, timeout=TIMEOUT_S, verify=_certificates())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    # ── what labelers do ──────────────────────────────────────────────────────────────────────────────────────────────

    def me(self) -> MeOut:
        """Whose token it is."""
        return self._get("me", MeOut)

    def my_stages(self) -> list[MyStage]:
        """The stages to work in."""
        return self._get("stages", list[MyStage])

    def claim(self, stage_id: int) -> ItemOut | None:
        """The item that was begun, else a new one; None when there is nothing to do at present.

        Raises:
            Missing: there is no such stage, or not for this labeler.
        """
        reply = self._send("POST", f"stages/{stage_id}/claim")
        return None if reply.status_code == 204 else ItemOut.model_validate_json(reply.content)

    def item(self, item_id: int) -> ItemOut:
        """An item that is or was one's own.

        Raises:
            Missing: it never was.
        """
        return self._get(f"items/{item_id}", ItemOut)

    def save_draft(self, item_id: int, content: Mapping[str, Any], *, revision: int = 0, active_s: float = 0.0) -> int:
        """Keep what there is so far; `revision` is the one that this was made from. The new revision.

        Raises:
            Missing: the item never was one's own.
            Stale: it was saved elsewhere in the meantime; the latest draft comes along.
            Refused: it is too large.
        """
        body = {"content": content, "revision": revision, "active_s": active_s}
        return self._put(f"items/{item_id}/draft", body, DraftOut).revision

    def heartbeat(self, item_id: int) -> bool:
        """Go on holding an item; False when it has gone to others.

        Raises:
            Missing: it never was one's own.
        """
        return not self._post(f"items/{item_id}/heartbeat", {}, Lease).is_late

    def concerns(self, item_id: int, content: Mapping[str, Any], *, active_s: float = 0.0) -> list[str]:
        """What a careful colleague would ask before this is submitted.

        Raises:
            Missing: the item never was one's own.
            Refused: it is no finished answer.
        """
        body = {"content": content, "active_s": active_s}
        return self._post(f"items/{item_id}/check", body, Concerns).concerns

    def submit(
        self,
        item_id: int,
        content: Mapping[str, Any],
        *,
        revision: int | None = None,
        active_s: float = 0.0,
        guideline_id: int | None = None,
    ) -> str:
        """Hand an answer in: 'counted', 'surplus' when it came late, 'revision' when it corrects an earlier one.

        `revision` is that of the draft which it was made from, 0 for none; without it the answer takes the place of
        whatever was drafted. After a lost reply, send the same again: it is taken in once.

        Raises:
            Missing: the item never was one's own.
            Stale: another draft was saved in the meantime; it comes along.
            Refused: it is no answer to this item.
        """
        body = {"content": content, "revision": revision, "active_s": active_s, "guideline_id": guideline_id}
        return self._post(f"items/{item_id}/submit", body, SubmitOut).status

    def skip(self, item_id: int, reason: str = "") -> None:
        """Pass an item over; it goes to others.

        Raises:
            Missing: one does not have it.
        """
        self._send("POST", f"items/{item_id}/skip", {"reason": reason})

    def comment(self, item_id: int, text: str) -> None:
        """Write to the researchers about an item.

        Raises:
            Missing: the item never was one's own.
            Refused: the text is empty.
        """
        self._send("POST", f"items/{item_id}/comments", {"text": text})

    # ── what admins do ────────────────────────────────────────────────────────────────────────────────────────────────

    def stages(self) -> list[StageOut]:
        """All stages, and how far they are."""
        return self._get("admin/stages", list[StageOut])

    def add_stage(self, stage: StageIn) -> StageOut:
        """Make a stage; it is open at once.

        Raises:
            Refused: the name is taken, there is no such kind, or a setting does not fit.
        """
        return self._post("admin/stages", stage, StageOut)

    def change_stage(self, stage_id: int, change: StageChange) -> StageOut:
        """Pause or close a stage, or change its overlap, settings or guideline.

        Raises:
            Missing: there is no such stage.
            Refused: a setting does not fit.
        """
        reply = self._send("PATCH", f"admin/stages/{stage_id}", change.model_dump(exclude_unset=True))
        return StageOut.model_validate_json(reply.content)

    def add_items(self, stage_id: int, items: Iterable[ItemIn]) -> int:
        """Add items, in as many requests as it takes; how many were added. A key that is there is passed over.

        Raises:
            Missing: there is no such stage.
            Refused: an item is not of the stage's kind.
        """
        path = f"admin/stages/{stage_id}/items"
        return sum(self._post(path, list(some), Added).num_added for some in _in_parts(items))

    def answers(self, stage_id: int) -> Iterator[AnswerOut]:
        """All submissions and corrections in the order in which they came.

        Raises:
            Missing: there is no such stage.
        """
        after = 0
        while page := self._get(f"admin/stages/{stage_id}/answers?after={after}&limit={PAGE_SIZE}", list[AnswerOut]):
            yield from page
            after = page[-1].id

    def export(self, format: Format = "artifacts") -> bytes:
        """All labels as a ZIP archive; artifacts are to be unpacked in a project's `data/`."""
        return self._send("POST", "admin/export", {"format": format}).content

    def labelers(self) -> list[LabelerOut]:
        """All accounts."""
        return self._get("admin/labelers", list[LabelerOut])

    def add_labeler(self, labeler: LabelerIn) -> TokenOut:
        """Make an account that is used by token, such as a simulated labeler's.

        Raises:
            Refused: the name is taken, or will not do.
        """
        return self._post("admin/labelers", labeler, TokenOut)

    def forget_labeler(self, labeler_id: int) -> None:
        """Take away a labeler's name, password, profile and tokens; the work stays.

        Raises:
            Missing: there is no such labeler.
            Refused: it is the last admin.
        """
        self._send("DELETE", f"admin/labelers/{labeler_id}")

    def invite(self, invitation: InvitationIn) -> str:
        """A link that makes one account."""
        return self.url + self._post("admin/invitations", invitation, InvitationOut).path

    def publish_guideline(self, guideline: GuidelineIn) -> GuidelineOut:
        """Publish the next version of a guideline; a text that is the latest already makes none."""
        return self._post("admin/guidelines", guideline, GuidelineOut)

    # ── the wire ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _get(self, path: str, kind: type[T]) -> T:
        return _adapter(kind).validate_json(self._send("GET", path).content)

    def _put(self, path: str, body: Any, kind: type[T]) -> T:
        return _adapter(kind).validate_json(self._send("PUT", path, body).content)

    def _post(self, path: str, body: Any, kind: type[T]) -> T:
        return _adapter(kind).validate_json(self._send("POST", path, body).content)

    def _send(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        if isinstance(body, BaseModel):
            body = body.model_dump()
        try:
            reply = self._http.request(method, path, json=body)
        except httpx2.TransportError as error:
            remedy = "start it with `preceptor label`, and give the URL that it says"
            raise Unreachable(f"no labelling room answers at {self.url}: {error}", remedy=remedy) from None
        if reply.is_error:
            _explain(reply)
        return reply


def _explain(reply: httpx2.Response) -> NoReturn:
    """Raise what went wrong on the server."""
    try:
        found = reply.json()
    except ValueError:
        found = {}
    problem = found.get("error", f"status {reply.status_code}")
    match reply.status_code:
        case 401:
            remedy = "make one on the page “Account” of the labelling room, and give that"
            raise UserError("this personal token is not good, or no longer", remedy=remedy)
        case 404:
            raise Missing
        case 409:
            raise Stale(found["revision"], found["content"])
        case 422:
            raise Refused("{problem}", problem=problem)
        case 429:
            raise TooFast("{problem}", problem=problem)
    raise UserError(f"the labelling room cannot do that now: {problem}", remedy="look at what its server has said")


def _in_parts(items: Iterable[ItemIn]) -> Iterator[list[dict[str, Any]]]:
    """Items in lists that are small enough for one request."""
    part: list[dict[str, Any]] = []
    size = 0
    for item in items:
        length = len(item.model_dump_json())
        if part and size + length > MAX_POST:
            yield part
            part, size = [], 0
        part.append(item.model_dump())
        size += length
    if part:
        yield part


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@cache
def _certificates() -> ssl.SSLContext:
    # Reading them takes longer than a hundred calls; two hundred clients of one process read them once.
    return ssl.create_default_context()
