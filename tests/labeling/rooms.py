"""A room that is served: in this process for programs, on a real port for browsers. See `conftest.py`."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi.testclient import TestClient
from playwright.sync_api import BrowserContext

from preceptor.labeling import accounts
from preceptor.labeling.app import create_app
from preceptor.labeling.pages.scope import COOKIE
from preceptor.labeling.room import Room
from preceptor.labeling.security import forgery_token
from preceptor.store import Database
from tests.labeling.people import labeler_named

SECRET = b"0" * 64


class Visitor:
    """A browser without scripts: keeps its cookies, sends forms with their tokens."""

    def __init__(self, room: Room, name: str | None = None, **options: Any) -> None:
        self.room = room
        self.client = TestClient(create_app(room), follow_redirects=False, **options)
        self.client.headers["accept"] = "text/html"
        if name is not None:
            self.sign_in(name)

    def sign_in(self, name: str) -> None:
        """Be somebody."""
        self.client.cookies.set(COOKIE, sign_in_token(self.room.database, name))

    @property
    def csrf(self) -> str:
        """What the forms of this browser's pages carry."""
        return forgery_token(self.room.secret, self.client.cookies.get(COOKIE) or "")

    def get(self, path: str) -> Any:
        """Open a page."""
        return self.client.get(path)

    def post(self, path: str, **fields: Any) -> Any:
        """Send a form."""
        return self.client.post(path, data={"csrf": self.csrf, **fields})

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """What a page's script sends."""
        headers = {"accept": "application/json", "X-CSRF-Token": self.csrf}
        return self.client.request(method, path, json={} if body is None else body, headers=headers)


class Program:
    """A program with a personal token."""

    def __init__(self, room: Room, name: str) -> None:
        labeler = labeler_named(room.database, name)
        with room.database.write() as session:
            token = accounts.new_token(session, labeler, "test", time.time())
        self.client = TestClient(create_app(room), base_url="http://testserver/api/v1/")
        self.client.headers["authorization"] = f"Bearer {token}"

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """One call."""
        return self.client.request(method, path, json=body)


def sign_in_token(store: Database, name: str) -> str:
    """The cookie of somebody who has signed in."""
    labeler = labeler_named(store, name)
    with store.write() as session:
        return accounts.start_sign_in(session, labeler, time.time())


@dataclass(frozen=True)
class Server:
    """A room on a real port."""

    room: Room
    url: str

    def sign_in(self, context: BrowserContext, name: str) -> None:
        """Make a browser somebody's."""
        context.clear_cookies()
        context.add_cookies([{"name": COOKIE, "value": sign_in_token(self.room.database, name), "url": self.url}])


@contextmanager
def serving(room: Room) -> Iterator[Server]:
    """Serve a room on a free port until the block ends."""
    config = uvicorn.Config(create_app(room), host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Server(room, f"http://127.0.0.1:{port}{room.root_path}")
    finally:
        server.should_exit = True
        thread.join(timeout=10)
