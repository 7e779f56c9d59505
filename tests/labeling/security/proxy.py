"""A small reverse proxy, as one puts it before the room: it adds a prefix, and says who asked and how."""

import http.client
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"}
"""Headers that end at the proxy."""


@contextmanager
def proxying(upstream: str, prefix: str, *, strips: bool, scheme: str = "http") -> Iterator[str]:
    """Serve what is at `upstream` under a prefix; the URL. `strips` takes the prefix off what is passed on."""
    there = urlsplit(upstream).netloc

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds; browsers open connections in advance and send nothing

        def pass_on(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404, "not behind this proxy")
                return
            path = self.path.removeprefix(prefix) if strips else self.path
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            headers |= {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": scheme, "Content-Length": str(len(body))}
            with closing(http.client.HTTPConnection(there, timeout=30)) as connection:
                connection.request(self.command, path, body, headers)
                reply = connection.getresponse()
                content = reply.read()
            self.send_response(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Proxy(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, request: object, client_address: object) -> None:
            assert isinstance(sys.exception(), ConnectionError), "only a browser that left may break a reply off"

    server = Proxy(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{prefix}"
    server.shutdown()
    thread.join()
    server.server_close()  # waits for the replies that are on their way
