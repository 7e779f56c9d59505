"""Results as tables: the cells, and how the terminal shows them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.speed.rows import MORE_IS_BETTER

Cells = tuple[str, ...]
Found = Mapping[str, Any]
"""What is known of one part."""

MET = {True: "yes", False: "no", None: "–"}


def show(results: Found, console: Console) -> None:
    """Print all tables, and what the machine does at most."""
    for kind, (head, cells) in TABLES.items():
        if kind in results:
            table = Table(*head, box=None, pad_edge=False, header_style="bold")
            for line in lines(results[kind].values(), cells):
                table.add_row(*line)
            console.print(table, "")
    for name, found in ((name, found) for kind in TABLES for name, found in results.get(kind, {}).items()):
        if "failed" in found:
            console.print(f"{name}: {found['failed']}")
    console.print(limits_line(results["limits"]))


def lines(parts: Sequence[Found], cells: Callable[[Found], Iterator[Cells]]) -> Iterator[Cells]:
    """The lines of all parts that have figures, or goals that have none."""
    for found in parts:
        if "failed" not in found or "goals" in found:
            yield from cells(found)


def row_cells(row: Found) -> Iterator[Cells]:
    """One line for each goal."""
    sides = row.get("sides", {})
    dropped = f" ({row['num_dropped']} dropped)" if row.get("num_dropped") else ""
    for goal in row["goals"]:
        measure, found = goal["measure"], row.get("measures", {}).get(goal["measure"])
        show_cost = memory_cost if measure == "memory" else time_cost
        costs = [show_cost(sides[side]) if side in sides else "–" for side in ("ours", "theirs")]
        yield (
            f"{row['title']}: memory" if measure == "memory" else row["title"],
            row["peer"] or "–",
            f"{'≥' if measure in MORE_IS_BETTER else '≤'} {amount(measure, goal['bound'])}",
            "–" if found is None else amount(measure, found["value"]),
            "–" if found is None or found["low"] is None else between(measure, found),
            MET[goal["is_met"]],
            ceiling(found, sides["ours"]) if found and measure == "speed" else "–",
            *costs,
            f"{row.get('num_rounds', 0)}{dropped}",
        )


def ceiling(speed: Mapping[str, float], ours: Found) -> str:
    """The speed beside the peer if our work took no longer than its bound."""
    return amount("speed", speed["value"] * ours["seconds"] / ours["bound_seconds"]) if "bound_seconds" in ours else "–"


def cost_cells(cost: Found) -> Iterator[Cells]:
    """Exponents, and the ends of the range."""
    amounts, seconds, mib = ([cost[name][0], cost[name][-1]] for name in ("amounts", "seconds", "mib"))
    yield (
        cost["title"],
        " → ".join(map(str, amounts)),
        " → ".join(f"{one:.2f} s" for one in seconds),
        f"{cost['exponents']['seconds']:.2f}",
        " → ".join(f"{one:.0f} MiB" for one in mib),
        f"{cost['exponents']['mib']:.2f}",
    )


def phase_cells(size: Found) -> Iterator[Cells]:
    """One line for each phase of each stage."""
    for stage, phases in size["stages"].items():
        for phase, found in phases.items():
            bound = f"{found['bound_seconds']:.3f} s"
            yield (size["size"], stage, phase, f"{found['seconds']:.3f} s", bound, f"{100 * found['share']:.0f} %")


def memory_cells(stage: Found) -> Iterator[Cells]:
    """One line."""
    yield (stage["title"], f"{stage['ours_mib']:.0f} MiB", f"{stage['plain_mib']:.0f} MiB", f"{stage['ratio']:.2f}")


TABLES: Mapping[str, tuple[Cells, Callable[[Found], Iterator[Cells]]]] = {
    "rows": (
        ("work", "beside", "goal", "here", "95 % interval", "met", "at most", "ours", "theirs", "rounds"),
        row_cells,
    ),
    "costs": (("what doubles", "from – to", "time", "exponent", "memory", "exponent"), cost_cells),
    "phases": (("model", "stage", "phase", "time", "bound", "share of it"), phase_cells),
    "memory": (("stage of the small model", "ours", "plain", "ratio"), memory_cells),
}
"""Kind of part → the head of its table, and its cells."""


def amount(measure: str, value: float) -> str:
    """A value of a measure with its unit."""
    if measure == "mfu":
        return f"{100 * value:.0f} %"
    if measure == "seconds":
        return f"{value:.2f} s"
    return f"{value:.2f}×" if value < 2 else f"{value:.1f}×"


def between(measure: str, found: Mapping[str, float]) -> str:
    """An interval."""
    return f"{amount(measure, found['low'])} – {amount(measure, found['high'])}"


def time_cost(side: Found) -> str:
    """A side's median time."""
    return f"{side['seconds']:.2f} s"


def memory_cost(side: Found) -> str:
    """A side's peak."""
    return f"{side['peak_mib']} MiB"


def limits_line(limits: Found) -> str:
    """What the machine does at most."""
    peaks = ", ".join(f"{name} {flops / 1e9:.0f} GFLOP/s" for name, flops in limits["peak_flops_per_s"].items())
    reads = ", ".join(f"{size} {rate / 1e9:.0f} GB/s" for size, rate in limits["bytes_per_s"].items())
    return f"Matrix products at most: {peaks}. Memory read: {reads}."
