"""The command line as people use it: in this process, or in one of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from preceptor.cli import app

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it said (both streams)."""

    code: int
    said: str


def preceptor(*arguments: str | Path) -> Outcome:
    """`preceptor …` in this process; an exception that a person would see as a traceback is raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.output)


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """`preceptor …` in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "preceptor.cli", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
    )  # fmt: skip


def run(*arguments: str | Path) -> Outcome:
    """`preceptor …` in a process of its own, to its end."""
    process = start(*arguments)
    said, _ = process.communicate(timeout=300)
    return Outcome(process.returncode, said)
