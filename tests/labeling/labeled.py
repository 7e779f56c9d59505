"""A stage that was worked in: by training and held-out labelers, and by simulated ones."""

import time
from collections.abc import Sequence
from typing import Any

from preceptor.labeling import accounts, answers
from preceptor.labeling.assignment import claim_again, stage_of
from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.store import Database
from preceptor.store.tables import Answer, Item, Labeler, Stage
from tests.labeling.people import candidates, labeler_named, ranked

DAY_S = 86_400.0
ORDERS = {"anna": "ABCD", "bert": "ABDC", "hana": "DCBA", "hugo": "DCBA", "robot": "BACD", "machine": "BACD"}
"""Who ranks the responses of `add_labeled` how, best first: by the places that they have in the items."""


def add_labeled(store: Database, num_items: int = 4, **traits: Any) -> Stage:
    """A stage of rankings in which everybody of `ORDERS` did all items; anna and bert agree but for the first item,
    of which they say the reverse. The store has the people of `people.py`."""
    now = time.time()
    with store.write() as session:
        for name in ("robot", "machine"):
            accounts.add_labeler(session, name, origin="simulated", now=now)
        stage = add_stage(session, "rankings", "ranking", **{"group": None, "overlap": 9, "now": now} | traits)
        add_items(session, stage, [NewItem(f"p{number}", candidates(number)) for number in range(num_items)], now=now)
    for name, order in ORDERS.items():
        for item_id in range(1, num_items + 1):
            is_reverse = name == "bert" and item_id == 1
            rank(
                store, labeler_named(store, name), item_id, order[::-1] if is_reverse else order, now - item_id * DAY_S
            )
    return stage


def one_more(store: Database, name: str) -> Labeler:
    """Another training labeler."""
    with store.write() as session:
        return accounts.add_labeler(session, name, now=0.0)


def rank(store: Database, labeler: Labeler, item_id: int, order: Sequence[str], now: float) -> Answer:
    """Rank an item: `order` lists the places that the responses have in it, as letters, best first."""
    with store.write() as session:
        claim = claim_again(session, labeler, stage_of(session, item_id), item_id, now=now)
        names = [one["id"] for one in session.get_one(Item, item_id).payload["responses"]]
        letters = ["ABCD"[claim.shown["order"].index(names["ABCD".index(letter)])] for letter in order]
        content = ranked(letters)
        return answers.submit(session, labeler, item_id, content, guideline_id=None, active_s=60, now=now)
