"""A URL for a server that listens on a socket only, with what others have before theirs: a key, and bad moments."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2


class Forwarding:
    """Passes requests on, and changes what it is told to."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key: str | None = None
        """Without it in the header a request gets 401."""
        self.failures: list[int] = []
        """Statuses of the next replies, in place of the server's."""
        self.unheeded: Sequence[str] = ()
        """Fields of a request that this server has never heard of."""
        self.paths: list[str] = []
        """What was asked for, in order."""


@contextmanager
def forwarding(socket: Path) -> Iterator[Forwarding]:
    """A server at a port of its own that passes on to the one at `socket`."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._pass_on(None)

        def do_POST(self) -> None:
            self._pass_on(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _pass_on(self, body: Any) -> None:
            here.paths.append(self.path)
            if here.key is not None and self.headers.get("Authorization") != f"Bearer {here.key}":
                return self._reply(401, b"{}")
            if here.failures:
                return self._reply(here.failures.pop(0), b'{"error": {"message": "overloaded"}}')
            if body is not None:
                body = {name: value for name, value in body.items() if name not in here.unheeded}
            reply = client.request(self.command, f"http://server{self.path}", json=body)
            self._reply(reply.status_code, reply.content)

        def _reply(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    client = httpx2.Client(transport=httpx2.HTTPTransport(uds=str(socket)), timeout=60, trust_env=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Forwarding(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        client.close()
