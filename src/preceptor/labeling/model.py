"""Models that people talk with: a directory, loaded when somebody first does, or a server that speaks OpenAI's API."""

import json
import os
import threading
import urllib.request
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preceptor.errors import UserError
from preceptor.labeling.outcomes import Refused, TooFast
from preceptor.labeling.security import Slots
from preceptor.labeling.tasks import Respond
from preceptor.records import Message, Sampling

if TYPE_CHECKING:
    from preceptor.models.policy import Policy

MAX_TOKENS = 512
"""Longest response, in tokens; at most half of the model's context."""
TIMEOUT_S = 120
KEY = "OPENAI_API_KEY"
"""Environment variable with the key of a server that wants one."""


class LocalModel:
    """A model directory. Nothing of it is read before somebody talks with it, so that the room opens at once."""

    def __init__(self, directory: Path) -> None:
        if not (directory / "config.json").is_file():
            raise UserError("no model directory", file=directory, remedy="give the path of a Hugging Face directory")
        self._directory = directory
        self._line = threading.Lock()

    @cached_property
    def name(self) -> str:
        """Content hash of the directory."""
        from preceptor.runs.lineage import model_hash

        return model_hash(self._directory)

    @cached_property
    def _policy(self) -> "Policy":
        from preceptor.models.load import load_policy

        return load_policy(self._directory)

    def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
        """A response at temperature 1; one at a time. What does not fit into the context is cut, oldest first.

        Raises:
            Refused: not even one line fits.
        """
        from preceptor.generation.native import generate

        with self._line:
            policy = self._policy
            context = policy.max_context
            num = MAX_TOKENS if context is None else min(MAX_TOKENS, context // 2)
            sampling = Sampling(max_tokens=num)
            try:
                if context is not None:
                    messages, _ = policy.chat.shorten(messages, context - num)
                sampled = generate(policy, [policy.chat.prompt(messages)], sampling, [seed], batch_size=1)
            except UserError as error:
                raise Refused("The model cannot take this: {problem}", problem=error.problem) from None
            return policy.chat.text_of(sampled[0].tokens)


class Shared:
    """A model that others talk with, too, while there is room."""

    def __init__(self, respond: Respond, slots: Slots, key: str) -> None:
        self._respond, self._slots, self._key = respond, slots, key

    @property
    def name(self) -> str:
        """The model's."""
        return self._respond.name

    def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
        """The model's response.

        Raises:
            TooFast: the model has enough to do.
            Refused: it cannot be reached.
        """
        with self._slots.take(self._key) as has_room:
            if not has_room:
                raise TooFast("The model is busy. Try again in a minute; nothing is lost.")
            return self._respond(messages, seed=seed)


class RemoteModel:
    """A model behind a URL such as http://localhost:8000/v1, as vLLM, llama.cpp, Ollama and others serve them."""

    def __init__(self, url: str, name: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise UserError(f"'{url}' is no URL", remedy="write it like --model-url http://localhost:8000/v1")
        self._url = url.rstrip("/")
        self._given = name

    @cached_property
    def name(self) -> str:
        """The name that was given, else that of the first model which the server lists.

        Raises:
            Refused: the server cannot be reached.
        """
        return self._given or _read(self._ask("/models"), "data", 0, "id")

    def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
        """A response at temperature 1.

        Raises:
            Refused: the server cannot be reached, or does not reply as it should.
        """
        reply = self._ask(
            "/chat/completions",
            {
                "model": self.name, "messages": [message.model_dump() for message in messages], "temperature": 1.0,
                "max_tokens": MAX_TOKENS, "seed": seed % 2**31,
            },
        )  # fmt: skip
        return _read(reply, "choices", 0, "message", "content")

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:
                return json.load(reply)
        except (OSError, ValueError) as error:
            raise Refused("The model cannot be reached now: {problem}", problem=str(error)) from None


def model_to_talk_with(model: str | None, url: str | None) -> Respond | None:
    """The model of a directory, or with a URL the one of that name there; None when neither is given.

    Raises:
        UserError: there is no such directory, or the URL is none.
    """
    if url is not None:
        return RemoteModel(url, model)
    return None if model is None else LocalModel(Path(model).expanduser())


def _read(reply: Any, *path: str | int) -> str:
    """What stands at a path of a server's reply."""
    try:
        for step in path:
            reply = reply[step]
    except (LookupError, TypeError):
        raise Refused("The model's server gave no reply that can be read.") from None
    return str(reply)
