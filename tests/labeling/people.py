"""A room with people in it, and work for them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import select

from preceptor.labeling import accounts
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.records import Candidates, Message, Prompt, Response
from preceptor.store import Database
from preceptor.store.tables import Labeler, Stage

PASSWORD = "correct horse battery"
PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {"role": "admin"},
    "rosa": {"role": "researcher"},
    "anna": {}, "bert": {},
    "hana": {"group": "held_out"}, "hugo": {"group": "held_out"},
    "carl": {"standing": "candidate"},
}  # fmt: skip
"""Names of the accounts that `add_people` makes: an admin, a researcher, labelers of both groups, a candidate."""


@cache
def password_hash() -> str:
    """Hashing is slow on purpose; once is enough."""
    return accounts.hash_password(PASSWORD)


def add_people(store: Database) -> dict[str, Labeler]:
    """All of `PEOPLE`, who sign in with `PASSWORD`."""
    with store.write() as session:
        return {
            name: accounts.add_labeler(session, name, **traits, password_hash=password_hash(), now=time.time())
            for name, traits in PEOPLE.items()
        }


def add_labelers(store: Database, num: int, **traits: Any) -> list[Labeler]:
    """Simulated labelers without a password."""
    with store.write() as session:
        return [
            accounts.add_labeler(session, f"labeler {number}", origin="simulated", now=time.time(), **traits)
            for number in range(num)
        ]


def candidates(number: int, num_responses: int = 4) -> Candidates:
    """A prompt with responses of two models."""
    prompt = Prompt(id=f"p{number}", messages=(Message(role="user", content=f"Say **{number}** nicely."),))
    responses = tuple(
        Response(id=f"p{number}-{place}", text=f"Response {place} to {number}.", model=("sft", "ppo")[place % 2])
        for place in range(num_responses)
    )
    return Candidates(id=f"p{number}", prompt=prompt, responses=responses)


def add_ranking_stage(store: Database, num_items: int, **traits: Any) -> Stage:
    """A stage of candidates to rank, for the training group where nothing else is said."""
    with store.write() as session:
        traits = {"name": "rankings", "group": "training", "now": time.time()} | traits
        stage = add_stage(session, traits.pop("name"), "ranking", **traits)
        add_items(session, stage, [NewItem(f"p{number}", candidates(number)) for number in range(num_items)], now=0.0)
        return stage


def ranked(letters: Sequence[str], likert: int = 4) -> dict[str, Any]:
    """An answer that ranks the letters as they come, all rated alike."""
    groups = [[letter] for letter in letters]
    return {
        "ratings": {letter: {"likert": likert, "flags": [], "note": ""} for letter in letters},
        "groups": groups, "initial_board": [list(letters)],
        "moves": [{"letter": letters[0], "board": groups, "by": "key", "at_s": 1.5}], "unread": [], "note": "",
    }  # fmt: skip


def labeler_named(store: Database, name: str) -> Labeler:
    """An account by its name."""
    with store.read() as session:
        return session.scalars(select(Labeler).where(Labeler.name == name)).one()


@dataclass
class Clock:
    """Time that passes when it is told to."""

    now: float = 1_000_000.0

    def pass_minutes(self, minutes: float) -> float:
        """Later."""
        self.now += minutes * 60
        return self.now
