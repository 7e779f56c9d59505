"""Real human data, with the counts that were taken on the files by other means."""

from collections import defaultdict
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from preceptor.importers import Imported, SplitConfig, import_file, split_imported
from preceptor.records import Demonstration, Ranking


def rankings(imported: Imported) -> list[Ranking]:
    found = [row for row in imported.rows if isinstance(row, Ranking)]
    assert len(found) == len(imported.rows)
    return found


def num_pairs(rows: list[Ranking]) -> int:
    return sum(len(row.pairs()) for row in rows)


def longer_wins(rows: list[Ranking]) -> float:
    """Share of pairs whose chosen response is the longer one; equal lengths count half."""
    wins = [
        np.sign(len(row.responses[chosen].text) - len(row.responses[rejected].text)) / 2 + 0.5
        for row in rows
        for chosen, rejected in row.pairs()
    ]
    return float(np.mean(wins))


def assert_no_leak(imported: Imported) -> None:
    """No beginning of a conversation is in two splits."""
    splits = defaultdict(set)
    for row in split_imported(imported, SplitConfig()).rows:
        assert isinstance(row, Ranking | Demonstration)
        splits[row.prompt.messages[0].content.casefold()].add(row.prompt.split)
    assert len(splits) > 1
    assert all(len(names) == 1 for names in splits.values())


def test_hh(shared_data: Path) -> None:
    imported = import_file([shared_data / "hh-rlhf"])
    rows = rankings(imported)
    assert (len(rows), num_pairs(rows), imported.dropped) == (1850, 1850, {})
    assert imported.notes["counts"] == {
        "dialogues that part before the last turn": 4,
        "empty responses": 1,
        "turns joined with the one before": 3,
    }
    assert abs(longer_wins(rows) - 0.445) < 0.003  # eight pairs are equally long
    for row in rows:
        roles = [message.role for message in row.prompt.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    assert_no_leak(imported)


def test_oasst(shared_data: Path) -> None:
    imported = import_file([shared_data / "oasst/model/model_eval/manual/data/en_100_tree.jsonl"])
    rows = rankings(imported)
    counts = imported.notes["counts"]
    assert (len(rows), num_pairs(rows)) == (212, 754)
    assert (counts["trees"], counts["messages"]) == (100, 1167)
    assert counts["synthetic responses"] + counts["synthetic prompts"] == 22
    assert {len(row.responses) for row in rows} == {2, 3, 4, 5, 6, 8, 9}
    assert imported.dropped == {"reply without a rank": 46, "prompt with fewer than two ranked replies": 42}
    assert round(longer_wins(rows), 3) == 0.698
    assert_no_leak(imported)


def test_fine_grained(shared_data: Path) -> None:
    imported = import_file([shared_data / "fine-grained-rlhf/tasks/qa_feedback/data/dev_feedback.json"])
    rows = rankings(imported)
    whole = [row for row in rows if len(row.responses) == 4]
    # 22 of the 500 rows tie a with b and b with c, but not a with c: no order says that, so each keeps its six pairs.
    assert (len(whole), len(rows) - len(whole)) == (478, 22 * 6)
    assert len({row.id.rsplit(":", 1)[0] if len(row.responses) == 2 else row.id for row in rows}) == 500
    assert num_pairs(rows) == imported.notes["counts"]["pairs without a tie"] == 2616
    assert round(longer_wins(rows), 3) == 0.512
    assert_no_leak(imported)


def test_humor(shared_data: Path) -> None:
    folder = shared_data / "ukp-humor/data/pl-humor-full"
    options: dict[str, JsonValue] = {
        "chosen": 1,
        "rejected": 2,
        "texts_file": str(folder / "item_scores.txt"),
        "texts_text": 3,
    }
    imported = import_file([folder / "pairs.csv"], options=options)
    rows = rankings(imported)
    assert (len(rows), num_pairs(rows), imported.dropped) == (113_638, 113_638, {})
    assert len({response.text for row in rows for response in row.responses}) == 4030
    assert round(longer_wins(rows), 3) == 0.594
    parted = split_imported(imported, SplitConfig(valid=0.0, test=0.2))
    seen = {
        split: {r.text for row in rankings(parted) if row.prompt.split == split for r in row.responses}
        for split in ("train", "test")
    }
    assert not seen["train"] & seen["test"]


def test_convarg(shared_data: Path) -> None:
    imported = import_file([shared_data / "ukp-convarg" / "strict"])
    rows = rankings(imported)
    # Twelve debates of sixteen, each with two sides.
    assert (len(rows), num_pairs(rows), imported.dropped) == (8960, 8960, {})
    assert len({row.prompt.text for row in rows}) == 24
    assert len({row.id for row in rows}) == 8960
    assert longer_wins(rows) > 0.7
    assert sum(row.responses[0].text.startswith('"') for row in rows) == 91
    assert_no_leak(imported)


def test_self_instruct(shared_data: Path) -> None:
    seeds = import_file([shared_data / "self-instruct/data/seed_tasks.jsonl"])
    assert (len(seeds.rows), seeds.kind, seeds.dropped) == (175, "demonstrations", {})
    assert_no_leak(seeds)
    tasks = import_file([shared_data / "self-instruct/human_eval/user_oriented_instructions.jsonl"])
    assert len(tasks.rows) == 252
    assert tasks.notes["counts"] == {"user-oriented tasks, meant for evaluation only": 252}
