"""The same work by Preceptor and by its peers, turn about on this machine: `make bench`.

Rows of the goals' table, the growth of costs, each phase beside the hardware's limits, memory beside a plain
implementation. With `--only`, what is measured takes its place in the results that are there.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.speed.measuring import measure
from benchmarks.speed.pairing import MAX_FOREIGN
from benchmarks.speed.results import RESULTS, made_by, merged, read, write
from benchmarks.speed.rows import rows
from benchmarks.speed.table import lines, show
from benchmarks.speed.worker import ROOT, Side, Worker


def main() -> int:
    """Measure, write it down, and print the table."""
    options = parsed()
    console = Console()
    names = [name for name in rows() if is_wanted(name, options.only)]
    results = run(
        names, options.pairs, options.threads, console, max_foreign=float("inf") if options.any_load else MAX_FOREIGN
    )
    write(options.results, merged(read(options.results), results) if options.only else results)
    show(results, console)
    return 1 if any("failed" in row for row in results["rows"].values()) else 0


def run(
    names: Sequence[str], num_pairs: int, num_threads: int, console: Console, *, max_foreign: float = MAX_FOREIGN
) -> dict[str, Any]:
    """Measure the limits of the machine, then these rows."""
    subprocess.run((sys.executable, "-m", "benchmarks.speed.models"), check=True, cwd=ROOT)
    origin = made_by(num_threads)
    with Worker(Side("limits"), num_threads) as worker:
        limits = worker.turn()["limits"]
    results: dict[str, Any] = origin | {"limits": limits, "rows": {}}
    for name in names:
        found = measure(rows()[name], num_pairs, num_threads, max_foreign, limits["peak_flops_per_s"]["bf16"])
        results["rows"][name] = found | {key: origin[key] for key in ("commit", "made_on")}
        for cells in lines(found):
            console.print(name, *cells[2:], sep="  ")
    return results


def is_wanted(name: str, only: list[str]) -> bool:
    """Whether a row or part is among those asked for: by its name or by how that begins."""
    return not only or any(name.startswith(wanted) for wanted in only)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.speed", description=__doc__)
    names = f"of {', '.join(rows())}; or how they begin"
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help=names)
    parser.add_argument("--pairs", type=int, default=5, help="undisturbed rounds of each row")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--any-load", action="store_true", help="keep disturbed rounds, too: to try things out")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
