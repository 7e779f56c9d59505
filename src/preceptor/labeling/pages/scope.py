"""Who asks, and whether they may: what is not for somebody does not exist for them."""

import time
from collections.abc import Callable

from fastapi import Depends, Request

from preceptor.labeling import accounts
from preceptor.labeling.outcomes import Missing
from preceptor.labeling.room import room_of
from preceptor.labeling.security import is_genuine
from preceptor.store.tables import Labeler, Role

COOKIE = "preceptor"
SAFE = {"GET", "HEAD", "OPTIONS"}


class SignedOut(Exception):
    """Nobody is signed in, and somebody has to be."""


class Forged(Exception):
    """A form without the token of this browser's pages."""


def visitor(request: Request) -> Labeler | None:
    """Who is signed in at this browser."""
    token = request.cookies.get(COOKIE)
    if token is None:
        return None
    with room_of(request).database.read() as session:
        return accounts.signed_in(session, token, time.time())


def me(request: Request, labeler: Labeler | None = Depends(visitor)) -> Labeler:
    """Who is signed in.

    Raises:
        SignedOut: nobody is.
    """
    if labeler is None:
        raise SignedOut
    return labeler


def require(*roles: Role) -> Callable[..., Labeler]:
    """A dependency: who is signed in, in one of these roles; for others the page does not exist."""

    def allowed(labeler: Labeler = Depends(me)) -> Labeler:
        if labeler.role not in roles:
            raise Missing
        return labeler

    return allowed


async def genuine(request: Request) -> None:
    """What changes something must come from one of our pages.

    Raises:
        Forged: it does not, or the page is from before the last sign-in.
    """
    if request.method in SAFE:
        return
    token = request.headers.get("X-CSRF-Token")
    if token is None and "json" not in request.headers.get("content-type", ""):
        token = str((await request.form()).get("csrf", ""))
    cookie = request.cookies.get(COOKIE, "")
    if not cookie or not is_genuine(room_of(request).secret, cookie, token or ""):
        raise Forged
