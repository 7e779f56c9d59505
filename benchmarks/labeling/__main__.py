"""Many labelers at once on one machine, over real HTTP, on SQLite and on PostgreSQL: `make bench-labeling`.

First as fast as they can, then at the pace of people, then with the server killed in the middle. The labelers are
simulated; they share the machine with the server.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.labeling.bench import OVERLAP, bench
from preceptor import __version__
from tests.postgres import cluster

RESULTS = Path(__file__).parents[1] / "results" / "labeling.json"
PACE_S = 2.0
"""Mean time between a labeler's calls at the pace of people; drafts save themselves about so often."""
ITEMS_PER_S = 80
"""More than can be done in a second."""
NUM_FSYNCS = 100


def main() -> int:
    """Run it, write the results, and say whether every promise was kept."""
    options = parsed()
    results: dict[str, Any] = {
        "made_by": f"make bench-labeling, preceptor {__version__}", "made_on": date.today().isoformat(),
        "labelers": f"{options.labelers}, simulated", "overlap": OVERLAP, "hardware": hardware(options.folder),
    }  # fmt: skip
    problems = []
    for backend in options.backends:
        with store_of(backend, options.folder) as (project, store):
            found = measure(project, store, options)
        problems += found["problems"]
        results[backend] = found
        print(json.dumps({backend: found}, indent=2))
    if not options.dry:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 1 if problems else 0


def measure(project: Path, store: str | None, options: argparse.Namespace) -> dict[str, Any]:
    """The three loads on one store, then the check of everything that was promised."""
    short = options.seconds / 4
    num_items = round((options.seconds + 2 * short) * ITEMS_PER_S / OVERLAP)
    with bench(project, store, num_labelers=options.labelers, num_items=num_items) as made:
        found = {
            "ready_s": round(made.served.ready_s, 2), "at_full_speed": made.run(options.seconds),
            "at_the_pace_of_people": made.run(short, pause_s=PACE_S), "killed_half_way": made.run_killing(short),
        }  # fmt: skip
        return found | {"problems": made.broken_promises()}


@contextmanager
def store_of(backend: str, folder: Path | None) -> Iterator[tuple[Path, str | None]]:
    """A project folder and the URL of its store; None stands for its own SQLite file."""
    with tempfile.TemporaryDirectory(dir=folder) as project:
        if backend == "sqlite":
            yield Path(project), None
            return
        with cluster(is_durable=True) as url:
            yield Path(project), url


def hardware(folder: Path | None) -> dict[str, Any]:
    """What the figures depend on."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    names = [line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(), "num_cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "fsync_ms": round(fsync_ms(folder), 2), "python": platform.python_version(), "system": platform.system(),
    }  # fmt: skip


def fsync_ms(folder: Path | None) -> float:
    """Milliseconds that the disk takes to keep a page; a commit takes as long."""
    with tempfile.TemporaryFile(dir=folder) as file:
        begun = time.monotonic()
        for _ in range(NUM_FSYNCS):
            file.write(b"0" * 4096)
            file.flush()
            os.fsync(file.fileno())
        return 1000 * (time.monotonic() - begun) / NUM_FSYNCS


def parsed() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks.labeling", description=__doc__)
    parser.add_argument("--labelers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120, help="at full speed; the other two take a quarter each")
    parser.add_argument("--backends", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--folder", type=Path, help="where the SQLite store is put; its disk decides much")
    parser.add_argument("--dry", action="store_true", help="write no results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
