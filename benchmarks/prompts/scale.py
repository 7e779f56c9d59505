"""From 10⁴ to a million raw prompts: prompts per second, peak memory, planted duplicates found: `make bench-prompts`.

Each size is added and built in processes of their own, so that their peak memory is theirs. How the time grows is the
slope of a line through log(seconds) over log(number); 1 is linear. With `--ray` the largest size is built by Ray, too,
and its artifacts are compared.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prompts.planted import DUPLICATES, write_planted
from preceptor import __version__
from preceptor.prompts.config import BuildConfig
from preceptor.prompts.language import language_of
from preceptor.prompts.near import Bands
from preceptor.prompts.private import treat
from preceptor.prompts.texts import beginnings, normal_text, shingles, text_hash
from preceptor.records import Prompt, read_manifest, stream_rows

RESULTS = Path(__file__).parents[1] / "results" / "prompts.json"
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
SAMPLE = 20_000
ADD = (sys.executable, "-m", "preceptor.cli", "prompts", "add")
BUILD = (sys.executable, "-m", "benchmarks.prompts.timed_build")


def main() -> None:
    """Run all sizes, fit how the time grows, and write it down."""
    options = parsed()
    runs = [measure(options.folder, size, options.ray and size == max(options.sizes)) for size in options.sizes]
    results = {
        "made_by": f"make bench-prompts, preceptor {__version__}", "made_on": date.today().isoformat(),
        "hardware": f"{os.cpu_count()} × {processor()}, Python {platform.python_version()}",
        "prompts": "of the closed world's simulated users, with planted duplicates",
        "prompts_per_second_of_each_step": each_step(options.folder), "runs": runs, "exponents": exponents(runs),
    }  # fmt: skip
    options.results.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({name: results[name] for name in ("prompts_per_second_of_each_step", "exponents")}, indent=1))


def measure(folder: Path | None, size: int, with_ray: bool) -> dict[str, Any]:
    """One size in a project of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        project, file = Path(place) / "project", Path(place) / "asked.jsonl"
        write_planted(file, size, seed=1)
        subprocess.run((sys.executable, "-m", "preceptor.cli", "init", project), check=True, capture_output=True)
        start = time.monotonic()
        _, adding_mib = child(*ADD, file, "-p", project)
        adding = round(time.monotonic() - start, 2)
        said, building_mib = child(*BUILD, project, "local")
        seconds = {"adding": adding, **json.loads(said)}
        run: dict[str, Any] = {
            "num": size, "left": read_manifest(project / "data" / "prompts-built").num_rows, "seconds": seconds,
            "per_second": {part: round(size / one) for part, one in seconds.items()},
            "peak_mib": {"adding": adding_mib, "building": building_mib}, "recall": recalls(file, project),
        }  # fmt: skip
        if with_ray:
            before = contents(project)
            run["ray"] = {"seconds": json.loads(child(*BUILD, project, "ray")[0]), "same": contents(project) == before}
    print(json.dumps(run, ensure_ascii=False), flush=True)
    return run


def child(*command: object) -> tuple[str, int]:
    """The last line that a command prints, and its peak memory in MiB."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return (lines or [""])[-1], usage.ru_maxrss // 1024


def recalls(file: Path, project: Path) -> dict[str, float]:
    """Share of the planted pairs of each kind of which at most one is left."""
    planted: dict[str, set[str]] = defaultdict(set)
    with file.open(encoding="utf-8") as lines:
        for about in (json.loads(line)["metadata"] for line in lines):
            if about["planted"] in DUPLICATES:
                planted[about["planted"]].add(about["pair"])
    left = Counter(row.metadata["pair"] for row in stream_rows(project / "data" / "prompts-built", Prompt))
    return {kind: sum(left[pair] < 2 for pair in pairs) / len(pairs) for kind, pairs in sorted(planted.items())}


def contents(project: Path) -> dict[str, str]:
    """Content hash of all that was built."""
    places = sorted(place.parent for place in project.glob("*/prompts-*/manifest.json"))
    return {place.name: read_manifest(place).content_hash for place in places}


def each_step(folder: Path | None) -> dict[str, int]:
    """Prompts per second of what each step does with a text, one step at a time, on some of them."""
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".jsonl") as file:
        write_planted(Path(file.name), SAMPLE, seed=2)
        said = [json.loads(line)["messages"] for line in Path(file.name).read_text(encoding="utf-8").splitlines()]
    config, texts = BuildConfig(), [normal_text(messages) for messages in said]
    sets = [shingles(text, config.near.num_words) for text in texts]
    steps: dict[str, Any] = {
        "normal form and exact": lambda: [text_hash(normal_text(messages)) for messages in said],
        "prefix": lambda: [beginnings(text, config.prefix.num_words, config.prefix.num_characters) for text in texts],
        "shingles": lambda: [shingles(text, config.near.num_words) for text in texts],
        "MinHash": lambda: [Bands().of(sets[start : start + 2000]) for start in range(0, len(sets), 2000)],
        "private": lambda: [treat(messages[0]["content"], config.private) for messages in said],
        "language": lambda: [language_of(messages[0]["content"]) for messages in said],
    }
    language_of("The model is loaded once.")
    found = {}
    for name, step in steps.items():
        start = time.monotonic()
        step()
        found[name] = round(SAMPLE / (time.monotonic() - start))
    return found


def exponents(runs: list[dict[str, Any]]) -> dict[str, float]:
    """How the seconds of each part grow with the number."""
    if len(runs) < 2:
        return {}
    nums = np.log([run["num"] for run in runs])
    parts = runs[0]["seconds"]
    return {
        part: round(float(np.polyfit(nums, np.log([run["seconds"][part] for run in runs]), 1)[0]), 3) for part in parts
    }


def processor() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.processor())


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--ray", action="store_true", help="build the largest size by Ray, too")
    parser.add_argument("--folder", type=Path, help="where the projects are made")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
