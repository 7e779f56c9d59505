"""The same work by Preceptor and by its peers, turn about on this machine: `make bench`.

Rows of the goals' table, the growth of costs, each phase beside the hardware's limits, memory beside a plain
implementation. With `--only`, what is measured takes its place in the results that are there.
"""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from benchmarks.speed.pairing import MAX_FOREIGN
from benchmarks.speed.parts import parts, run
from benchmarks.speed.results import RESULTS, read, write
from benchmarks.speed.table import show


def main() -> int:
    """Measure, write it down after each part, and print the tables."""
    options = parsed()
    console = Console(width=None if sys.stdout.isatty() else 140)
    max_foreign = float("inf") if options.any_load else MAX_FOREIGN
    wanted = [
        part
        for part in parts(options.pairs, options.threads, max_foreign)
        if not options.only or part.name.startswith(tuple(options.only))
    ]
    before = read(options.results) if options.only else {}
    for results in run(wanted, options.threads, before, console):
        write(options.results, results)
    show(results, console)
    return 1 if any("failed" in results[part.kind][part.name] for part in wanted) else 0


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.speed", description=__doc__)
    names = ", ".join(part.name for part in parts(1, 1, 0.0))
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"of {names}; or how they begin")
    parser.add_argument("--pairs", type=int, default=5, help="undisturbed rounds of each row")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--any-load", action="store_true", help="keep disturbed rounds, too: to try things out")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
