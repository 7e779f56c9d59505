"""The goals' table for the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.speed.rows import MORE_IS_BETTER

SIGN = {True: "yes", False: "no", None: "–"}


def show(results: Mapping[str, Any], console: Console) -> None:
    """Print all rows, and the limits of the machine below them."""
    table = Table(
        "work", "beside", "goal", "here", "95 % interval", "met", "ours", "theirs", "pairs", box=None, pad_edge=False
    )
    for row in results.get("rows", {}).values():
        for cells in lines(row):
            table.add_row(*cells)
    console.print(table)
    for name, row in results.get("rows", {}).items():
        if "failed" in row:
            console.print(f"{name}: {row['failed']}")
    if "limits" in results:
        console.print(limits_line(results["limits"]))


def lines(row: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Cells of one row: one line for each goal."""
    sides = row.get("sides", {})
    times = [duration(sides[side]["seconds"]) if side in sides else "–" for side in ("ours", "theirs")]
    dropped = f" ({row['num_dropped']} dropped)" if row.get("num_dropped") else ""
    pairs = f"{row.get('num_rounds', 0)}{dropped}"
    for goal in row["goals"]:
        found = row.get("measures", {}).get(goal["measure"])
        times_here = times
        if goal["measure"] == "memory" and found:
            times_here = [f"{sides[side]['peak_mib']} MiB" for side in ("ours", "theirs")]
        value = "–" if found is None else amount(goal["measure"], found["value"])
        between = "–" if found is None or found["low"] is None else between_words(goal["measure"], found)
        sign = "≥" if goal["measure"] in MORE_IS_BETTER else "≤"
        bound = f"{sign} {amount(goal['measure'], goal['bound'])}"
        title = f"{row['title']}: memory" if goal["measure"] == "memory" else row["title"]
        yield (title, row["peer"] or "–", bound, value, between, SIGN[goal["is_met"]], *times_here, pairs)


def amount(measure: str, value: float) -> str:
    """A value of a measure with its unit."""
    if measure == "mfu":
        return f"{100 * value:.0f} %"
    return f"{value:.2f} s" if measure == "seconds" else f"{value:.2g}×" if value < 1 else f"{value:.1f}×"


def between_words(measure: str, found: Mapping[str, float]) -> str:
    """An interval."""
    return f"{amount(measure, found['low'])} – {amount(measure, found['high'])}"


def duration(seconds: float) -> str:
    """Seconds, in milliseconds where they are few."""
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.1f} ms"


def limits_line(limits: Mapping[str, Any]) -> str:
    """What the machine does at most."""
    peaks = ", ".join(f"{name} {flops / 1e9:.0f} GFLOP/s" for name, flops in limits["peak_flops_per_s"].items())
    reads = ", ".join(f"{size} {rate / 1e9:.0f} GB/s" for size, rate in limits["bytes_per_s"].items())
    return f"Matrix products at most: {peaks}. Memory read: {reads}."
