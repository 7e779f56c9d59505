"""`preceptor label`: opens a project's store, and serves the room."""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from preceptor.errors import UserError
from preceptor.labeling import accounts
from preceptor.labeling.app import create_app
from preceptor.labeling.following import Follower
from preceptor.labeling.project import FOLDER, store_url
from preceptor.labeling.room import Room
from preceptor.labeling.security import read_secret
from preceptor.labeling.tasks import Respond
from preceptor.store import Database

BACKLOG = 1024
"""Connections that may wait to be taken."""
DEADLINE_S = 1.0
"""How long the end waits, after Ctrl-C, for what is being answered."""


@dataclass(frozen=True)
class Address:
    """Where the pages are served."""

    host: str
    port: int
    root_path: str
    """The prefix under which a proxy serves them, such as '/labels'."""

    @property
    def url(self) -> str:
        """What people open, as far as this machine knows."""
        host = "localhost" if self.host in ("127.0.0.1", "::1", "0.0.0.0", "::") else self.host
        return f"http://{host}:{self.port}{self.root_path}"


def open_room(project: Path, store: str | None, root_path: str = "", respond: Respond | None = None) -> Room:
    """The room of a project; `respond` is a model to talk with.

    Raises:
        UserError: there is no such folder, the store cannot be opened, or the prefix is no path.
    """
    if not project.is_dir():
        raise UserError("no such folder", file=project, remedy="`preceptor init DIR` makes a project")
    if root_path and (not root_path.startswith("/") or root_path.endswith("/")):
        raise UserError(f"'{root_path}' is no prefix of a path", remedy="write it like --root-path /labels")
    (project / FOLDER).mkdir(mode=0o700, exist_ok=True)
    secret = read_secret(project / FOLDER / "secret")
    return Room(Database.open(store_url(project, store)), secret, root_path, respond, project)


def serve(
    room: Room, address: Address, say: Callable[[str], None], beside: Sequence[AbstractContextManager[object]] = ()
) -> None:
    """Serve until interrupted, with what is to run `beside`. As long as there is no admin, say the link that makes one.

    Raises:
        UserError: the address is taken, or not this machine's.
    """
    listening = _listen(address)
    with room.database.write() as session:
        token = accounts.first_invitation(session, time.time())
    if token is not None:
        say(f"There is no admin yet. This link makes one, once:\n  {address.url}/join/{token}")
    config = uvicorn.Config(
        create_app(room), log_level="warning", access_log=False, server_header=False, date_header=False,
        proxy_headers=True, timeout_graceful_shutdown=5,
    )  # fmt: skip
    server = Announcing(config, lambda: say(f"The labelling room is open at {address.url}/  (Ctrl-C closes it)"))
    try:
        with ExitStack() as running:
            for part in [*beside, *([Follower(room.database, room.respond)] if room.respond else [])]:
                running.enter_context(part)
            server.run(sockets=[listening])
    finally:
        listening.close()
        room.database.close()


@contextmanager
def serve_beside(room: Room) -> Iterator[str]:
    """Serve a room in a thread of this process, on a free port that other machines do not reach; where."""
    listening = _listen(Address("127.0.0.1", 0, room.root_path))
    config = uvicorn.Config(create_app(room), log_level="warning", access_log=False, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="labelling room")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{room.root_path}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise UserError(
            f"cannot listen at {address.host}, port {address.port}: {error.strerror or error}",
            remedy="choose another with --host and --port",
        ) from None


class Announcing(uvicorn.Server):
    """Says when it is ready, and ends soon after it is told to, whoever still waits for a model."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Finish what is being answered, and end.

        A thread that hears nothing from a model cannot be stopped. What it would have written is not promised to
        anybody, so the end does not wait for it; the store survives worse.
        """
        deadline = threading.Timer(DEADLINE_S, os._exit, [128 + sig])
        deadline.daemon = True
        deadline.start()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        await super().startup(sockets)
        if self.started:
            self._ready()
            sys.stdout.flush()
