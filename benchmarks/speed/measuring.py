"""A row becomes figures: both sides' medians, their ratios with intervals, and which goals are met."""

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any

from benchmarks.speed.pairing import Rounds, Turn, ratio_of_medians, take_turns
from benchmarks.speed.rows import Measure, Row
from benchmarks.speed.worker import Worker, WorkerFailed
from preceptor.stats.intervals import Interval


def measure(row: Row, num_pairs: int, num_threads: int, max_foreign: float, peak_flops: float) -> dict[str, Any]:
    """Run a row; a side that fails makes a row without figures that says why."""
    sides = [row.ours, *([row.peer] if row.peer else [])]
    found: dict[str, Any] = {"title": row.title, "peer": row.peer_title, "differences": row.differences}
    try:
        with ExitStack() as stack:
            workers = [stack.enter_context(Worker(side, num_threads)) for side in sides]
            rounds = take_turns([worker.turn for worker in workers], num_pairs, max_foreign=max_foreign)
    except WorkerFailed as error:
        return found | {"failed": str(error), "goals": goals(row, {})}
    found |= {"num_rounds": len(rounds.kept), "num_dropped": rounds.num_dropped}
    if not rounds.kept:
        return found | {"failed": "other processes were at work in every round", "goals": goals(row, {})}
    named = dict(zip(("ours", "theirs"), zip(*rounds.kept, strict=True), strict=False))
    measures = measured(rounds, peak_flops)
    return found | {
        "sides": {name: side_figures(turns) for name, turns in named.items()},
        "measures": {name: bounds(interval) for name, interval in measures.items()},
        "goals": goals(row, measures),
    }


def measured(rounds: Rounds, peak_flops: float) -> dict[Measure, Interval]:
    """Every measure that can be made of these rounds."""
    ours, *theirs = zip(*rounds.kept, strict=True)
    one = [1.0] * len(ours)
    found: dict[Measure, Interval] = {"seconds": ratio_of_medians(seconds(ours), one)}
    if theirs:
        has_tokens = all("tokens" in side[0] for side in (ours, theirs[0]))
        found["speed"] = ratio_of_medians(*(seconds(side, per_token=has_tokens) for side in (theirs[0], ours)))
        found["memory"] = ratio_of_medians(*([turn["peak_mib"] for turn in side] for side in (ours, theirs[0])))
    if not theirs and "flops" in ours[0]:
        found["mfu"] = ratio_of_medians([turn["flops"]["learn"] / turn["seconds"] / peak_flops for turn in ours], one)
    return found


def seconds(turns: Sequence[Turn], *, per_token: bool = False) -> list[float]:
    """Seconds of each turn, or of each of its tokens where both sides count them: ends may come at other places."""
    return [turn["seconds"] / (turn["tokens"] if per_token else 1) for turn in turns]


def side_figures(turns: Sequence[Turn]) -> dict[str, Any]:
    """What is kept of a side."""
    phases = {name: median(turn["phases"][name] for turn in turns) for name in turns[0]["phases"]}
    return {
        "seconds": median(seconds(turns)), "each": seconds(turns), "phases": phases,
        "peak_mib": round(max(turn["peak_mib"] for turn in turns)),
        **{name: turns[0][name] for name in ("tokens", "flops", "bytes") if name in turns[0]},
    }  # fmt: skip


def goals(row: Row, measures: Mapping[Measure, Interval]) -> list[dict[str, Any]]:
    """Each goal, and whether it is met; None where nothing was measured."""
    return [
        {
            "measure": goal.measure,
            "bound": goal.bound,
            "is_met": goal.is_met(measures[goal.measure].value) if goal.measure in measures else None,
        }
        for goal in row.goals
    ]


def bounds(interval: Interval) -> dict[str, float | None]:
    """An interval as JSON, which knows no NaN."""
    ends = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {name: None if math.isnan(end) else end for name, end in ends.items()}
