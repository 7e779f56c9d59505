"""The admin's pages to make a stage and to fill it."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args, get_origin

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import Response
from pydantic.fields import FieldInfo
from sqlalchemy import func, select
from starlette.datastructures import FormData

from preceptor.errors import UserError
from preceptor.labeling import guidelines
from preceptor.labeling.filling import blank_items, can_be_blank, items_of_artifact, items_of_file, sources
from preceptor.labeling.outcomes import Missing
from preceptor.labeling.pages.rendering import redirect, render
from preceptor.labeling.pages.scope import require
from preceptor.labeling.room import room_of
from preceptor.labeling.stages import NewItem, add_items, add_stage, progress, task_of
from preceptor.labeling.tasks import Task, kinds
from preceptor.labeling.work import Id
from preceptor.store.tables import Group, Item, Labeler, Stage

router = APIRouter(prefix="/admin/stages")
admin = require("admin")

MAX_BLANK = 10_000
"""Blank items that can be added at once."""


@dataclass(frozen=True)
class SettingField:
    """One setting of a kind as a form shows it."""

    name: str
    title: str
    hint: str
    form: Literal["check", "choice", "choices", "lines", "number"]
    value: Any
    choices: tuple[str, ...] = ()


async def filled_in(request: Request) -> FormData:
    """All fields of a form, for forms whose fields depend on the kind."""
    return await request.form()


@router.get("/new")
def new_stage_page(request: Request, kind: str = "", me: Labeler = Depends(admin)) -> Response:
    """Choose a kind; then the form of a stage of this kind."""
    if kind not in kinds():
        return render(request, "admin/kinds.html", me, kinds=kinds())
    return _stage_form(request, me, kinds()[kind], FormData())


@router.post("")
def new_stage(
    request: Request, kind: str = Form(), form: FormData = Depends(filled_in), me: Labeler = Depends(admin)
) -> Response:
    """Make the stage, then ask what is to be done in it."""
    if kind not in kinds():
        return render(request, "admin/kinds.html", me, status=422, kinds=kinds())
    task = kinds()[kind]
    try:
        with room_of(request).database.write() as session:
            stage = add_stage(
                session, _name(form), kind, group=_group(form), overlap=_overlap(form),
                guideline=_one(form, "guideline") or None, is_screening="is_screening" in form,
                settings=given(task, form), now=time.time(),
            )  # fmt: skip
            stage_id = stage.id
    except UserError as error:
        return _stage_form(request, me, task, form, error)
    return redirect(request, f"/admin/stages/{stage_id}/items")


@router.get("/{stage_id}/items")
def items_page(request: Request, stage_id: Id, me: Labeler = Depends(admin)) -> Response:
    """What is in a stage, and the form that adds to it."""
    return _items_form(request, me, stage_id)


@router.post("/{stage_id}/items")
def new_items(
    request: Request,
    stage_id: Id,
    source: str = Form(""),
    file: UploadFile | None = None,
    num: int = Form(0, ge=0, le=MAX_BLANK),
    me: Labeler = Depends(admin),
) -> Response:
    """Add items: of an artifact of the project, of a file that comes along, or so many blank ones."""
    room = room_of(request)
    try:
        with room.database.write() as session:
            stage = session.get(Stage, stage_id)
            if stage is None:
                raise Missing
            task, items = task_of(stage), list[NewItem]()
            if source and room.project is not None:
                items += items_of_artifact(room.project, source, task)
            if file is not None and file.filename:
                items += items_of_file(file.file, file.filename, task)
            if num and can_be_blank(task):
                have = session.scalar(select(func.count()).where(Item.stage_id == stage_id)) or 0
                items += blank_items(task, have, num)
            num_added = add_items(session, stage, items, now=time.time())
    except UserError as error:
        return _items_form(request, me, stage_id, error=error)
    return _items_form(request, me, stage_id, num_added=num_added, num_given=len(items))


def setting_fields(task: Task, form: FormData) -> list[SettingField]:
    """The settings of a kind as a form shows them: as they were filled in, else with their defaults."""
    values = given(task, form) if form else {}
    return [_field(name, field, values, is_new=not form) for name, field in task.Settings.model_fields.items()]


def given(task: Task, form: FormData) -> dict[str, Any]:
    """What a form says of a kind's settings; numbers that were left empty keep their defaults."""
    values: dict[str, Any] = {}
    for name, field in task.Settings.model_fields.items():
        texts = [text for text in form.getlist(name) if isinstance(text, str)]
        match _form_of(field)[0]:
            case "check":
                values[name] = bool(texts)
            case "choices":
                values[name] = texts
            case "lines":
                values[name] = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
            case _ if "".join(texts).strip():
                values[name] = texts[0].strip()
    return values


def _form_of(field: FieldInfo) -> tuple[Literal["check", "choice", "choices", "lines", "number"], tuple[str, ...]]:
    """With what a setting is entered, and what there is to choose."""
    kind = field.annotation
    if kind is bool:
        return "check", ()
    if get_origin(kind) is Literal:
        return "choice", get_args(kind)
    if get_origin(kind) is tuple:
        return ("lines", ()) if get_args(kind)[0] is str else ("choices", get_args(get_args(kind)[0]))
    return "number", ()


def _field(name: str, field: FieldInfo, values: Mapping[str, Any], *, is_new: bool) -> SettingField:
    form, choices = _form_of(field)
    value = field.default if is_new else values.get(name)
    return SettingField(name, field.title or name, field.description or "", form, value, choices)


def _one(form: FormData, name: str) -> str:
    text = form.get(name, "")
    return text.strip() if isinstance(text, str) else ""


def _name(form: FormData) -> str:
    name = _one(form, "name")
    if not 1 <= len(name) <= 100:
        raise UserError("a stage has a name of up to 100 letters", field="name", remedy="give it one")
    return name


def _group(form: FormData) -> Group | None:
    name = _one(form, "group")
    for group in get_args(Group):
        if name == group:
            return cast(Group, group)
    if name:
        raise UserError(f"there is no group '{name}'", field="group", remedy="choose one of the list")
    return None


def _overlap(form: FormData) -> int:
    text = _one(form, "overlap")
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise UserError(f"'{text}' labelers for each item", field="overlap", remedy="give a number from 1 to 1000")
    return int(text)


def _stage_form(request: Request, me: Labeler, task: Task, form: FormData, error: UserError | None = None) -> Response:
    with room_of(request).database.read() as session:
        names = guidelines.names(session)
    return render(
        request, "admin/new_stage.html", me, status=422 if error else 200, task=task, form=form,
        settings=setting_fields(task, form), guidelines=names, problem=str(error or ""),
    )  # fmt: skip


def _items_form(
    request: Request,
    me: Labeler,
    stage_id: int,
    *,
    num_added: int | None = None,
    num_given: int = 0,
    error: UserError | None = None,
) -> Response:
    room = room_of(request)
    with room.database.read() as session:
        stage = session.get(Stage, stage_id)
        if stage is None:
            raise Missing
        task, counts = task_of(stage), progress(session, stage)
    example = json.dumps(task.example.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False)
    return render(
        request, "admin/items.html", me, status=422 if error else 200, stage=stage, task=task, counts=counts,
        sources=sources(room.project, task), example=example, can_be_blank=can_be_blank(task), max_blank=MAX_BLANK,
        num_added=num_added, num_known=num_given - (num_added or 0), problem=str(error or ""),
    )  # fmt: skip
