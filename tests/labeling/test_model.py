"""Models to talk with: the bundled one in this process, and one behind a URL."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from preceptor.errors import UserError
from preceptor.labeling.model import KEY, LocalModel, RemoteModel, model_to_talk_with
from preceptor.labeling.outcomes import Refused
from preceptor.records import Message
from preceptor.runs.lineage import model_hash

BUNDLED = Path(__file__).parents[2] / "src" / "preceptor" / "simulation" / "base_model"
HELLO = (Message(role="user", content="Where is the Elbe?"),)


class Server(BaseHTTPRequestHandler):
    """A server as others run it: one model, which says back what it was asked and how."""

    asked: ClassVar[list[dict[str, Any]]] = []
    reply: ClassVar[Any] = None

    def do_GET(self) -> None:
        self._send({"data": [{"id": "small"}, {"id": "large"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append({**body, "path": self.path, "authorization": self.headers["Authorization"]})
        self._send(self.reply or {"choices": [{"message": {"role": "assistant", "content": "In Germany."}}]})

    def _send(self, reply: Any) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(reply).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Server.asked.clear()
    Server.reply = None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_model_directory_speaks_and_the_same_seed_says_the_same() -> None:
    model = LocalModel(BUNDLED)
    said = [model(HELLO, seed=seed) for seed in (1, 1, 2)]
    assert said[0] == said[1] != said[2]
    assert model.name == model_hash(BUNDLED)


def test_a_long_conversation_is_cut_to_what_the_model_holds() -> None:
    turns = [Message(role=role, content="word " * 40) for _ in range(40) for role in ("user", "assistant")]
    assert isinstance(LocalModel(BUNDLED)([*turns, *HELLO], seed=1), str)


def test_a_line_that_the_model_cannot_hold_is_refused() -> None:
    with pytest.raises(Refused, match="The model cannot take this"):
        LocalModel(BUNDLED)([Message(role="user", content="word " * 5000)], seed=1)


def test_a_directory_without_a_model_is_noticed_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model directory"):
        LocalModel(tmp_path)


def test_no_torch_before_somebody_talks() -> None:
    code = (
        "import sys; from pathlib import Path; from preceptor.labeling.model import LocalModel, RemoteModel; "
        f"LocalModel(Path({str(BUNDLED)!r})); RemoteModel('http://localhost/v1'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_behind_a_url_is_asked_as_openai_s_would_be(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "secret")
    model = RemoteModel(f"{url}/")
    assert model(HELLO, seed=2**40 + 3) == "In Germany."
    assert Server.asked == [
        {
            "path": "/v1/chat/completions", "authorization": "Bearer secret", "model": "small", "seed": 3,
            "messages": [{"role": "user", "content": "Where is the Elbe?"}], "temperature": 1.0, "max_tokens": 512,
        }
    ]  # fmt: skip


def test_a_named_model_and_no_key(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)
    model = RemoteModel(url, "large")
    model(HELLO)
    assert (model.name, Server.asked[0]["model"], Server.asked[0]["authorization"]) == ("large", "large", None)


def test_a_reply_that_cannot_be_read_is_refused(url: str) -> None:
    Server.reply = {"error": "overloaded"}
    with pytest.raises(Refused, match="no reply that can be read"):
        RemoteModel(url)(HELLO)
    Server.reply = {"choices": [{"text": "old form"}]}
    with pytest.raises(Refused, match="no reply that can be read"):
        RemoteModel(url)(HELLO)


def test_a_server_that_is_not_there_is_refused_and_a_bad_url_is_an_error() -> None:
    with pytest.raises(Refused, match="cannot be reached"):
        RemoteModel("http://127.0.0.1:9/v1")(HELLO)
    with pytest.raises(UserError, match="no URL"):
        RemoteModel("localhost:8000")


def test_what_the_command_line_says_decides_which_model() -> None:
    assert model_to_talk_with(None, None) is None
    assert isinstance(model_to_talk_with(str(BUNDLED), None), LocalModel)
    remote = model_to_talk_with("large", "http://localhost/v1")
    assert isinstance(remote, RemoteModel)
    assert remote.name == "large"
