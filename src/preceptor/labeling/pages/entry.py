"""The way in and out: sign in, join by invitation, sign out, language, password, tokens."""

import time

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from preceptor.labeling import accounts, assignment, backgrounds
from preceptor.labeling.i18n import N_, languages
from preceptor.labeling.outcomes import Missing, Refused, TooFast
from preceptor.labeling.pages.rendering import redirect, render, said, set_cookie, url
from preceptor.labeling.pages.scope import COOKIE, me, require, visitor
from preceptor.labeling.room import room_of
from preceptor.labeling.security import forgery_token
from preceptor.labeling.work import Id
from preceptor.store.tables import Labeler

router = APIRouter()
labeler_only = require("labeler")

SLOW_DOWN = N_("Too many tries. Wait a minute, then try again.")


def local_path(request: Request, text: str) -> str:
    """Where to go on after signing in: a path of ours without the proxy's prefix, or home."""
    text = text.removeprefix(room_of(request).root_path)
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_ours else "/"


@router.get("/login")
def login_page(request: Request, next: str = "/", labeler: Labeler | None = Depends(visitor)) -> Response:
    """The form to sign in."""
    if labeler is not None:
        return redirect(request, local_path(request, next))
    return render(request, "login.html", None, next=local_path(request, next), problem="", name="")


@router.post("/login")
def login(request: Request, name: str = Form(""), password: str = Form(""), next: str = Form("/")) -> Response:
    """Sign in."""
    room = room_of(request)
    try:
        if not (room.address_limit.allows(address(request)) and _may_try(request, name)):
            raise TooFast(SLOW_DOWN)
        token = accounts.sign_in(room.database, name, password, time.time())
    except Refused as refused:
        problem = said(request, None, refused.text, **refused.values)
        status = 429 if isinstance(refused, TooFast) else 422
        return render(
            request, "login.html", None, status=status, next=local_path(request, next), problem=problem, name=name
        )
    response = redirect(request, local_path(request, next))
    set_cookie(request, response, token)
    return response


@router.get("/session")
def session_of(request: Request, labeler: Labeler = Depends(me)) -> dict[str, str]:
    """What an open page needs to go on after signing in anew, if it is still the same person's."""
    return {"csrf": forgery_token(room_of(request).secret, request.cookies[COOKIE]), "labeler": str(labeler.id)}


@router.post("/logout")
def logout(request: Request) -> Response:
    """Sign out at this browser."""
    with room_of(request).database.write() as session:
        accounts.sign_out(session, request.cookies.get(COOKIE, ""))
    response = redirect(request, "/login")
    response.delete_cookie(COOKIE, path=url(request, "/"))
    return response


@router.get("/join/{token}")
def join_page(request: Request, token: str) -> Response:
    """The form that makes an account."""
    if not room_of(request).address_limit.allows(address(request)):
        raise TooFast(SLOW_DOWN)
    with room_of(request).database.read() as session:
        invitation = accounts.invitation(session, token, time.time())
    return render(request, "join.html", None, token=token, role=invitation.role, problem="", name="")


@router.post("/join/{token}")
def join(request: Request, token: str, name: str = Form(""), password: str = Form("")) -> Response:
    """Make the account, and sign in."""
    room, now = room_of(request), time.time()
    if not room.address_limit.allows(address(request)):
        raise TooFast(SLOW_DOWN)
    try:
        labeler = accounts.join(room.database, token, name, password, now)
    except Refused as refused:
        with room.database.read() as session:
            role = accounts.invitation(session, token, now).role
        problem = said(request, None, refused.text, **refused.values)
        return render(request, "join.html", None, status=422, token=token, role=role, problem=problem, name=name)
    with room.database.write() as session:
        signed = accounts.start_sign_in(session, labeler, now)
    response = redirect(request, "/")
    set_cookie(request, response, signed)
    return response


@router.post("/language")
def set_language(
    request: Request, language: str = Form(), next: str = Form("/"), labeler: Labeler | None = Depends(visitor)
) -> Response:
    """Read everything in another language from now on."""
    if language not in languages():
        raise Missing
    response = redirect(request, local_path(request, next))
    if labeler is None:
        response.set_cookie("language", language, path=url(request, "/"), httponly=True, samesite="lax")
        return response
    with room_of(request).database.write() as session:
        kept = session.get_one(Labeler, labeler.id)
        kept.profile = {**kept.profile, "language": language}
    return response


@router.post("/account/sensitive")
def show_sensitive(request: Request, shows: bool = Form(False), labeler: Labeler = Depends(me)) -> Response:
    """See texts that may be offensive at once, or only after uncovering each."""
    with room_of(request).database.write() as session:
        kept = session.get_one(Labeler, labeler.id)
        kept.profile = {**kept.profile, "shows_sensitive": shows}
    return redirect(request, "/account")


@router.post("/account/sensitive-work")
def take_sensitive(request: Request, takes: bool = Form(False), labeler: Labeler = Depends(me)) -> Response:
    """Be given work on prompts that were flagged as unsafe, or no more."""
    with room_of(request).database.write() as session:
        assignment.agree_to_sensitive(session, labeler, agrees=takes, now=time.time())
    return redirect(request, "/account#sensitive-work")


@router.post("/account/background")
def tell_background(
    request: Request,
    gender: str = Form(""),
    age: str = Form(""),
    education: str = Form(""),
    ethnicity: str = Form(""),
    country: str = Form(""),
    labeler: Labeler = Depends(labeler_only),
) -> Response:
    """Tell something about oneself, or take it back; nothing of it is asked for."""
    replies = {"gender": gender, "age": age, "education": education, "ethnicity": ethnicity, "country": country}
    with room_of(request).database.write() as session:
        backgrounds.tell(session, labeler, replies)
    return redirect(request, "/account#background")


@router.get("/account")
def account_page(request: Request, labeler: Labeler = Depends(me)) -> Response:
    """One's own password, language and tokens."""
    return _account(request, labeler)


@router.post("/account/password")
def change_password(request: Request, old: str = Form(), new: str = Form(), labeler: Labeler = Depends(me)) -> Response:
    """Set another password; all browsers sign in anew."""
    room = room_of(request)
    try:
        if not _may_try(request, str(labeler.name)):
            raise TooFast(SLOW_DOWN)
        accounts.change_password(room.database, labeler, old, new)
    except Refused as refused:
        return _account(request, labeler, said(request, labeler, refused.text, **refused.values))
    return redirect(request, "/login")


@router.post("/account/tokens")
def new_token(request: Request, name: str = Form(min_length=1), labeler: Labeler = Depends(me)) -> Response:
    """Make a personal token; it is shown this once."""
    with room_of(request).database.write() as session:
        token = accounts.new_token(session, labeler, name, time.time())
    return _account(request, labeler, token=token)


@router.post("/account/tokens/{token_id}/revoke")
def revoke_token(request: Request, token_id: Id, labeler: Labeler = Depends(me)) -> Response:
    """End a token."""
    with room_of(request).database.write() as session:
        accounts.revoke_token(session, labeler, token_id, time.time())
    return redirect(request, "/account")


def address(request: Request) -> str:
    """Where a request comes from; uvicorn puts the client's address here when a trusted proxy names it."""
    return request.client.host if request.client else ""


def _may_try(request: Request, name: str) -> bool:
    """Count a password that is tried for a name; who tries elsewhere does not lock out whose name it is."""
    known_by = accounts.tidy(name)[: accounts.MAX_NAME].casefold()  # what is remembered is no longer than a name
    return room_of(request).sign_in_limit.allows(f"{known_by}\0{address(request)}")


def _account(request: Request, labeler: Labeler, problem: str = "", token: str = "") -> Response:
    with room_of(request).database.read() as session:
        tokens = accounts.tokens_of(session, labeler)
    status = 422 if problem else 200
    return render(
        request, "account.html", labeler, status=status, tokens=tokens, new_token=token, problem=problem,
        questions=backgrounds.QUESTIONS, told=backgrounds.told_by(labeler),
        min_people=backgrounds.MIN_PEOPLE,
    )  # fmt: skip
