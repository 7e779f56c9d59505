"""A new store with labelers and items in it, its server, and what comes of loading it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.labeling.checks import broken_promises
from benchmarks.labeling.load import Load, Tally, run_load
from benchmarks.labeling.serving import Served, admin_token, serve
from preceptor.labeling.api_admin import ItemIn, LabelerIn, StageIn
from preceptor.labeling.client import RoomClient
from preceptor.labeling.server import store_url
from preceptor.records import Candidates, Message, Prompt, Response
from preceptor.store import Database

OVERLAP = 3
NUM_RESPONSES = 6
NUM_WORDS = 120
"""Of each response."""
PATIENCE_S = 30.0
"""How long labelers wait for a server that was killed."""
PERCENTILES = (50, 95, 99)


@dataclass
class Bench:
    """A served store, and all that its labelers were told so far."""

    served: Served
    stage_id: int
    tokens: Mapping[int, str]
    told: Tally = field(default_factory=Tally)

    def run(self, seconds: float, *, pause_s: float = 0.0) -> dict[str, Any]:
        """Load the server; how it did."""
        return self._run(Load(self.served.url, self.stage_id, seconds, pause_s))

    def run_killing(self, seconds: float) -> dict[str, Any]:
        """Load the server, kill it half-way, start it again, and let the labelers go on."""
        killer = threading.Timer(seconds / 2, self._kill)
        load = Load(self.served.url, self.stage_id, seconds, patience_s=PATIENCE_S)
        found = self._run(load, begun=killer.start)
        killer.join()
        return found | {"ready_again_s": round(self.served.ready_s, 2)}

    def _run(self, load: Load, **options: Any) -> dict[str, Any]:
        tally, seconds = run_load(load, self.tokens, **options)
        self.told.add(tally)
        return figures(tally, seconds)

    def _kill(self) -> None:
        self.served.kill()
        self.served = serve(self.served.project, self.served.store, self.served.port)

    def broken_promises(self) -> list[str]:
        """Hold the store against what the labelers were told."""
        database = Database.open(store_url(self.served.project, self.served.store))
        try:
            return broken_promises(database, self.stage_id, OVERLAP, self.told)
        finally:
            database.close()


@contextmanager
def bench(project: Path, store: str | None, *, num_labelers: int, num_items: int) -> Iterator[Bench]:
    """Make a store, its labelers and its items; serve it until the block ends."""
    token = admin_token(project, store)
    served = serve(project, store)
    try:
        with RoomClient(served.url, token) as admin:
            stage = admin.add_stage(StageIn(name="rankings", kind="ranking", group="training", overlap=OVERLAP))
            admin.add_items(stage.id, map(item, range(num_items)))
            made = [admin.add_labeler(LabelerIn(name=f"labeler {number}")) for number in range(num_labelers)]
        ready = Bench(served, stage.id, {one.labeler_id: one.token for one in made})
        yield ready
        served = ready.served
    finally:
        served.stop()


def item(number: int) -> ItemIn:
    """A prompt and responses, as long as people's are."""
    dice = np.random.default_rng(number)
    texts = [" ".join(f"word{word}" for word in dice.integers(0, 999, NUM_WORDS)) for _ in range(NUM_RESPONSES)]
    responses = tuple(Response(id=f"{number}-{place}", text=text, model="sft") for place, text in enumerate(texts))
    prompt = Prompt(id=str(number), messages=(Message(role="user", content=texts[0]),))
    row = Candidates(id=str(number), prompt=prompt, responses=responses)
    return ItemIn(key=row.id, item=row.model_dump(mode="json"))


def figures(tally: Tally, seconds: float) -> dict[str, Any]:
    """Requests per second and latencies in milliseconds."""
    every = [one for some in tally.latencies.values() for one in some]
    return {
        "seconds": round(seconds, 1),
        "num_requests": len(every),
        "num_answers": len(tally.submitted),
        "num_errors": len(tally.problems),
        "num_calls_made_again": tally.num_unreachable,
        "requests_per_s": round(len(every) / seconds, 1),
        "latency_ms": {kind: _percentiles(some) for kind, some in [("all", every), *sorted(tally.latencies.items())]},
    }


def _percentiles(seconds: list[float]) -> dict[str, float]:
    return {f"p{p}": round(1000 * float(np.percentile(seconds, p)), 1) for p in PERCENTILES}
