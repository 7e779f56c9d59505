"""Whether speed was lost: `make bench-check` measures a few rows again and holds them against the committed ones."""

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from rich.console import Console

from benchmarks.speed.pairing import MAX_FOREIGN
from benchmarks.speed.parts import parts, run
from benchmarks.speed.results import RESULTS, hardware, read
from benchmarks.speed.rows import MORE_IS_BETTER, rows

MOST_LOST = 0.1
"""Share of a figure that may be lost before it is named."""
NUM_PAIRS = 3


def main() -> int:
    """Measure, compare, and name what is worse."""
    console = Console()
    baseline = read(RESULTS)
    if not baseline:
        console.print(f"There is nothing to compare with: `make bench` writes {RESULTS.name}.")
        return 2
    if baseline.get("hardware") != hardware():
        console.print("The committed figures are of other hardware: ratios are compared nevertheless.")
    num_threads = baseline.get("num_threads", os.cpu_count())

    def measured(names: Collection[str]) -> dict[str, Any]:
        wanted = [part for part in parts(NUM_PAIRS, num_threads, MAX_FOREIGN) if part.name in names]
        *_, present = run(wanted, num_threads, {}, console)
        return dict(present["rows"])

    quick = [name for name, row in rows().items() if row.is_quick]
    worse = lasting(baseline.get("rows", {}), quick, measured)
    for line in worse:
        console.print(line)
    return 1 if worse else 0


def lasting(
    baseline: Mapping[str, Any], names: Collection[str], measured: Callable[[Collection[str]], Mapping[str, Any]]
) -> list[str]:
    """The losses that are still there when their rows are measured once more: a machine has its bad minutes."""
    found = losses(baseline, measured(names))
    if found:
        found = losses(baseline, measured(found.keys()))
    return [line for lines in found.values() for line in lines]


def losses(baseline: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, list[str]]:
    """Row → a line for each figure with a goal that is more than 10 % worse, all of its interval on the worse side.

    A row that has no figure any more is worse, too; one that the baseline does not have is not compared.
    """
    before = {name: baseline.get(name, {}).get("measures", {}) for name in present}
    found = {name: list(row_losses(name, before[name], row)) for name, row in present.items()}
    return {name: lines for name, lines in found.items() if lines}


def row_losses(name: str, before: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[str]:
    """The lines of one row, whose figures were those of `before`."""
    for goal in row["goals"]:
        measure, is_more_better = goal["measure"], goal["measure"] in MORE_IS_BETTER
        if measure not in before:
            continue
        if measure not in row.get("measures", {}):
            yield f"{name}: {measure} was {before[measure]['value']:.3g}, and now there is none: {row['failed']}"
            continue
        old, new = before[measure]["value"], row["measures"][measure]
        change = (new["value"] / old) ** (1 if is_more_better else -1)
        ends = [new[end] if new[end] is not None else new["value"] for end in ("low", "high")]
        is_beyond = ends[1] < old if is_more_better else ends[0] > old
        if change < 1 - MOST_LOST and is_beyond:
            yield f"{name}: {measure} was {old:.3g}, is {new['value']:.3g} ({ends[0]:.3g} – {ends[1]:.3g})"


if __name__ == "__main__":
    sys.exit(main())
