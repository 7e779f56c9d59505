"""A project to try the room in: `python -m tests.labeling.demo DIR [PORT]` makes it and serves it.

Every kind of task has a stage, and candidates have done some of theirs; the accounts are those of `people.py`.
"""

import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import preceptor
from preceptor.labeling import accounts, answers, assignment, guidelines, screening
from preceptor.labeling.model import LocalModel
from preceptor.labeling.server import Address, open_room, serve
from preceptor.labeling.stages import NewItem, add_items, add_stage, change_stage
from preceptor.labeling.tasks import kinds
from preceptor.store import Database
from preceptor.store.tables import Group
from tests.labeling.demo_content import GUIDELINE, ITEMS
from tests.labeling.people import PASSWORD, PEOPLE, add_people, labeler_named, ranked

NUM_ITEMS = 12
NUM_CANDIDATES_ITEMS = 3
BUNDLED = Path(preceptor.__file__).parent / "simulation" / "base_model"
WRITTEN = "The moon pulls the sea that is *near* it, and leaves the sea on the *far* side a little behind: two bulges."


def seed(store: Database) -> None:
    """People, a guideline, a stage of each kind for everybody, and a question about the first ranking."""
    people, now = add_people(store), time.time()
    with store.write() as session:
        guidelines.publish(session, "helpful", GUIDELINE, note="", by=people["ada"], now=now)
        for kind, item in ITEMS.items():
            task = kinds()[kind]
            group: Group | None = "held_out" if task.measures else None
            name = f"{kind.replace('_', '-')}-1"
            stage = add_stage(session, name, kind, group=group, overlap=3, guideline="helpful", now=now)
            items = [NewItem(f"{kind}-{number}", item) for number in range(NUM_ITEMS)]
            add_items(session, stage, items, now=now)
            if kind == "ranking":
                claim = assignment.claim_next(session, people["bert"], stage.id, now=now)
                assert claim is not None
                answers.comment(session, people["bert"], claim.item_id, "May a refusal tie with a *mistake*?", now=now)


def seed_work(store: Database) -> None:
    """A stage that is closed, of rankings that simulated labelers did over some days: they differ in what they like."""
    now, dice = time.time(), random.Random(7)
    with store.write() as session:
        stage = add_stage(session, "rankings-0", "ranking", group="training", overlap=3, now=now)
        add_items(session, stage, [NewItem(f"ranked-{number}", ITEMS["ranking"]) for number in range(40)], now=now)
    for number in range(6):
        with store.write() as session:
            labeler = accounts.add_labeler(session, f"robot {number + 1}", origin="simulated", now=now)
        for done in range(20):
            at = now - (8 - done / 3) * 86_400 + 600 * number
            with store.write() as session:
                claim = assignment.claim_next(session, labeler, stage.id, now=at)
                assert claim is not None
                letters = zip("ABCD", claim.shown["order"], strict=True)
                liked = {letter: dice.gauss(-int(name[-1]), 0.5 + number / 4) for letter, name in letters}
                best_first = sorted(liked, key=lambda letter: -liked[letter])
                content = ranked(best_first, likert=dice.randint(3, 6))
                answers.submit(session, labeler, claim.item_id, content, guideline_id=None, active_s=90, now=at + 120)
    with store.write() as session:
        change_stage(session, stage.id, state="closed")


def seed_screening(store: Database) -> None:
    """Stages for candidates with a researcher's gold, all done by carl, one of whose demonstrations is rated."""
    rosa, carl, now = labeler_named(store, "rosa"), labeler_named(store, "carl"), time.time()
    with store.write() as session:
        for kind in ("screening", "ranking", "demonstration"):
            stage = add_stage(
                session, f"candidates-{kind}", kind, group=None, overlap=999, is_screening=True, now=now
            )  # fmt: skip
            items = [NewItem(f"candidates-{number}", ITEMS[kind]) for number in range(NUM_CANDIDATES_ITEMS)]
            add_items(session, stage, items, now=now)
            for who in (rosa, carl) if kind != "demonstration" else (carl,):
                for number in range(NUM_CANDIDATES_ITEMS):
                    claim = assignment.claim_next(session, who, stage.id, now=now)
                    assert claim is not None
                    content = _answer(kind, claim.shown, is_odd=who is carl and number == 0)
                    answers.submit(session, who, claim.item_id, content, guideline_id=None, active_s=60, now=now)
        unrated = screening.next_unrated(session, rosa)
        assert unrated is not None
        screening.rate(session, rosa, unrated.answer_id, 6, now=now)


def _answer(kind: str, shown: Mapping[str, Any], *, is_odd: bool) -> dict[str, Any]:
    """What somebody says in a stage for candidates, the same whatever letters it was shown under, but for odd ones."""
    if kind == "demonstration":
        return {"response": WRITTEN}
    names = dict(zip("ABCDEFGHI", shown["order"], strict=False))
    by_name = sorted(names, key=names.__getitem__, reverse=is_odd)
    if kind == "ranking":
        return ranked(by_name)
    return {"sensitive": {"prompt": False, **{letter: letter == by_name[0] for letter in names}}, "topics": ["Sports"]}


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
