"""What an admin brings into a stage: items of a file, of an artifact of the project, or a number of blank ones."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from preceptor.errors import UserError
from preceptor.labeling.stages import NewItem
from preceptor.labeling.tasks import Task
from preceptor.labeling.tasks.letters import MAX_RESPONSES
from preceptor.records import Candidates, Record
from preceptor.records.artifacts import KINDS, parse_jsonl, read_artifact, read_manifest

FOLDERS = ("data", "artifacts", "todo")
"""Where a project keeps artifacts."""


def sources(project: Path | None, task: Task) -> list[str]:
    """Artifacts of a project whose rows are items of a kind: 'data/prompts'."""
    if project is None:
        return []
    folders = sorted(path.parent for name in FOLDERS for path in (project / name).glob("*/manifest.json"))
    return [str(one.relative_to(project)) for one in folders if KINDS.get(read_manifest(one).kind) is task.Item]


def items_of_artifact(project: Path, name: str, task: Task) -> list[NewItem]:
    """The rows of one of the `sources`.

    Raises:
        UserError: there is no such artifact, it is damaged, or a row does not fit.
    """
    if name not in sources(project, task):
        raise UserError(f"there is no artifact '{name}' for this", field="source", remedy="choose one of the list")
    return _items(read_artifact(project / name, task.Item).rows, name)


def items_of_file(lines: Iterable[bytes], name: str, task: Task) -> list[NewItem]:
    """What stands on the lines of a file that somebody brings, one item of JSON on each.

    Raises:
        UserError: names line and field of the first that does not fit.
    """
    items = _items(tuple(parse_jsonl(lines, task.Item, Path(name))), name)
    if not items:
        raise UserError("there is nothing in it", file=name, remedy="write one item of JSON on each line")
    return items


def can_be_blank(task: Task) -> bool:
    """Whether a kind knows what to ask without being told more."""
    try:
        task.Item()
    except ValidationError:
        return False
    return True


def blank_items(task: Task, first: int, num: int) -> list[NewItem]:
    """Items that say nothing but that an answer is wanted, numbered from `first`."""
    return [NewItem(f"{task.kind}-{number}", task.Item()) for number in range(first, first + num)]


def _items(rows: Sequence[Record], file: str) -> list[NewItem]:
    for row in rows:
        if isinstance(row, Candidates) and not 2 <= len(row.responses) <= MAX_RESPONSES:
            raise UserError(
                f"'{row.id}' has {len(row.responses)}",
                file=file,
                field="responses",
                remedy=f"2 to {MAX_RESPONSES} can be judged together",
            )
    return [NewItem(getattr(row, "id", None) or _key(row), row) for row in rows]


def _key(row: Record) -> str:
    """A name for a row without an id: the same each time, so that no file comes in twice."""
    return hashlib.sha256(row.model_dump_json().encode()).hexdigest()[:16]
