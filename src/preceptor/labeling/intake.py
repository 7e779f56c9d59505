"""How work gets in: what the pipeline wrote down in a project's `todo/` becomes stages and items."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from preceptor.labeling.outcomes import Refused
from preceptor.labeling.stages import NewItem, add_items, add_stage, is_sensitive
from preceptor.labeling.tasks import Task, kinds
from preceptor.labeling.tasks.letters import MAX_RESPONSES
from preceptor.records import Prompt, Record, read_artifact
from preceptor.store import Database
from preceptor.store.tables import Group, Item, Stage

EVERY_S = 5.0
"""How often a served room looks for new work."""


@dataclass(frozen=True)
class Plan:
    """How much of the work goes to whom; a recipe's `labels`."""

    held_out_share: float
    """Share of the candidates that held-out labelers rank, too, to measure the reward model."""
    labelers_per_test_prompt: int
    """Held-out labelers that judge each test prompt."""


@dataclass(frozen=True)
class Todo:
    """One stage that a folder of `todo/` asks for."""

    name: str
    kind: str
    group: Group
    round: int = 1
    overlap: int = 1
    share: float = 1.0
    """Share of the rows that go into it, the same ones each time."""


def stages_of(folder: str, plan: Plan) -> list[Todo]:
    """The stages that a folder of `todo/` asks for, by its name; none for a folder that is not the pipeline's."""
    name, _, number = folder.partition("-")
    round = int(number) if number.isdigit() else 1
    if name == "demonstrations":
        return [Todo(folder, "demonstration", "training", round)]
    if name == "rankings":
        held_out = Todo(f"{folder}-held-out", "ranking", "held_out", round, share=plan.held_out_share)
        return [Todo(folder, "ranking", "training", round), held_out]
    if name == "evaluation":
        return [Todo(folder, "evaluation", "held_out", round, plan.labelers_per_test_prompt)]
    return []


def take_in(database: Database, todo: Path, plan: Plan, *, now: float) -> list[str]:
    """Bring the stages up to what `todo/` says; what happened, for people.

    Items that are there stay as they are. Where what is to be done has changed under the same id, the old item is
    retired, with all that was done on it, and a new one takes its place.

    Raises:
        UserError: an artifact in `todo/` is damaged, or holds what its stage cannot use.
    """
    said = []
    for manifest in sorted(todo.glob("*/manifest.json")):
        folder = manifest.parent
        for wanted in stages_of(folder.name, plan):
            rows = read_artifact(folder, kinds()[wanted.kind].Item).rows
            chosen = [row for row in rows if _position(row.id) < wanted.share]  # type: ignore[attr-defined]
            said += fill(database, wanted, [NewItem(row.id, row) for row in chosen], now=now)  # type: ignore[attr-defined]
    return said


class Watch:
    """Looks into `todo/` from time to time while the room is open."""

    def __init__(self, database: Database, todo: Path, plan: Plan, say: Callable[[str], None]) -> None:
        self._database, self._todo, self._plan, self._say = database, todo, plan, say
        self._seen: dict[Path, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def __enter__(self) -> "Watch":
        self.look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def look(self) -> None:
        """Take in what is new since the last look."""
        found = {path: path.stat().st_mtime_ns for path in self._todo.glob("*/manifest.json")}
        if found == self._seen:
            return
        for line in take_in(self._database, self._todo, self._plan, now=time.time()):
            self._say(line)
        self._seen = found

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            try:
                self.look()
            except Exception as error:
                # The pipeline may be writing, or the database be away, at this moment; the next look will tell.
                self._say(f"todo/ cannot be read now: {error}")


def fill(database: Database, wanted: Todo, items: Sequence[NewItem], *, now: float) -> list[str]:
    """Make a stage unless it is there, and bring its items up to these; what happened, for people."""
    task = kinds()[wanted.kind]
    fitting = [one for one in items if is_fitting(task, one.item)]
    with database.write() as session:
        stage = session.scalar(select(Stage).where(Stage.name == wanted.name))
        if stage is None:
            stage = add_stage(
                session, wanted.name, wanted.kind, group=wanted.group, overlap=wanted.overlap, round=wanted.round,
                now=now,
            )  # fmt: skip
        num_changed = _retire_changed(session, stage, task, fitting)
        num_added = add_items(session, stage, fitting, now=now)
    said = []
    if num_added > num_changed:
        said.append(f"{wanted.name}: {num_added - num_changed:,} new items")
    if num_changed:
        said.append(f"{wanted.name}: {num_changed:,} items have changed and begin anew")
    if left_out := len(items) - len(fitting):
        said.append(f"{wanted.name}: {left_out:,} left out: only 2 to {MAX_RESPONSES} responses can be ranked together")
    return said


def is_fitting(task: Task, row: Record) -> bool:
    """Whether the kind's page can show it."""
    try:
        task.check_item(row)
    except Refused:
        return False
    return True


def _retire_changed(session: Session, stage: Stage, task: Task, items: Iterable[NewItem]) -> int:
    """Take items out of the line that ask for something else now, and give their keys away; how many.

    Where only what is said about a prompt has changed, such as its predicted use case, the work on it stays.
    """
    kept = dict(session.execute(select(Item.key, Item.id).where(Item.stage_id == stage.id)).all())
    changed = 0
    for new in items:
        item_id = kept.get(new.key)
        if item_id is None:
            continue
        item = session.get_one(Item, item_id)
        if _asked(task.Item.model_validate(item.payload)) == _asked(new.item):
            item.payload, item.is_sensitive = new.item.model_dump(mode="json"), is_sensitive(new.item)
        else:
            changed += 1
            item.key, item.is_retired = f"{item.key} (retired {item.id})", True
    session.flush()
    return changed


def _asked(item: Record) -> Record:
    """An item without what is only said about its prompt."""
    if isinstance(item, Prompt):
        return item.model_copy(update={"use_case": None, "metadata": {}})
    if isinstance(prompt := getattr(item, "prompt", None), Prompt):
        return item.model_copy(update={"prompt": _asked(prompt)})
    return item


def _position(name: str) -> float:
    """A number from 0 to 1 that is a function of the id."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
