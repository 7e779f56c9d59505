"""Writing so that a crash at any moment leaves the old or the new, never half; and a full disk explained."""

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from preceptor.errors import UserError

ASIDE = ".aside"
"""Ending of names that are not yet, or no longer, what their folder is about; swept at the next start."""


@contextmanager
def disk_errors(place: Path, what: str) -> Iterator[None]:
    """Turn 'no space', 'quota', 'read-only' and 'not permitted' into a UserError that names the place."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        code = _errno(error)
        if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(
                f"the disk is full: {what} could not be written ({_free(place)} MB free)",
                file=place,
                remedy="free some space and run the same command again: it goes on from the last checkpoint",
            ) from error
        if code in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise UserError(
                f"{what} could not be written: {os.strerror(code)}",
                file=place,
                remedy="make this folder writable, or choose another one",
            ) from error
        raise


def _errno(error: OSError | SafetensorError) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"(?:os error|code:) (\d+)", str(error))  # safetensors passes system errors on as text only
    return int(found.group(1)) if found else None


def _free(place: Path) -> int:
    existing = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
    return shutil.disk_usage(existing).free // 2**20


def sync_file(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step: written beside, synced, renamed.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    aside = path.with_name(f".{path.name}{ASIDE}")
    with disk_errors(path.parent, path.name):
        try:
            with aside.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
            sync_file(path.parent)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


def write_json(path: Path, value: Any) -> None:
    """`write_text` of indented JSON; NaN and infinity are refused with ValueError."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


@contextmanager
def folder_written_aside(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path` to fill; when the block ends well it takes `path`'s name in one step.

    A folder that already has the name is moved aside first and removed last.
    """
    aside = path.with_name(f".{path.name}{ASIDE}")
    with disk_errors(path.parent, path.name):
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            yield aside
            for file in sorted(aside.iterdir()):
                sync_file(file)
            sync_file(aside)
            remove_folder(path)
            aside.rename(path)
            sync_file(path.parent)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise


def remove_folder(path: Path) -> None:
    """Remove a folder so that a crash half-way never leaves it under its own name with files missing."""
    if path.exists():
        leaving = path.with_name(f".{path.name}.old{ASIDE}")
        shutil.rmtree(leaving, ignore_errors=True)
        path.rename(leaving)
        shutil.rmtree(leaving)


def sweep(folder: Path) -> list[Path]:
    """Remove what crashes left aside in a folder; returns what was removed."""
    strays = sorted(folder.glob(f".*{ASIDE}")) if folder.is_dir() else []
    for stray in strays:
        if stray.is_dir():
            shutil.rmtree(stray)
        else:
            stray.unlink()
    return strays
