"""Where a step's time goes, and how near each phase comes to what the hardware allows.

A phase's bound is the time of its FLOPs at the highest matrix rate measured plus the time of the bytes that it must
read at the rate of the last-level cache: a sum, as if the two never overlapped.
"""

from collections.abc import Mapping
from typing import Any

from benchmarks.speed.worker import Side, Worker

CACHE = "16 MB"
"""Where weights and keys of these models lie: the last-level cache."""


def phases(size: str, num_threads: int, _: Mapping[str, Any]) -> dict[str, Any]:
    """Stages of a size with the phases of each."""
    sides = {
        "PPO step": Side("ours.rl", options={"size": size, "algorithm": "ppo"}),
        "SFT step": Side("ours.sft", options={"size": size, "lengths": "lognormal"}),
        "reward-model step, K = 4": Side("ours.reward_model", options={"size": size, "num_responses": 4}),
    }
    stages = {name: works(warm_turn(side, num_threads)) for name, side in sides.items()}
    return {"size": size, "stages": stages | {"generation": generation(size, num_threads)}}


def generation(size: str, num_threads: int) -> dict[str, Any]:
    """Reading the prompts, and decoding: what 64 tokens take beyond what one takes."""
    first, whole = (
        warm_turn(Side("ours.generation", options={"size": size, "batch_size": 64, "response": num}), num_threads)
        for num in (1, 64)
    )
    turn = {
        kind: {
            "read the prompts": first[kind]["generate"],
            "decode": whole[kind]["generate"] - first[kind]["generate"],
        }
        for kind in ("phases", "flops", "bytes")
    }
    return works(turn)


def warm_turn(side: Side, num_threads: int) -> dict[str, Any]:
    """The quickest turn of three after one to warm up: the least disturbed."""
    with Worker(side, num_threads) as worker:
        worker.turn()
        return min((worker.turn() for _ in range(3)), key=lambda turn: turn["seconds"])


def works(turn: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of each phase, and what it cannot do without: FLOPs, and bytes that it must read."""
    return {
        name: {"seconds": seconds, "flops": turn["flops"][name], "bytes": turn.get("bytes", {}).get(name, 0.0)}
        for name, seconds in turn["phases"].items()
    }


def bound_seconds(flops: float, num_bytes: float, limits: Mapping[str, Any]) -> float:
    """Seconds that so much work takes at least."""
    return float(flops / max(limits["peak_flops_per_s"].values()) + num_bytes / limits["bytes_per_s"][CACHE])
