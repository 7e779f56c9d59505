"""Peak memory of each stage of the small model beside a plain implementation's, each in a process of its own."""

from collections.abc import Mapping
from typing import Any

from benchmarks.speed.worker import Side, Worker

STAGES = {
    "sft": ("SFT step", Side("ours.sft", options={"size": "small", "lengths": "lognormal"})),
    "reward-model": (
        "reward-model step, K = 9", Side("ours.reward_model", options={"size": "small", "num_responses": 9})
    ),
    "ppo": ("PPO step", Side("ours.rl", options={"size": "small", "algorithm": "ppo"})),
}  # fmt: skip
"""Name → title and our side of a stage."""


def memory(stage: str, num_threads: int, _: Mapping[str, Any]) -> dict[str, Any]:
    """Peaks of both, and ours as a share of the plain one's."""
    title, side = STAGES[stage]
    ours = peak_mib(side, num_threads)
    plain = peak_mib(Side("plain", options={"size": "small", "stage": stage}), num_threads)
    return {"title": title, "ours_mib": ours, "plain_mib": plain, "ratio": ours / plain}


def peak_mib(side: Side, num_threads: int) -> float:
    """After two turns: in the first there are no moments of the optimiser yet."""
    with Worker(side, num_threads) as worker:
        worker.turn()
        return float(worker.turn()["peak_mib"])
