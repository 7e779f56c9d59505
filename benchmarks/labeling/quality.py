"""How long the Quality board takes with many answers: `python -m benchmarks.labeling.quality [ANSWERS]`.

A stage of rankings (K = 4, overlap 2) by 40 labelers is written straight into a new SQLite store. The board is then
made as the page makes it: once after a start, again when some more answers have come, and when none has.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import func, insert, select

from preceptor.labeling import accounts
from preceptor.labeling.crowds import Crowd
from preceptor.labeling.quality import Boards
from preceptor.labeling.stages import add_stage
from preceptor.records import FLAGS
from preceptor.store import Database
from preceptor.store.tables import Answer, Item, Stage

NUM_LABELERS = 40
OVERLAP = 2
K = 4
WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "then", "some", "more")
BATCH = 5000
START = 1_700_000_000.0


def main(num_answers: int) -> None:
    """Write a store, make the board twice, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(f"sqlite:///{folder}/labels.db")
        with database.write() as session:
            stage = add_stage(session, "rankings", "ranking", group="training", overlap=OVERLAP, now=START)
            people = [
                accounts.add_labeler(session, f"labeler {number}", origin="simulated", now=START).id
                for number in range(NUM_LABELERS)
            ]
        write(database, stage, people, 0, num_answers // OVERLAP)
        boards, took = Boards(), dict[str, dict[str, float]]()
        took["after_a_start_s"] = timed(database, stage, boards)
        write(database, stage, people, num_answers // OVERLAP, 50)
        took["after_100_more_answers_s"] = timed(database, stage, boards)
        took["nothing_new_s"] = timed(database, stage, boards)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = Path(folder, "labels.db").stat().st_size / 2**20
        database.close()
    print(json.dumps({"answers": num_answers, **took, "peak_memory_mib": round(memory), "store_mib": round(size)}))


def timed(database: Database, stage: Stage, boards: Boards) -> dict[str, float]:
    """Seconds that a board takes: on the clock, and of the processor, which others on the machine do not stretch."""
    start, worked = time.perf_counter(), time.process_time()
    with database.read() as session:
        boards.board(session, stage, Crowd("simulated", "training"))
    return {"clock": round(time.perf_counter() - start, 2), "processor": round(time.process_time() - worked, 2)}


def write(database: Database, stage: Stage, people: list[int], first: int, num_items: int) -> None:
    """Items with two answers each."""
    generator = np.random.default_rng(first)
    for start in range(first, first + num_items, BATCH):
        with database.write() as session:
            items = [item(stage, number, generator) for number in range(start, min(start + BATCH, first + num_items))]
            session.execute(insert(Item), items)
            last = session.scalar(select(func.max(Item.id))) or 0
            ids = range(last - len(items) + 1, last + 1)
            session.execute(insert(Answer), list(answers(stage, ids, items, people, generator)))


def item(stage: Stage, number: int, generator: np.random.Generator) -> dict[str, Any]:
    """A prompt with four responses of different lengths."""
    texts = [" ".join(generator.choice(WORDS, size=int(size))) for size in generator.integers(10, 120, size=K)]
    responses = [{"id": f"p{number}-{place}", "text": text, "model": "m"} for place, text in enumerate(texts)]
    prompt = {"id": f"p{number}", "messages": [{"role": "user", "content": "Say something nice."}]}
    payload = {"id": f"p{number}", "prompt": prompt, "responses": responses}
    return {
        "stage_id": stage.id, "key": f"p{number}", "position": number, "payload": payload, "lane": "ordinary",
        "num_counted": OVERLAP, "is_retired": False, "created_at": START,
    }  # fmt: skip


def answers(
    stage: Stage, ids: range, items: list[dict[str, Any]], people: list[int], generator: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """What two labelers say of each item: noisy orders around a common one."""
    for item_id, one in zip(ids, items, strict=True):
        for person in generator.choice(people, size=OVERLAP, replace=False).tolist():
            names = [response["id"] for response in one["payload"]["responses"]]
            order = generator.permutation(names).tolist()
            scores = {name: place + generator.normal(0, 1.5) for place, name in enumerate(names)}
            letters = sorted("ABCD", key=lambda letter: scores[order["ABCD".index(letter)]])
            likert = generator.integers(1, 8, size=K).tolist()
            flags = [[flag for flag in FLAGS if generator.random() < 0.05] for _ in range(K)]
            ratings = {letter: {"likert": likert[i], "flags": flags[i], "note": ""} for i, letter in enumerate("ABCD")}
            yield {
                "item_id": item_id, "stage_id": stage.id, "labeler_id": person, "group": "training",
                "status": "counted", "round": 1, "schema_version": 1, "claimed_at": START,
                "created_at": START + item_id * 60.0, "active_s": float(generator.gamma(4, 30)),
                "shown": {"order": order, "board": "sorted"},
                "content": {
                    "ratings": ratings, "groups": [[letter] for letter in letters], "initial_board": [["A", "B"]],
                    "moves": [], "unread": [], "note": "",
                },
            }  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
