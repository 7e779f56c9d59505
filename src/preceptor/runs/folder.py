"""A run's folder: whose it is, who is at work in it, and whether it is finished."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from preceptor import __version__
from preceptor.errors import UserError
from preceptor.records.artifacts import canonical_hash
from preceptor.runs.disk import disk_errors, sweep, write_json

START_AGAIN = "remove the run's folder and run the stage again"


def make_folder(directory: Path) -> int | None:
    """Make a run's folder, lock it and sweep what crashes left aside in it; returns the lock.

    Raises:
        UserError: the place is a file, cannot be written, or another process is at work there.
    """
    with disk_errors(directory, "the run's folder"):
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UserError("is a file, not a folder", file=directory, remedy="choose another folder") from None
        lock = _lock(directory)
        sweep(directory)
    return lock


def _lock(directory: Path) -> int | None:
    """Keep other processes out of the folder until this one ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return None
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise UserError(
            "another process is at work in this run's folder", file=directory, remedy="wait for it, or stop it first"
        ) from None
    return descriptor


def claim(directory: Path, identity: Mapping[str, JsonValue]) -> None:
    """Write `run.json`, or check that the one there is of the same run.

    Raises:
        UserError: the folder is another run's; names up to three differences.
    """
    path = directory / "run.json"
    mine = dict(identity)
    if not path.exists():
        write_json(path, {**mine, "sha256": canonical_hash(mine), "version": __version__})
        return
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        theirs = {key: document[key] for key in mine}
        sha256 = document["sha256"]
    except (ValueError, KeyError, TypeError):
        raise UserError("cannot be read", file=path, remedy=START_AGAIN) from None
    if sha256 != canonical_hash(mine):
        found = differences(theirs, mine)[:3] or [f"{path.name} was changed"]
        raise UserError(
            f"this folder belongs to another run ({'; '.join(found)})",
            file=directory,
            remedy="choose another folder for this run, or remove this one to start again",
        )


def differences(theirs: JsonValue, mine: JsonValue, place: str = "") -> list[str]:
    """The dotted places where two JSON values differ, with both values."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        found = []
        for key in dict.fromkeys([*theirs, *mine]):
            found += differences(theirs.get(key), mine.get(key), f"{place}.{key}" if place else key)
        return found
    return [] if theirs == mine else [f"{place}: there {json.dumps(theirs)}, here {json.dumps(mine)}"]


def finished_path(directory: Path) -> Path:
    """The file whose presence says that a run is done."""
    return directory / "finished.json"


def write_summary(directory: Path, summary: Mapping[str, Any]) -> None:
    """Mark a run as done.

    Raises:
        UserError: a number of the summary is NaN or infinite; names it.
    """
    plain = json.loads(json.dumps(dict(summary)))
    bad = _first_not_finite(plain)
    if bad is not None:
        raise UserError(
            f"summary '{bad[0]}' is {bad[1]}: there is no result to record",
            file=directory,
            remedy="look at the run's metrics for the step where it went wrong; a smaller learning rate often helps",
        )
    write_json(finished_path(directory), {"summary": plain, "sha256": canonical_hash(plain)})


def _first_not_finite(value: JsonValue, place: str = "") -> tuple[str, float] | None:
    if isinstance(value, float) and not math.isfinite(value):
        return place, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = (_first_not_finite(child, f"{place}.{key}" if place else str(key)) for key, child in children)
    return next((bad for bad in found if bad is not None), None)


def read_summary(directory: Path) -> dict[str, Any]:
    """What a finished run left.

    Raises:
        UserError: the run is not finished, or the file was changed or damaged.
    """
    path = finished_path(directory)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["sha256"] == canonical_hash(document["summary"]):
            return dict(document["summary"])
    except FileNotFoundError:
        raise UserError("this run is not finished", file=directory, remedy="run its stage again: it goes on") from None
    except (ValueError, KeyError, TypeError):
        pass
    raise UserError("was changed after the run wrote it", file=path, remedy=START_AGAIN)
