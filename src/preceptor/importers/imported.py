"""What an import yields, on its way from files to an artifact."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preceptor.records import Artifact, Record, write_artifact


@dataclass(frozen=True)
class Imported:
    """What files held: records of one kind, and what did not get in."""

    rows: tuple[Record, ...]
    kind: str
    """'prompts', 'demonstrations', 'rankings', 'ratings' or 'documents'."""
    dropped: Counter[str]
    """Reason → number of rows, or of things inside rows."""
    notes: dict[str, Any]
    """Format, options, files with their hashes, and counts worth knowing."""


def write_imported(imported: Imported, path: Path) -> Artifact[Record]:
    """Write the rows as an artifact whose parents are the files that they came from.

    Raises:
        UserError: the disk is full or not writable.
    """
    parents = [file["sha256"] for file in imported.notes["files"]]
    return write_artifact(
        path, imported.rows, imported.kind, parents=parents, dropped=imported.dropped, notes=imported.notes
    )
