"""Results as tables: the cells, and how the terminal shows them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.speed.phases import bound_seconds
from benchmarks.speed.rows import MORE_IS_BETTER

Cells = tuple[str, ...]
Found = Mapping[str, Any]
"""What is known of one part."""

MET = {True: "yes", False: "no", None: "–"}


def show(results: Found, console: Console) -> None:
    """Print all tables, and what the machine does at most."""
    for kind, (head, _) in TABLES.items():
        if kind in results:
            table = Table(*head, box=None, pad_edge=False, header_style="bold")
            for line in lines(results, kind):
                table.add_row(*line)
            console.print(table, "")
    for name, found in ((name, found) for kind in TABLES for name, found in results.get(kind, {}).items()):
        if "failed" in found:
            console.print(f"{name}: {found['failed']}")
    console.print(limits_line(results["limits"]))


def lines(results: Found, kind: str) -> Iterator[Cells]:
    """The lines of all parts of a kind that have figures, or goals that have none."""
    _, cells = TABLES[kind]
    for found in results.get(kind, {}).values():
        if "failed" not in found or "goals" in found:
            yield from cells(found, results["limits"])


def row_cells(row: Found, limits: Found) -> Iterator[Cells]:
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
            ceiling(found, sides["ours"], limits) if found and measure == "speed" else "–",
            *costs,
            f"{row.get('num_rounds', 0)}{dropped}",
        )


def ceiling(speed: Mapping[str, float], ours: Found, limits: Found) -> str:
    """The speed beside the peer if our work took no longer than its bound."""
    if "flops" not in ours:
        return "–"
    bound = bound_seconds(sum(ours["flops"].values()), sum(ours.get("bytes", {}).values()), limits)
    return amount("speed", speed["value"] * ours["seconds"] / bound)


def cost_cells(cost: Found, _: Found) -> Iterator[Cells]:
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


def phase_cells(size: Found, limits: Found) -> Iterator[Cells]:
    """One line for each phase of each stage."""
    for stage, phases in size["stages"].items():
        for phase, found in phases.items():
            seconds, bound = found["seconds"], bound_seconds(found["flops"], found["bytes"], limits)
            yield (size["size"], stage, phase, f"{seconds:.3f} s", f"{bound:.3f} s", f"{100 * bound / seconds:.0f} %")


def memory_cells(stage: Found, _: Found) -> Iterator[Cells]:
    """One line."""
    yield (stage["title"], f"{stage['ours_mib']:.0f} MiB", f"{stage['plain_mib']:.0f} MiB", f"{stage['ratio']:.2f}")


TABLES: Mapping[str, tuple[Cells, Callable[[Found, Found], Iterator[Cells]]]] = {
    "rows": (
        ("work", "beside", "goal", "here", "95 % interval", "met", "at most", "ours", "theirs", "rounds"),
        row_cells,
    ),
    "costs": (("what doubles", "from – to", "time", "exponent", "memory", "exponent"), cost_cells),
    "phases": (("model", "stage", "phase", "time", "bound", "share of it"), phase_cells),
    "memory": (("stage of the small model", "ours", "plain", "ratio"), memory_cells),
}
"""Kind of part → the head of its table, and what its cells are, given the limits of the hardware."""


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
