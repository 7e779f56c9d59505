"""What a labeler sends while at an item: the same for the pages' scripts and for the REST API."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy.orm import Session

from preceptor.labeling import answers, assignment
from preceptor.labeling.outcomes import TooFast
from preceptor.labeling.pages.rendering import said, url
from preceptor.labeling.room import room_of
from preceptor.labeling.stages import settings_of, task_of
from preceptor.labeling.tasks import Concern, Task
from preceptor.store.tables import Item, Labeler, Stage
from preceptor.text.markdown import render_markdown

MAX_ACTIVE_S = 7 * 86_400
MAX_ID = 2**31 - 1
"""What a column of PostgreSQL holds."""

Id = Annotated[int, Field(ge=1, le=MAX_ID)]


def whole(value: dict[str, Any]) -> dict[str, Any]:
    """The same with `?` for halves of characters: a browser can send one, and no file can keep it."""
    kept: dict[str, Any] = json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    return kept


def is_misnamed(error: RequestValidationError) -> bool:
    """Whether the address itself names nothing, such as an id that is no number."""
    return bool(error.errors()[0]["loc"][0] == "path")


Json = Annotated[dict[str, JsonValue], AfterValidator(whole)]
"""An object without NaN, infinity or endless nesting, none of which every database keeps."""


class Posted(BaseModel):
    """What comes in; unknown fields are a mistake of the sender's."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Content(Posted):
    """An answer, finished or not."""

    content: Json
    """The kind's `Answer`."""
    active_s: float = Field(default=0.0, ge=0, le=MAX_ACTIVE_S)
    """Seconds in which the labeler did something, all visits together."""


class DraftIn(Content):
    """A draft."""

    revision: int = Field(ge=0)
    """The revision that it was made from; 0 for none."""


class ActIn(DraftIn):
    """Something that the kind does on the server, such as the model's turn in a dialogue."""

    action: Json
    """What: the kind says."""


class ActOut(Posted):
    """What the kind made of the draft; kept already."""

    content: dict[str, Any]
    revision: int


class DraftOut(Posted):
    """A kept draft."""

    revision: int
    """The next draft is made from this one."""


class Lease(Posted):
    """Whether the item is still the labeler's own."""

    is_late: bool
    """It has gone to others; what is submitted is kept beside theirs."""


class Concerns(Posted):
    """What a careful colleague would ask."""

    concerns: list[str]
    """In the reader's language."""


class SubmitIn(Content):
    """A finished answer."""

    guideline_id: Id | None = None
    """The version of the guideline that was shown."""
    revision: int | None = Field(default=None, ge=0)
    """The draft's that it was made from, 0 for none. Without it the answer takes the place of whatever was drafted."""


class Left(Posted):
    """An item that is done with."""

    next: str
    """The page to go on with."""


class SubmitOut(Left):
    """An answer that was taken in."""

    status: str
    """'counted'; 'surplus' when it came late; 'revision' when it corrects an earlier one."""


class Formatted(Posted):
    """What is being written, as others will read it."""

    html: str
    """Safe to put into a page."""


class SkipIn(Posted):
    """Passing an item over."""

    reason: str = Field(default="", max_length=2000)
    """Not asked for."""


class CommentIn(Posted):
    """A line to the researchers."""

    text: str = Field(max_length=10_000)
    """Markdown."""


def work_router(who: Callable[..., Labeler]) -> APIRouter:
    """Routes under `/items/{item_id}` for whomever `who` finds."""
    router = APIRouter(prefix="/items/{item_id}", tags=["work"])

    @router.put("/draft")
    def draft(request: Request, item_id: Id, posted: DraftIn, me: Labeler = Depends(who)) -> DraftOut:
        """Keep what there is so far. 409 with the latest draft when another tab or device saved in the meantime."""
        with room_of(request).database.write() as session:
            revision = answers.save_draft(
                session, me, item_id, posted.content,
                revision=posted.revision, active_s=posted.active_s, now=time.time(),
            )  # fmt: skip
        return DraftOut(revision=revision)

    @router.post("/heartbeat")
    def heartbeat(request: Request, item_id: Id, me: Labeler = Depends(who)) -> Lease:
        """Somebody is still at it: the lease goes on."""
        with room_of(request).database.write() as session:
            return Lease(is_late=not assignment.heartbeat(session, me, item_id, now=time.time()))

    @router.post("/check")
    def check(request: Request, item_id: Id, posted: Content, me: Labeler = Depends(who)) -> Concerns:
        """What one may want to look at again before submitting; nothing is kept."""
        with room_of(request).database.read() as session:
            found = _concerns(session, me, item_id, posted)
        return Concerns(concerns=[said(request, me, one.text, **one.values) for one in found])

    @router.post("/submit")
    def submit(request: Request, item_id: Id, posted: SubmitIn, me: Labeler = Depends(who)) -> SubmitOut:
        """Hand an answer in. Sending the same again is harmless; another one corrects it. 409 as with a draft."""
        room = room_of(request)
        if me.origin == "human" and not room.submit_limit.allows(str(me.id)):
            raise TooFast("That was very fast. Wait a minute; nothing is lost.")
        with room.database.write() as session:
            answer = answers.submit(
                session, me, item_id, posted.content, revision=posted.revision,
                guideline_id=posted.guideline_id, active_s=posted.active_s, now=time.time(),
            )  # fmt: skip
            return SubmitOut(status=answer.status, next=url(request, f"/stages/{answer.stage_id}/next"))

    @router.post("/act")
    def act(request: Request, item_id: Id, posted: ActIn, me: Labeler = Depends(who)) -> ActOut:
        """Let the kind do something with the draft. 409 as with a draft."""
        room = room_of(request)
        with room.database.read() as session:
            place = _place(session, me, item_id)
        # A model may take its time; no transaction waits for it.
        content = place.task.act(place.item, place.shown, posted.content, posted.action, room.model_for(me))
        with room.database.write() as session:
            revision = answers.save_draft(
                session, me, item_id, content,
                revision=posted.revision, active_s=posted.active_s, now=time.time(),
            )  # fmt: skip
        return ActOut(content=content, revision=revision)

    @router.post("/preview")
    def preview(request: Request, item_id: Id, posted: Content, me: Labeler = Depends(who)) -> Formatted:
        """What is being written, formatted by the renderer that all others will see it through; nothing is kept."""
        with room_of(request).database.read() as session:
            place = _place(session, me, item_id)
        answer = answers.parsed(place.task, posted.content)
        return Formatted(html=render_markdown(place.task.preview(place.item, place.shown, answer)))

    @router.post("/skip")
    def skip(request: Request, item_id: Id, posted: SkipIn, me: Labeler = Depends(who)) -> Left:
        """Pass the item over; it goes to others, and the draft is kept."""
        with room_of(request).database.write() as session:
            stage_id = answers.skip(session, me, item_id, reason=posted.reason, now=time.time())
        return Left(next=url(request, f"/stages/{stage_id}/next"))

    @router.post("/comments")
    def comment(request: Request, item_id: Id, posted: CommentIn, me: Labeler = Depends(who)) -> None:
        """Write to the researchers about this item."""
        with room_of(request).database.write() as session:
            answers.comment(session, me, item_id, posted.text, now=time.time())

    return router


@dataclass(frozen=True)
class _Place:
    task: Task
    stage: Stage
    row: Item
    shown_json: dict[str, Any]

    @property
    def item(self) -> Any:
        return self.task.Item.model_validate(self.row.payload)

    @property
    def shown(self) -> Any:
        return self.task.Shown.model_validate(self.shown_json)


def _place(session: Session, me: Labeler, item_id: int) -> _Place:
    stage_id, shown = answers.place_of(session, me, item_id)
    stage = session.get_one(Stage, stage_id)
    return _Place(task_of(stage), stage, session.get_one(Item, item_id), shown)


def _concerns(session: Session, me: Labeler, item_id: Id, posted: Content) -> list[Concern]:
    place = _place(session, me, item_id)
    answer = answers.checked(place.task, place.row, place.shown_json, posted.content)
    settings = settings_of(place.stage)
    return place.task.concerns(place.item, place.shown, answer, settings=settings, active_s=posted.active_s)
