"""How time and memory grow with what doubles: K, batch, prompt, response, dataset.

Each point is a process of its own, so that its peak memory is its own. The exponent is the slope of a line through
log(cost) over log(amount): 1 is linear. Memory is what the work takes beyond the loaded models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.speed.worker import Side, Worker

NUM_TURNS = 3
"""After one to warm up."""


@dataclass(frozen=True)
class Cost:
    """One thing that doubles, all else being equal."""

    title: str
    module: str
    knob: str
    amounts: tuple[int, ...]
    options: Mapping[str, Any]

    def side(self, amount: int) -> Side:
        """The side that does this much."""
        return Side(self.module, options={**self.options, self.knob: amount})


PPO_TINY = {"size": "tiny", "algorithm": "ppo"}
COSTS = {
    "responses": Cost(
        "responses to rank for each prompt (K)", "ours.reward_model", "num_responses", (3, 6, 12, 24), {"size": "tiny"}
    ),
    "batch": Cost("prompts of a PPO step", "ours.rl", "batch_size", (8, 16, 32, 64), PPO_TINY),
    "prompt": Cost("tokens of a prompt", "ours.rl", "prompt", (32, 64, 128, 256), PPO_TINY | {"batch_size": 16}),
    "response": Cost("tokens of a response", "ours.rl", "response", (32, 64, 128, 256), PPO_TINY | {"batch_size": 16}),
    "dataset": Cost("texts of supervised fine-tuning", "ours.dataset", "num_rows", (128, 256, 512, 1024), {}),
}


def grown(name: str, num_threads: int, _: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds and memory of a cost at each amount, and their exponents."""
    cost = COSTS[name]
    points = [point(cost.side(amount), num_threads) for amount in cost.amounts]
    seconds, mib = zip(*points, strict=True)
    return {
        "title": cost.title, "amounts": list(cost.amounts), "seconds": list(seconds), "mib": list(mib),
        "exponents": {"seconds": exponent(cost.amounts, seconds), "mib": exponent(cost.amounts, mib)},
    }  # fmt: skip


def point(side: Side, num_threads: int) -> tuple[float, float]:
    """Seconds, and MiB beyond those of the loaded models."""
    with Worker(side, num_threads) as worker:
        _, *turns = (worker.turn() for _ in range(1 + NUM_TURNS))
        return median(turn["seconds"] for turn in turns), turns[-1]["peak_mib"] - worker.ready["ready_mib"]


def exponent(amounts: Sequence[float], costs: Sequence[float]) -> float:
    """e of cost ∝ amountᵉ by least squares of the logarithms."""
    return float(np.polyfit(np.log(amounts), np.log(costs), 1)[0])
