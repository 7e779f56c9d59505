"""What guards every page: headers, tokens against forged requests, limits on how often and how much."""

import hashlib
import hmac
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from preceptor.errors import UserError

MAX_BODY = 4_000_000
"""Bytes of one request."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Puts the headers on every response, and cuts off requests that are too large."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_static = "/static/" in scope["path"]
        is_begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                # Work of one person must not come out of a cache for the next one at the same browser.
                headers["Cache-Control"] = "no-cache" if is_static else "no-store"
            await send(message)

        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > MAX_BODY:
            await PlainTextResponse("too large", 413)(scope, receive, send_guarded)
            return
        received = 0

        async def receive_guarded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY:
                raise HTTPException(413, "too large")
            return message

        try:
            await self.app(scope, receive_guarded, send_guarded)
        except Exception:
            # What is sent when all else fails needs the headers, too; the server then logs what happened.
            if not is_begun:
                await PlainTextResponse("something went wrong here", 500)(scope, receive, send_guarded)
            raise


class Limit:
    """So many calls at once for each key, then so many a minute: a bucket that fills up again."""

    def __init__(self, burst: int, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_s, self._clock = burst, per_minute / 60, clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def allows(self, key: str) -> bool:
        """Count one call; False when it is one too many."""
        with self._lock:
            now = self._clock()
            if len(self._buckets) > 10_000:
                self._forget_full(now)
            left = self._left(key, now)
            self._buckets[key] = (max(left - 1, 0) if left >= 1 else left, now)
            return left >= 1

    def _left(self, key: str, now: float) -> float:
        left, at = self._buckets.get(key, (self._burst, now))
        return min(self._burst, left + (now - at) * self._per_s)

    def _forget_full(self, now: float) -> None:
        self._buckets = {key: kept for key, kept in self._buckets.items() if self._left(key, now) < self._burst}


class Slots:
    """So many calls at the same time, and so many of each key: those that are slow leave room for others."""

    def __init__(self, num: int, num_each: int) -> None:
        self._num, self._num_each = num, num_each
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def take(self, key: str) -> Iterator[bool]:
        """Whether there is room; what is taken is given back when the block ends."""
        with self._lock:
            has_room = self._taken.total() < self._num and self._taken[key] < self._num_each
            self._taken[key] += has_room
        try:
            yield has_room
        finally:
            with self._lock:
                self._taken[key] -= has_room
                self._taken = +self._taken  # without those who have nothing


def read_secret(path: Path) -> bytes:
    """The server's secret, made at the first start; nobody but its owner may read it.

    Raises:
        UserError: others can read it, or it is too short to be one of ours.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(file, "w") as writing:
            writing.write(secrets.token_hex(32))
    if path.stat().st_mode & 0o077:
        raise UserError("others can read the server's secret", file=path, remedy=f"chmod 600 {path}")
    secret = path.read_text(encoding="ascii", errors="replace").strip()
    if len(secret) < 64:
        raise UserError("this is no secret of ours", file=path, remedy="delete the file; the next start makes one")
    return secret.encode()


def forgery_token(secret: bytes, cookie: str) -> str:
    """What a form carries to show that it came from a page of ours that this browser was given."""
    return hmac.new(secret, b"csrf\0" + cookie.encode(), hashlib.sha256).hexdigest()


def is_genuine(secret: bytes, cookie: str, token: str) -> bool:
    """Whether a form's token belongs to the browser's cookie."""
    return hmac.compare_digest(forgery_token(secret, cookie).encode(), token.encode())
