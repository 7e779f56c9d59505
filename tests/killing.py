"""Kill a stage at random moments, run it again, and compare with a run that nobody disturbed.

    assert_killing_changes_nothing(target, tmp_path, num_kills=10, seed=0)

`target(directory)` does the stage's whole work in `directory`, going on from what is there. It runs in forked children
(so imports cost nothing) that are ended with SIGKILL: half of them after a random share of the undisturbed run's time,
half of them just before a random change to the file system, the n-th file opened for writing, renamed, cut or removed.
"""

import hashlib
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # optimizers import it at their first step: a second in each child otherwise

Target = Callable[[Path], None]

WALL_CLOCK = (".lock", "timings.jsonl", "tensorboard", "wandb", "mlruns")
"""Names that hold times of day and so differ between any two runs."""

FILE_CHANGES = {
    "open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "shutil.move",
}  # fmt: skip


@dataclass(frozen=True)
class Kill:
    """When to kill: after some seconds, or just before the n-th change to the file system (counted from 1)."""

    seconds: float | None = None
    change: int | None = None


@dataclass(frozen=True)
class Outcome:
    """How a child ended."""

    is_killed: bool
    seconds: float
    num_changes: int
    log: str


def run_in_child(target: Target, directory: Path, kill: Kill | None = None, limit: float = 120.0) -> Outcome:
    """Run `target(directory)` in a forked child, which `kill` may end.

    Raises:
        AssertionError: the child failed by itself (its traceback is in the message) or ran past `limit` seconds.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    log = directory.parent / f"{directory.name}.log"
    counter = directory.parent / f"{directory.name}.changes"
    log.write_text("")
    counter.write_text("0")
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_child(target, directory, kill, log, counter)
    deadline = started + (limit if kill is None or kill.seconds is None else min(limit, kill.seconds))
    status: int | None = None
    while status is None and time.monotonic() < deadline:
        done, code = os.waitpid(child, os.WNOHANG)
        status = code if done else None
        time.sleep(0.0005)
    if status is None:
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        assert time.monotonic() < started + limit, f"not done after {limit} s:\n{log.read_text()}"
    seconds = time.monotonic() - started
    is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert is_killed or status == 0, f"the run failed by itself (status {status}):\n{log.read_text()}"
    return Outcome(is_killed, seconds, int(counter.read_text() or 0), log.read_text())


def _be_child(target: Target, directory: Path, kill: Kill | None, log: Path, counter: Path) -> None:
    """The child's life; never returns."""
    code = 1
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        torch.set_num_threads(1)  # a pool of threads does not survive a fork
        changes = _count_changes(directory, None if kill is None else kill.change)
        target(directory)
        counter.write_text(str(changes[0]))
        code = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _count_changes(directory: Path, deadly: int | None) -> list[int]:
    """Count changes under `directory` from now on, and die just before number `deadly`."""
    changes = [0]
    inside = os.fspath(directory.absolute())

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in FILE_CHANGES:
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        path = arguments[0]
        is_relative = event in ("os.remove", "os.rmdir") and arguments[1] != -1  # rmtree, from within an open folder
        if not is_relative and (isinstance(path, int) or not os.path.abspath(os.fsdecode(path)).startswith(inside)):
            return
        changes[0] += 1
        if changes[0] == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)  # cannot be taken back; this process is about to end anyway
    return changes


def digest(directory: Path, ignore: Sequence[str] = WALL_CLOCK) -> dict[str, str]:
    """{path: sha256} of all files under a directory, those named in `ignore` (at any depth) left out."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not set(path.relative_to(directory).parts) & set(ignore)
    }


def differences(undisturbed: dict[str, str], other: dict[str, str]) -> list[str]:
    """What differs between two digests, in words."""
    return [
        f"{path}: " + ("missing" if path not in other else "not expected" if path not in undisturbed else "differs")
        for path in sorted({*undisturbed, *other})
        if undisturbed.get(path) != other.get(path)
    ]


def kills(seed: int, num: int, seconds: float, num_changes: int) -> list[Kill]:
    """`num` random moments, by turns in time and in changes to the file system, up to these ends."""
    random_moment = random.Random(seed)
    return [
        Kill(change=random_moment.randint(1, max(1, num_changes)))
        if index % 2
        else Kill(seconds=random_moment.uniform(0.0, seconds))
        for index in range(num)
    ]


@dataclass(frozen=True)
class Disturbed:
    """One kill and what came of it."""

    kill: Kill
    is_killed: bool
    """False when the run ended before the kill, which only the last links of a chain may do."""
    is_resumed: bool
    """Whether anything was there for the second run to go on from."""
    differences: list[str]


def disturbed_runs(
    target: Target,
    folder: Path,
    *,
    num_kills: int = 10,
    seed: int = 0,
    is_chain: bool = False,
    ignore: Sequence[str] = WALL_CLOCK,
    limit: float = 120.0,
) -> list[Disturbed]:
    """Kill `num_kills` times and compare each run that was killed and then completed with one left alone.

    `is_chain`: one run is killed again and again before it may end, which takes less time (one comparison, in the last
    element); otherwise each kill has a run of its own.
    """
    calm = folder / "undisturbed"
    first = run_in_child(target, calm, limit=limit)
    expected = digest(calm, ignore)
    assert expected, "the run left no file to compare"
    results = []
    lives = max(1, num_kills // 2) if is_chain else 1  # a link of a chain is about a share of the whole
    for index, kill in enumerate(kills(seed, num_kills, first.seconds / lives, first.num_changes // lives)):
        place = folder / ("chain" if is_chain else f"kill-{index}")
        outcome = run_in_child(target, place, kill, limit=limit)
        while not outcome.is_killed and kill.seconds is not None and not is_chain:  # the run was faster than before
            shutil.rmtree(place, ignore_errors=True)
            kill = Kill(seconds=0.7 * kill.seconds)
            outcome = run_in_child(target, place, kill, limit=limit)
        is_resumed = bool(digest(place, ignore))
        is_compared = not is_chain or index == num_kills - 1
        found = []
        if is_compared:
            run_in_child(target, place, limit=limit)
            found = differences(expected, digest(place, ignore))
            shutil.rmtree(place)
        results.append(Disturbed(kill, outcome.is_killed, is_resumed, found))
    return results


def assert_killing_changes_nothing(target: Target, folder: Path, **options: Any) -> list[Disturbed]:
    """Run `disturbed_runs` and require that kills struck and that every run ended bit-identical."""
    results = disturbed_runs(target, folder, **options)
    wrong = [f"{result.kill}: {'; '.join(result.differences)}" for result in results if result.differences]
    assert not wrong, "killed and resumed, not the same as undisturbed:\n" + "\n".join(wrong)
    num_killed = sum(result.is_killed for result in results)
    assert num_killed >= len(results) / 2, f"only {num_killed} of {len(results)} kills came before the end"
    return results
