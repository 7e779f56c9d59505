"""Templates: in the reader's language, with everything escaped that is not rendered by the one safe renderer."""

import secrets
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from preceptor.labeling.i18n import (
    choose_language,
    countries,
    day,
    decimal,
    duration,
    languages,
    script_messages,
    translations,
    when,
)
from preceptor.labeling.pages.scope import COOKIE
from preceptor.labeling.room import room_of
from preceptor.labeling.security import forgery_token
from preceptor.store.tables import Labeler
from preceptor.text.markdown import render_markdown, render_plain

HERE = Path(__file__).parents[1]
STATIC = HERE / "static"


@cache
def environment(language: str) -> Environment:
    """The templates in one language."""
    loader = FileSystemLoader(HERE / "templates")
    made = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )  # fmt: skip
    made.install_gettext_translations(translations(language), newstyle=False)  # type: ignore[attr-defined]
    made.globals.update(
        markdown=render_markdown, plain=render_plain, languages=languages(),
        when=lambda seconds: when(seconds, language), decimal=lambda number, digits: decimal(number, digits, language),
        day=lambda seconds: day(seconds, language), duration=lambda seconds: duration(seconds, language),
        countries=lambda: countries(language),
    )  # fmt: skip
    return made


def language_of(request: Request, me: Labeler | None) -> str:
    """The language that a page is to be in."""
    setting = me.profile.get("language") if me else request.cookies.get("language")
    return choose_language(setting, request.headers.get("accept-language", ""))


def said(request: Request, me: Labeler | None, text: str, **values: Any) -> str:
    """A text in the reader's language, with its values filled in."""
    return translations(language_of(request, me)).gettext(text).format(**values)


def url(request: Request, path: str) -> str:
    """A path of ours as the browser must ask for it: behind a proxy it has a prefix."""
    return f"{room_of(request).root_path}{path}"


def render(request: Request, template: str, me: Labeler | None, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page. A browser that has no cookie yet is given one, so that its forms can be told from forged ones."""
    cookie = request.cookies.get(COOKIE)
    given = cookie or secrets.token_urlsafe(32)
    language = language_of(request, me)
    html = environment(language).get_template(template).render(
        me=me, language=language, csrf=forgery_token(room_of(request).secret, given),
        url=lambda path: url(request, path), static=lambda path: url(request, f"/static/{path}"),
        path=request.url.path, status=status, script_messages=script_messages(language), **context,
    )  # fmt: skip
    response = HTMLResponse(html, status)
    if cookie is None:
        set_cookie(request, response, given)
    return response


def set_cookie(request: Request, response: Response, token: str) -> None:
    """Give the browser its token; scripts cannot read it, other sites cannot send it with their forms."""
    response.set_cookie(
        COOKIE, token, max_age=30 * 86_400, path=url(request, "/"), httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip


def redirect(request: Request, path: str) -> RedirectResponse:
    """On to another page of ours."""
    return RedirectResponse(url(request, path), status_code=303)
