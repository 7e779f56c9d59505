"""Sampling over vLLM, on the GPU where there is one.

vLLM wants other versions of the same libraries, so it lives in an environment of its own and runs as a server of ours:
`vllm serve` on a socket that only this user can open, started with the first call and ended with the last. It is the
remote engine from there on, with the weights handed over before each call and loaded without a restart.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, Self

from preceptor.errors import UserError
from preceptor.generation import serve_vllm
from preceptor.generation.base import Sampled
from preceptor.generation.client import Unreachable
from preceptor.generation.config import RemoteConfig, VLLMConfig
from preceptor.generation.handover import handed_over, roomy_folder
from preceptor.generation.remote import Remote
from preceptor.models.policy import Policy
from preceptor.models.precision import default_device, resolve
from preceptor.records import Sampling

START_TIMEOUT_S = 1800
RESPONSE_TIMEOUT_S = 86_400  # many may wait before one; that the server has died is noticed at once
STOP_TIMEOUT_S = 30
NAME, SOCKET = "policy", "socket"
LOG_PREFIX = re.compile(r"^(\(\w+ pid=\d+\) )?(ERROR \S+ \S+ \[\S+\] ?)?\s*")
"""What vLLM puts before what it says: which process, when and where."""
MAX_REASON = 400


class VLLM:
    """An engine that is a vLLM server of our own. It takes models of one shape: that of the first policy it sampled."""

    def __init__(self, config: VLLMConfig, log: Path) -> None:
        self._config, self._log = config, log
        self._server: subprocess.Popen[bytes] | None = None
        self._remote: Remote | None = None
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()
        self._remote = None

    def __call__(
        self,
        policy: Policy,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        seeds: Sequence[int],
        batch_size: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Sampled]:
        """One response for each prompt's tokens, from the policy as it is now.

        Raises:
            UserError: vLLM is not installed, cannot take this model, or has died.
        """
        if self._remote is None:
            self._remote = self._start(policy)
        if self._server is not None and self._server.poll() is not None:
            raise self._dead("vLLM has died")
        try:
            return self._remote(policy, prompts, sampling, seeds, batch_size, progress)
        except Unreachable as error:
            raise self._dead("vLLM has died") from error

    @property
    def process_id(self) -> int | None:
        """The server's, which leads a group of its own; None before the first call."""
        return None if self._server is None else self._server.pid

    def _start(self, policy: Policy) -> Remote:
        temporary = tempfile.TemporaryDirectory(
            prefix="preceptor-", dir=roomy_folder(policy), ignore_cleanup_errors=True
        )
        folder = Path(self._resources.enter_context(temporary))
        self._log.parent.mkdir(parents=True, exist_ok=True)
        log = self._resources.enter_context(self._log.open("wb"))
        settings = RemoteConfig(
            url=f"http://{NAME}/v1", model=NAME, key_variable="", folder=folder, num_retries=0,
            timeout_s=RESPONSE_TIMEOUT_S,
        )  # fmt: skip
        remote = self._resources.enter_context(Remote(settings, folder / SOCKET))
        with handed_over(policy, folder) as weights:
            self._server = self._popen(self._command(folder, weights), log)
            self._resources.callback(self._stop)
            self._wait(folder / SOCKET)
        return remote

    def _popen(self, command: list[str], log: BinaryIO) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=self._environment(),
                start_new_session=True,  # so that Ctrl-C reaches us alone, who end it in good order
            )  # fmt: skip
        except OSError as error:
            raise UserError(
                f"no Python to run vLLM with: {error.strerror}",
                file=command[0],
                field="generation.python",
                remedy="name the Python of the environment that vLLM is installed in: docs/generation.md",
            ) from None

    def _command(self, folder: Path, weights: Path) -> list[str]:
        is_on_gpu = default_device().type == "cuda"
        # Where a prompt is read in parts, vLLM sets the row's random numbers back, which CPU generators cannot do.
        arguments = [] if is_on_gpu else ["--no-enable-chunked-prefill"]
        arguments += [] if self._is_compiled else ["--enforce-eager"]
        return [
            str(self._config.python or sys.executable), "-I", serve_vllm.__file__, str(folder),
            "--model", str(weights), "--uds", str(folder / SOCKET), "--served-model-name", NAME,
            "--dtype", resolve(self._config.precision),
            "--kv-cache-memory-bytes", str(int(self._config.cache_gib * 2**30)),
            "--logprobs-mode", "processed_logprobs", "--generation-config", "vllm",
            "--disable-log-stats", "--disable-uvicorn-access-log", *arguments, *self._config.arguments,
        ]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        compiling = {} if self._is_compiled else {"TORCHDYNAMO_DISABLE": "1"}
        return {
            **os.environ, **compiling,
            "VLLM_SERVER_DEV_MODE": "1",  # the requests that load weights
            "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1",
        }  # fmt: skip

    @property
    def _is_compiled(self) -> bool:
        wanted = self._config.is_compiled
        return default_device().type == "cuda" if wanted is None else wanted

    def _wait(self, path: Path) -> None:
        assert self._server is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _is_open(path):
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise self._dead("vLLM did not start")
            time.sleep(0.1)

    def _stop(self) -> None:
        assert self._server is not None
        assert self._server.stdin is not None
        self._server.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._server.wait(STOP_TIMEOUT_S)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        with suppress(ProcessLookupError):  # which says that nobody of the group is left
            os.killpg(self._server.pid, signal.SIGTERM)
            while time.monotonic() < deadline:
                self._server.poll()
                os.killpg(self._server.pid, 0)
                time.sleep(0.05)
            os.killpg(self._server.pid, signal.SIGKILL)

    def _dead(self, what: str) -> UserError:
        """What vLLM's log says of its end."""
        assert self._server is not None
        with suppress(subprocess.TimeoutExpired):
            self._server.wait(STOP_TIMEOUT_S)
        return UserError(
            f"{what} (exit code {self._server.returncode}): {_reason(self._log)}",
            file=self._log,
            field="generation",
            remedy="docs/generation.md tells how vLLM is installed and what it can take; "
            "`generation: native` takes any model",
        )


def _is_open(path: Path) -> bool:
    """Whether somebody listens at a socket: vLLM does once its engine is up."""
    with socket.socket(socket.AF_UNIX) as here:
        return here.connect_ex(str(path)) == 0


def _reason(log: Path) -> str:
    """The first error that a log names, with the line after it; else its last lines."""
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [line for one in text.splitlines() if (line := LOG_PREFIX.sub("", one.strip()))]
    errors = [i for i, line in enumerate(lines) if re.match(r"[\w.]+(Error|Exception): ", line)]
    told = lines[errors[0] : errors[0] + 2] if errors else lines[-3:]
    return " / ".join(told)[:MAX_REASON]
