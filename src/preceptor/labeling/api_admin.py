"""The part of the REST API that sets up work: stages, items, guidelines, labelers, and what came of it."""

import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from preceptor.labeling import accounts, guidelines
from preceptor.labeling.export import ZIP, Format, export_archive
from preceptor.labeling.guidelines import NAME as GUIDELINE_NAME
from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.room import room_of
from preceptor.labeling.stages import NewItem, add_items, add_stage, change_stage, progress, task_of
from preceptor.labeling.work import MAX_ID, Id, Json, Posted
from preceptor.store.tables import Answer, Item, Labeler, Stage

GroupName = Literal["training", "held_out"]
After = Annotated[int, Field(ge=0, le=MAX_ID)]
PageSize = Annotated[int, Field(ge=1, le=1000)]


class StageIn(Posted):
    """A new stage."""

    name: str = Field(min_length=1, max_length=100)
    kind: str
    """Name of a kind of task."""
    group: GroupName | None = None
    """Who works on it; null for everybody."""
    overlap: int = Field(default=1, ge=1, le=1000)
    """Labelers that each item is to have."""
    round: int = Field(default=1, ge=1, le=1000)
    settings: Json = Field(default_factory=dict)
    """The kind's settings; what is left out has its default."""
    guideline: str | None = None
    """Name of the guideline beside it."""
    is_screening: bool = False
    """For candidates; what is done here is never exported as labels."""


class StageChange(Posted):
    """What changes of a stage; what is left out stays."""

    state: Literal["open", "paused", "closed"] | None = None
    overlap: int | None = Field(default=None, ge=1, le=1000)
    settings: Json | None = None
    guideline: str | None = None


class StageOut(StageIn):
    """A stage, and how far it is."""

    id: int
    state: str
    num_items: int
    num_done: int
    """Items that have all their labelers."""
    num_stuck: int
    """Items that are for certain labelers of whom too few are left: gone, paused, or they passed it over."""
    num_waiting: int
    """Items that wait for somebody who agrees to sensitive content."""
    num_answers: int
    """Submissions that count."""
    num_simulated: int
    """Those among them that simulated labelers made."""
    num_surplus: int
    """Submissions that came when the item had all its labelers."""


class ItemIn(Posted):
    """A new item."""

    key: str = Field(min_length=1, max_length=300)
    """The id that its records will have; a key that is there already is passed over."""
    item: Json
    """The kind's `Item`."""
    only_for: list[Id] = Field(default_factory=list, max_length=1000)
    """Labelers whom it is for, by their ids; empty for everybody in the stage."""


class Added(Posted):
    """How many items were added."""

    num_added: int


class LabelerIn(Posted):
    """A new account without a password, to be used by token."""

    name: str = Field(min_length=1, max_length=accounts.MAX_NAME)
    group: GroupName = "training"
    origin: Literal["human", "simulated"] = "simulated"


class TokenOut(Posted):
    """A token, which is not shown again."""

    labeler_id: int
    token: str


class LabelerOut(Posted):
    """An account."""

    id: int
    name: str | None
    """null when it was deleted."""
    role: str
    group: str
    origin: str
    standing: str


class InvitationIn(Posted):
    """Whom a link is for."""

    role: Literal["admin", "researcher", "labeler"] = "labeler"
    group: GroupName = "training"
    standing: Literal["candidate", "active"] = "active"
    note: str = Field(default="", max_length=200)


class InvitationOut(Posted):
    """A link's last part, which is not shown again."""

    path: str


class GuidelineIn(Posted):
    """The next version of a guideline."""

    name: str = Field(pattern=GUIDELINE_NAME)
    text: str = Field(min_length=1, max_length=200_000)
    """Markdown."""
    note: str = Field(default="", max_length=2000)
    """What changed."""


class GuidelineOut(Posted):
    """A version of a guideline."""

    id: int
    name: str
    version: int
    text: str
    note: str


class ExportIn(Posted):
    """What to bring out."""

    format: Format = "artifacts"
    """As `preceptor labels export` writes it."""


class AnswerOut(Posted):
    """A submission or a correction, as it is kept."""

    id: int
    item_id: int
    key: str
    labeler_id: int
    group: str
    status: str
    content: dict[str, Any]
    shown: dict[str, Any]
    guideline_id: int | None
    schema_version: int
    round: int
    active_s: float
    revises_id: int | None
    created_at: float


def admin_router(who: Callable[..., Labeler]) -> APIRouter:
    """Routes under `/admin` for whomever `who` lets in."""
    router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Depends(who)])

    @router.get("/stages")
    def list_stages(request: Request) -> list[StageOut]:
        """All stages, and how far they are."""
        with room_of(request).database.read() as session:
            return [_stage(session, stage) for stage in session.scalars(select(Stage).order_by(Stage.id))]

    @router.post("/stages", status_code=201)
    def new_stage(request: Request, posted: StageIn) -> StageOut:
        """Make a stage; it is open at once."""
        with room_of(request).database.write() as session:
            stage = add_stage(session, now=time.time(), **posted.model_dump())
            return _stage(session, stage)

    @router.patch("/stages/{stage_id}")
    def patch_stage(request: Request, stage_id: Id, posted: StageChange) -> StageOut:
        """Pause or close a stage, or change its overlap, settings or guideline. No claim is lost by it."""
        with room_of(request).database.write() as session:
            stage = change_stage(session, stage_id, **posted.model_dump(exclude_none=True))
            return _stage(session, stage)

    @router.post("/stages/{stage_id}/items", status_code=201)
    def new_items(request: Request, stage_id: Id, posted: list[ItemIn]) -> Added:
        """Add items; they are given out at once."""
        with room_of(request).database.write() as session:
            stage = session.get(Stage, stage_id)
            if stage is None:
                raise Missing
            return Added(num_added=add_items(session, stage, _items(stage, posted), now=time.time()))

    @router.get("/stages/{stage_id}/answers")
    def list_answers(request: Request, stage_id: Id, after: After = 0, limit: PageSize = 100) -> list[AnswerOut]:
        """Submissions and corrections in the order in which they came, from the one after the id `after`."""
        statement = select(Answer, Item.key).join(Item, Item.id == Answer.item_id)
        statement = statement.where(Answer.stage_id == stage_id, Answer.id > after).order_by(Answer.id)
        with room_of(request).database.read() as session:
            if session.get(Stage, stage_id) is None:
                raise Missing
            rows = session.execute(statement.limit(limit)).all()
        return [_answer(answer, key) for answer, key in rows]

    @router.post("/export", response_class=Response, responses={200: {"content": {ZIP: {}}}})
    def export(request: Request, posted: ExportIn) -> Response:
        """All labels as a ZIP archive: artifacts, to be unpacked in a project's `data/`, or tables."""
        room = room_of(request)
        return Response(export_archive(room.database, posted.format, time.time(), room.withdrawn), media_type=ZIP)

    @router.get("/labelers")
    def list_labelers(request: Request) -> list[LabelerOut]:
        """All accounts."""
        with room_of(request).database.read() as session:
            return [
                LabelerOut.model_validate({name: getattr(one, name) for name in LabelerOut.model_fields})
                for one in session.scalars(select(Labeler).order_by(Labeler.id))
            ]

    @router.post("/labelers", status_code=201)
    def new_labeler(request: Request, posted: LabelerIn) -> TokenOut:
        """Make an account that is used by token, such as a simulated labeler's."""
        now = time.time()
        with room_of(request).database.write() as session:
            name = accounts.free_name(session, posted.name)
            labeler = accounts.add_labeler(session, name, group=posted.group, origin=posted.origin, now=now)
            return TokenOut(labeler_id=labeler.id, token=accounts.new_token(session, labeler, "made with it", now))

    @router.delete("/labelers/{labeler_id}")
    def forget_labeler(request: Request, labeler_id: Id) -> None:
        """Take away a labeler's name, password, profile and tokens; the work stays."""
        with room_of(request).database.write() as session:
            accounts.forget(session, labeler_id, time.time())

    @router.post("/invitations", status_code=201)
    def new_invitation(request: Request, posted: InvitationIn, me: Labeler = Depends(who)) -> InvitationOut:
        """A link that makes one account."""
        with room_of(request).database.write() as session:
            token = accounts.invite(session, by=me, now=time.time(), **posted.model_dump())
        return InvitationOut(path=f"/join/{token}")

    @router.get("/guidelines/{name}")
    def list_guidelines(request: Request, name: str) -> list[GuidelineOut]:
        """All versions of a guideline, latest first."""
        with room_of(request).database.read() as session:
            return [_guideline(one) for one in guidelines.versions(session, name)]

    @router.post("/guidelines", status_code=201)
    def publish(request: Request, posted: GuidelineIn, me: Labeler = Depends(who)) -> GuidelineOut:
        """Publish the next version; a text that is the latest already makes none."""
        with room_of(request).database.write() as session:
            return _guideline(guidelines.publish(session, by=me, now=time.time(), **posted.model_dump()))

    return router


def _items(stage: Stage, posted: list[ItemIn]) -> list[NewItem]:
    model = task_of(stage).Item
    made = []
    for number, one in enumerate(posted):
        try:
            made.append(NewItem(one.key, model.model_validate(one.item), only_for=tuple(one.only_for)))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in (number, "item", *first["loc"]))
            raise Refused("{place}: {problem}", place=place, problem=first["msg"]) from None
    return made


def _stage(session: Session, stage: Stage) -> StageOut:
    kept = {name: getattr(stage, name) for name in StageIn.model_fields}
    return StageOut(id=stage.id, state=stage.state, **kept, **progress(session, stage))


def _answer(answer: Answer, key: str) -> AnswerOut:
    kept = {name: getattr(answer, name) for name in AnswerOut.model_fields if name != "key"}
    return AnswerOut(key=key, **kept)


def _guideline(one: Any) -> GuidelineOut:
    return GuidelineOut(id=one.id, name=one.name, version=one.version, text=one.text, note=one.note)
