"""The parent's end of the line: a side as a child process, and how much the machine's other processes did meanwhile."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.speed.environments import ROOT, path_of, python_of
from benchmarks.speed.work import BUILD

TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 60.0
"""How long a side may take to end."""
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error",
    "VLLM_LOGGING_LEVEL": "WARNING", "VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
}  # fmt: skip


class WorkerFailed(Exception):
    """A side ended before its time; says what it said last."""


@dataclass(frozen=True)
class Side:
    """A program that does the work of a row: a module below benchmarks/speed, the environment that it runs in."""

    module: str
    environment: str = "ours"
    options: Mapping[str, Any] = field(default_factory=dict)


class Worker:
    """A side that waits, ready to work; it ends with the `with` block."""

    def __init__(self, side: Side, num_threads: int) -> None:
        self._side = side
        self._log = BUILD / "logs" / f"{side.module}.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join([*path_of(side.environment), str(ROOT)])
        command = (python_of(side.environment), "-m", f"benchmarks.speed.{side.module}", json.dumps(dict(side.options)))
        threads = {name: str(num_threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [str(part) for part in command], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                text=True, start_new_session=True, env=os.environ | ENVIRONMENT | threads | {"PYTHONPATH": path},
            )  # fmt: skip
        self.ready = self._hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def turn(self, num_units: int = 1) -> dict[str, Any]:
        """Do the work that many times. `seconds` are of one; `foreign` is the share of a core that others took."""
        assert self._process.stdin is not None
        start, busy, own = time.perf_counter(), busy_seconds(), session_seconds(self._process.pid)
        with suppress(BrokenPipeError):  # that it has ended is seen where nothing is heard
            self._process.stdin.write(f"{num_units}\n")
            self._process.stdin.flush()
        said = self._hear()
        elapsed = time.perf_counter() - start
        foreign = (busy_seconds() - busy) - (session_seconds(self._process.pid) - own)
        # Each clock counts in ticks, so a difference of one is none.
        return said | {"foreign": max(0.0, foreign - 2 / TICKS) / elapsed}

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._end()
            said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            last = said[-1] if said else "said nothing"
            raise WorkerFailed(f"{self._side.module}: {last} (see {self._log.relative_to(ROOT)})")
        return dict(json.loads(line))

    def _end(self) -> None:
        """There are no more turns; a side that does not end by itself is ended."""
        try:
            self._process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


def busy_seconds() -> float:
    """Seconds that the cores have worked since the machine started; waiting for disks is no work."""
    user, nice, system, _, _, hard, soft, stolen = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    return sum(map(int, (user, nice, system, hard, soft, stolen))) / TICKS


def session_seconds(leader: int) -> float:
    """Seconds that a process and those that it started have worked, those that ended included."""
    total = 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = place.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
            continue
        if int(values[3]) == leader:
            total += sum(map(int, values[11:15]))
    return total / TICKS
