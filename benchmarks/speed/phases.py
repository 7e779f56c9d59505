"""Where a step's time goes, and how near each phase comes to what the hardware allows.

A phase's bound is the time of its FLOPs at the highest matrix rate measured plus the time of the bytes that it must
read at the rate of the last-level cache: a sum, as if the two never overlapped.
"""

from collections.abc import Mapping
from typing import Any

from benchmarks.speed.worker import Side, Worker

CACHE = "16 MB"
"""Where weights and keys of these models lie: the last-level cache."""


def phases(size: str, num_threads: int, limits: Mapping[str, Any]) -> dict[str, Any]:
    """Stages of a size with the phases of each: seconds, and the share of the bound."""
    sides = {
        "PPO step": Side("ours.rl", options={"size": size, "algorithm": "ppo"}),
        "SFT step": Side("ours.sft", options={"size": size, "lengths": "lognormal"}),
        "reward-model step, K = 4": Side("ours.reward_model", options={"size": size, "num_responses": 4}),
    }
    stages = {name: shares(warm_turn(side, num_threads), limits) for name, side in sides.items()}
    return {"size": size, "stages": stages | {"generation": generation(size, num_threads, limits)}}


def generation(size: str, num_threads: int, limits: Mapping[str, Any]) -> dict[str, Any]:
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
    return shares(turn, limits)


def warm_turn(side: Side, num_threads: int) -> dict[str, Any]:
    """The quickest turn of three after one to warm up: the least disturbed."""
    with Worker(side, num_threads) as worker:
        worker.turn()
        return min((worker.turn() for _ in range(3)), key=lambda turn: turn["seconds"])


def shares(turn: Mapping[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of each phase, its bound, and the share of the phase that the bound is."""
    found = {}
    for name, seconds in turn["phases"].items():
        bound = bound_seconds(turn, name, limits)
        found[name] = {"seconds": seconds, "bound_seconds": bound, "share": bound / seconds}
    return found


def bound_seconds(turn: Mapping[str, Any], phase: str, limits: Mapping[str, Any]) -> float:
    """Seconds that a phase takes at least."""
    peak, rate = max(limits["peak_flops_per_s"].values()), limits["bytes_per_s"][CACHE]
    return float(turn["flops"][phase] / peak + turn.get("bytes", {}).get(phase, 0.0) / rate)
