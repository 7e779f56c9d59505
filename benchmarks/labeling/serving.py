"""`preceptor label` as people run it: a process of its own, over a store of its own, that can be killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from preceptor.labeling import accounts
from preceptor.labeling.server import open_room


@dataclass
class Served:
    """A project's room and the process that serves it."""

    project: Path
    store: str | None
    port: int
    process: subprocess.Popen[str]
    ready_s: float
    """From the start of the process until it answers."""

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """SIGKILL: no chance to finish anything."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As Ctrl-C does."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        with self.process:  # waits, and closes the pipe
            pass


def serve(project: Path, store: str | None, port: int | None = None) -> Served:
    """Start a server, and wait until it answers."""
    port = port or free_port()
    given = [] if store is None else ["--store", store]
    command = [sys.executable, "-m", "preceptor.cli", "label", "--project", str(project), "--port", str(port), *given]
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert process.stdout is not None
    for line in process.stdout:
        if "is open at" in line:
            return Served(project, store, port, process, time.monotonic() - begun)
    raise RuntimeError(f"the server did not start: {process.wait()}")


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def admin_token(project: Path, store: str | None) -> str:
    """Make an admin in a store that is not served yet; a token of theirs."""
    room = open_room(project, store)
    with room.database.write() as session:
        admin = accounts.add_labeler(session, "admin", role="admin", now=time.time())
        token = accounts.new_token(session, admin, "benchmark", time.time())
    room.database.close()
    return token
