"""All that can be measured, each part by its name, and the run over some of them."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from rich.console import Console

from benchmarks.speed.costs import COSTS, grown
from benchmarks.speed.environments import ROOT
from benchmarks.speed.measuring import measure
from benchmarks.speed.memory import STAGES, memory
from benchmarks.speed.phases import phases
from benchmarks.speed.results import made_by
from benchmarks.speed.rows import rows
from benchmarks.speed.work import SIZES
from benchmarks.speed.worker import Side, Worker, WorkerFailed

Limits = Mapping[str, Any]
Results = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One thing that is measured."""

    kind: Literal["rows", "costs", "phases", "memory"]
    name: str
    measure: Callable[[Limits], dict[str, Any]]
    """Given what the hardware does at most."""


def parts(num_pairs: int, num_threads: int, max_foreign: float) -> list[Part]:
    """Rows by their names; the others' names begin with their kind."""

    def row(name: str, limits: Limits) -> dict[str, Any]:
        return measure(rows()[name], num_pairs, num_threads, max_foreign, limits["peak_flops_per_s"]["bf16"])

    return [
        *(Part("rows", name, partial(row, name)) for name in rows()),
        *(Part("costs", f"costs-{name}", partial(grown, name, num_threads)) for name in COSTS),
        *(Part("phases", f"phases-{size}", partial(phases, size, num_threads)) for size in SIZES),
        *(Part("memory", f"memory-{stage}", partial(memory, stage, num_threads)) for stage in STAGES),
    ]


def run(wanted: Sequence[Part], num_threads: int, results: Results, console: Console) -> Iterator[Results]:
    """Measure the limits of the machine, then part after part; the results so far, after each.

    A part takes the place of what the results had of it, and says which code it is of; parts that no longer exist go.
    """
    order = [part.name for part in parts(num_pairs=1, num_threads=1, max_foreign=0.0)]
    subprocess.run((sys.executable, "-m", "benchmarks.speed.models"), check=True, cwd=ROOT)
    origin = made_by(num_threads)
    with Worker(Side("limits"), num_threads) as worker:
        results = {**results, **origin, "limits": worker.turn()["limits"]}
    for part in wanted:
        console.print(f"{part.name} …")
        try:
            found = part.measure(results["limits"])
        except WorkerFailed as error:
            found = {"failed": str(error)}
        found |= {key: origin[key] for key in ("commit", "made_on")}
        measured = {**results.get(part.kind, {}), part.name: found}
        results = {**results, part.kind: {name: measured[name] for name in order if name in measured}}
        yield results
