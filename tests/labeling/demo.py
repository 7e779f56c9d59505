"""A project to try the room in: `python -m tests.labeling.demo DIR [PORT]` makes it and serves it.

Every kind of task that has a sample has a stage; the accounts are those of `people.py`.
"""

import sys
import time
from pathlib import Path

import preceptor
from preceptor.labeling import answers, assignment, guidelines
from preceptor.labeling.model import LocalModel
from preceptor.labeling.server import Address, open_room, serve
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.labeling.tasks import kinds
from preceptor.store import Database
from preceptor.store.tables import Group
from tests.labeling.people import PASSWORD, PEOPLE, add_people, labeler_named
from tests.labeling.tasks.samples import SAMPLES

GUIDELINE = """\
# What to look for

**Helpful** first: does the response do what was asked? Then *truthful*, then *harmless*.

1. Read every response to its end.
2. Rate each one alone.
3. Rank them; ties are welcome.
"""
NUM_ITEMS = 12
BUNDLED = Path(preceptor.__file__).parent / "simulation" / "base_model"


def seed(store: Database) -> None:
    """People, a guideline, and a stage of each kind for everybody."""
    add_people(store)
    now = time.time()
    with store.write() as session:
        guidelines.publish(session, "helpful", GUIDELINE, note="", by=None, now=now)
        for kind, sample in SAMPLES.items():
            task = kinds()[kind]
            group: Group | None = "held_out" if task.measures else None
            stage = add_stage(session, task.title, kind, group=group, overlap=3, guideline="helpful", now=now)
            items = [NewItem(f"{kind}-{number}", sample.item) for number in range(NUM_ITEMS)]
            add_items(session, stage, items, now=now)


def seed_screening(store: Database) -> None:
    """Three stages for candidates, with a researcher's gold on half of what is flagged and ranked."""
    rosa, now = labeler_named(store, "rosa"), time.time()
    with store.write() as session:
        for kind in ("screening", "ranking", "demonstration"):
            sample = SAMPLES[kind]
            stage = add_stage(session, f"candidates-{kind}", kind, group=None, overlap=999, is_screening=True, now=now)
            add_items(session, stage, [NewItem(f"candidates-{number}", sample.item) for number in range(6)], now=now)
            for _ in range(3 if kind != "demonstration" else 0):
                claim = assignment.claim_next(session, rosa, stage.id, now=now)
                assert claim is not None
                content = sample.answer(kinds()[kind].Shown.model_validate(claim.shown))
                answers.submit(session, rosa, claim.item_id, content, guideline_id=None, active_s=60, now=now)


def main(directory: Path, port: int) -> None:
    """Make the project if there is none, and serve it."""
    directory.mkdir(parents=True, exist_ok=True)
    is_new = not (directory / "labeling").exists()
    room = open_room(directory, None, respond=LocalModel(BUNDLED))
    if is_new:
        seed(room.database)
        seed_screening(room.database)
    print(f"sign in as {', '.join(PEOPLE)} with “{PASSWORD}”")
    serve(room, Address("127.0.0.1", port, ""), print)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8765)
