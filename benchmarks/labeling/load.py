"""Labelers at work: each takes a ranking, keeps a draft, submits it, and takes the next, over HTTP."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any, TypeVar

from preceptor.labeling.client import RoomClient, Unreachable

NUM_PROCESSES = 4
"""The labelers share so many processes: in one, its threads would wait for each other and be measured doing so."""
RETRY_S = 0.2

T = TypeVar("T")


@dataclass(frozen=True)
class Load:
    """What the labelers do, and for how long."""

    url: str
    stage_id: int
    seconds: float
    pause_s: float = 0.0
    """Mean time between a labeler's calls."""
    patience_s: float = 0.0
    """How long a labeler goes on trying when the server is gone; 0 makes it an error."""


@dataclass(frozen=True)
class Submitted:
    """An answer that the server said it had taken in."""

    item_id: int
    labeler_id: int
    note: str
    status: str


@dataclass
class Tally:
    """What came of it."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds of every call that went through, by its kind."""
    served: list[tuple[int, int]] = field(default_factory=list)
    """(item, labeler) of every claim."""
    submitted: list[Submitted] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    num_unreachable: int = 0
    """Calls that met no server, and were made again."""
    ended_at: float = 0.0
    """When the last call ended."""

    def add(self, other: "Tally") -> None:
        """Count another's as well."""
        for kind, seconds in other.latencies.items():
            self.latencies[kind].extend(seconds)
        self.served += other.served
        self.submitted += other.submitted
        self.problems += other.problems
        self.num_unreachable += other.num_unreachable
        self.ended_at = max(self.ended_at, other.ended_at)


class Worker:
    """One labeler."""

    def __init__(self, load: Load, labeler_id: int, token: str, end: float) -> None:
        self.load, self.labeler_id, self.end = load, labeler_id, end
        self.client = RoomClient(load.url, token)
        self.dice = random.Random(labeler_id)
        self.tally = Tally()

    def run(self) -> None:
        """Work until the time is over; what goes wrong is noted and ends it."""
        try:
            with self.client:
                while time.time() < self.end:
                    self._do_one()
        except Exception as error:
            self.tally.problems.append(f"{type(error).__name__}: {error}")

    def _do_one(self) -> None:
        item = self._call("claim", lambda: self.client.claim(self.load.stage_id))
        if item is None:
            raise RuntimeError("there were too few items for this time")
        self.tally.served.append((item.id, self.labeler_id))
        note = f"labeler {self.labeler_id}, item {item.id}, {self.dice.random()}"
        content = ranked([one["letter"] for one in item.view["responses"]], note, self.dice)
        self._call("draft", lambda: self.client.save_draft(item.id, content, revision=item.revision, active_s=10.0))
        status = self._call("submit", lambda: self.client.submit(item.id, content, active_s=20.0))
        self.tally.submitted.append(Submitted(item.id, self.labeler_id, note, status))

    def _call(self, kind: str, call: Callable[[], T]) -> T:
        if self.load.pause_s:
            time.sleep(self.dice.uniform(0, 2 * self.load.pause_s))
        patience = time.monotonic() + self.load.patience_s
        while True:
            begun = time.monotonic()
            try:
                result = call()
            except Unreachable:
                if begun > patience:
                    raise
                self.tally.num_unreachable += 1
                time.sleep(RETRY_S)
                continue
            self.tally.latencies[kind].append(time.monotonic() - begun)
            self.tally.ended_at = time.time()
            return result


def ranked(letters: Sequence[str], note: str, dice: random.Random) -> dict[str, Any]:
    """An answer as the page posts it: everything rated, then ranked in a random order with ties."""
    order = dice.sample(letters, len(letters))
    groups = [[letter] for letter in order[:-2]] + [sorted(order[-2:])]
    return {
        "ratings": {one: {"likert": dice.randint(1, 7), "flags": ["hallucination"], "note": ""} for one in letters},
        "groups": groups, "initial_board": groups,
        "moves": [{"letter": letter, "board": groups, "by": "key", "at_s": 1.5} for letter in order[:3]],
        "unread": [], "note": note,
    }  # fmt: skip


def run_load(load: Load, tokens: Mapping[int, str], *, begun: Callable[[], None] = lambda: None) -> tuple[Tally, float]:
    """All labelers at once, by id and token, until the time is over; and the seconds that it took.

    `begun` is called when they begin.
    """
    labelers = list(tokens.items())
    shares = [labelers[part::NUM_PROCESSES] for part in range(NUM_PROCESSES)]
    whole, context = Tally(), get_context("spawn")  # not forked: whoever calls this may have threads
    ready = context.Barrier(NUM_PROCESSES + 1)
    with ProcessPoolExecutor(NUM_PROCESSES, context, initializer=_wait_for_all, initargs=(ready,)) as pool:
        tallies = [pool.submit(_run_share, load, share) for share in shares]
        ready.wait()
        begin = time.time()
        begun()
        for tally in tallies:
            whole.add(tally.result())
    return whole, whole.ended_at - begin


def _wait_for_all(ready: Barrier) -> None:
    ready.wait()


def _run_share(load: Load, labelers: Sequence[tuple[int, str]]) -> Tally:
    end = time.time() + load.seconds
    workers = [Worker(load, labeler_id, token, end) for labeler_id, token in labelers]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    whole = Tally()
    for thread, worker in zip(threads, workers, strict=True):
        thread.join()
        whole.add(worker.tally)
    return whole
