"""What is kept of a run: `benchmarks/results/speed.json`, with the hardware and the state of the code."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.speed.environments import PINS

RESULTS = Path(__file__).parents[1] / "results" / "speed.json"
FLAGS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")


def made_by(num_threads: int) -> dict[str, Any]:
    """What the figures depend on, and which code they are of."""
    return {
        "made_on": date.today().isoformat(), "commit": commit(), "num_threads": num_threads, "hardware": hardware(),
        "versions": {name: version(name) for name in ("preceptor", "torch", "transformers")}, "peers": list(PINS),
    }  # fmt: skip


def hardware() -> dict[str, Any]:
    """Processor, cores and memory."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    about = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = about.get("flags", "").split()
    return {
        "cpu": about.get("model name", platform.processor()),
        "family": " ".join(about.get(key, "?") for key in ("vendor_id", "cpu family", "model")),
        "flags": [flag for flag in FLAGS if flag in flags], "num_cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}",
    }  # fmt: skip


def commit() -> str:
    """The commit that was measured; `+` where files differ from it."""
    described = ("git", "describe", "--always", "--dirty=+", "--abbrev=10", "--exclude=*")
    return subprocess.run(described, capture_output=True, text=True, check=False, cwd=RESULTS.parent).stdout.strip()


def read(path: Path = RESULTS) -> dict[str, Any]:
    """Results of an earlier run; empty where there are none."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def write(path: Path, results: Mapping[str, Any]) -> None:
    """Keep results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rounded(results), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:
    """Numbers with four digits that count."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list | tuple) else value
