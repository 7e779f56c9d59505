"""Requests to a server of models, over HTTP: made again while it is busy or away, and each refusal in its words."""

import os
import ssl
import time
from functools import cache
from pathlib import Path
from typing import Any, Self

import httpx2

from preceptor.errors import UserError
from preceptor.generation.config import RemoteConfig

MAX_CONNECTIONS = 256
BUSY_OR_AWAY = {429, 502, 503, 504}
"""Statuses after which the same request may well succeed."""


class Unreachable(UserError):
    """No server answers, or it failed in the middle."""


class Client:
    """A server at a URL; threads may share it. With `socket` it listens there, and the URL's host means nothing."""

    def __init__(self, config: RemoteConfig, socket: Path | None = None) -> None:
        self._config = config
        self._root = config.url.rstrip("/").removesuffix("/v1")
        key = os.environ.get(config.key_variable)
        limits = httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS)
        self._http = httpx2.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=config.timeout_s,
            limits=limits,
            verify=_certificates(),
            transport=None if socket is None else httpx2.HTTPTransport(uds=str(socket), limits=limits),
            trust_env=socket is None,  # else a proxy of the environment would be asked for what is in this machine
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        """What the server says at a path below its root.

        Raises:
            Unreachable: nobody answers.
            UserError: the server refuses.
        """
        return self._send("GET", path)

    def post(self, path: str, body: Any) -> Any:
        """What the server replies to a body of JSON. Raises as `get`."""
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        for wait_s in (*(2**attempt for attempt in range(self._config.num_retries)), None):
            try:
                reply = self._http.request(method, self._root + path, json=body)
            except httpx2.TransportError as error:
                problem = str(error) or type(error).__name__
            else:
                if reply.status_code not in BUSY_OR_AWAY:
                    return self._read(reply, path)
                problem = _words(reply)
            if wait_s is not None:
                time.sleep(wait_s)
        raise Unreachable(
            f"no server of models answers at {self._config.url}: {problem}",
            field="generation.url",
            remedy="start it, or correct the URL; then the same command goes on where it stopped",
        )

    def _read(self, reply: httpx2.Response, path: str) -> Any:
        if reply.status_code in (401, 403):
            raise UserError(
                f"the server at {self._config.url} wants another key than that of ${self._config.key_variable}",
                field="generation.key_variable",
                remedy=f"set the environment variable {self._config.key_variable} to a key of that server",
            )
        if reply.is_error:
            kind = Unreachable if reply.is_server_error else UserError
            raise kind(
                f"the server at {self._config.url} refuses {path}: {_words(reply)}",
                remedy="look at what the server has written; docs/generation.md says what it must be able to do",
            )
        try:
            return reply.json()
        except ValueError:
            return None


def _words(reply: httpx2.Response) -> str:
    """What a server says of an error, in one line."""
    try:
        found = reply.json()
        found = found.get("error", found)
        text = found.get("message") or found.get("detail")
    except (ValueError, AttributeError):
        text = reply.text
    return " ".join(f"status {reply.status_code} {text or ''}".split())[:500]


@cache
def _certificates() -> ssl.SSLContext:
    # Reading them takes longer than a hundred requests.
    return ssl.create_default_context()
