"""Where a project keeps its labels."""

from pathlib import Path

FOLDER = "labeling"
"""Folder of the store and of the server's secret."""


def store_url(project: Path, given: str | None) -> str:
    """The store of a project: the URL that was given, or its own SQLite file."""
    return given or f"sqlite:///{project / FOLDER / 'labels.db'}"
