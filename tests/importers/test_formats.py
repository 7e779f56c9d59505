"""Each format on rows written by hand, with the records that they must become."""

import gzip
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from preceptor.importers import Imported, formats, import_file
from preceptor.importers.formats.fine_grained import PAIRS, ordered_groups
from preceptor.records import Demonstration, Document, Prompt, Ranking, Rating

HH_ROW = {
    "chosen": "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Tea?\n\nAssistant: Yes: please",
    "rejected": "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Tea?\n\nAssistant: No",
}


def save(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def turns(prompt: Prompt) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in prompt.messages]


def only(imported: Imported, kind: type[Any]) -> Any:
    """The one row, checked to be of a kind."""
    assert len(imported.rows) == 1
    assert isinstance(imported.rows[0], kind)
    return imported.rows[0]


def texts_by_rank(ranking: Ranking) -> list[list[str]]:
    text = {response.id: response.text for response in ranking.responses}
    return [[text[name] for name in group] for group in ranking.groups]


def test_the_registry_is_the_folder() -> None:
    assert set(formats()) == {
        "columns",
        "dolly",
        "fine-grained",
        "hh",
        "oasst",
        "openai",
        "own",
        "pairs",
        "self-instruct",
        "sharegpt",
        "summarize",
        "trl",
    }
    for name, format in formats().items():
        assert format.name == name
        assert format.title
        assert format.Config()
        silent = [field for field, info in format.Config.model_fields.items() if not info.description]
        assert not silent


@pytest.mark.parametrize("zipped", [False, True])
def test_hh(tmp_path: Path, zipped: bool) -> None:
    path = save(tmp_path / "hh.jsonl", HH_ROW)
    if zipped:
        path = tmp_path / "hh.jsonl.gz"
        path.write_bytes(gzip.compress((tmp_path / "hh.jsonl").read_bytes()))
    row = only(import_file([path]), Ranking)
    assert turns(row.prompt) == [("user", "Hi"), ("assistant", "Hello."), ("user", "Tea?")]
    assert texts_by_rank(row) == [["Yes: please"], ["No"]]
    assert (row.id, row.labeler.id, row.prompt.source) == ("hh:1", "unknown", "hh")


def test_hh_dialogues_that_part_early_split_at_the_last_shared_turn(tmp_path: Path) -> None:
    odd = {
        "chosen": "\n\nHuman: Is tea hot?\n\nAssistant: No.  Human: How?\n\nAssistant: Because",
        "rejected": "\n\nHuman: Is tea hot?\n\nAssistant: As a rule.",
    }
    imported = import_file([save(tmp_path / "a.jsonl", odd)])
    row = only(imported, Ranking)
    assert turns(row.prompt) == [("user", "Is tea hot?")]
    assert texts_by_rank(row) == [["No.  Human: How?\n\nAssistant: Because"], ["As a rule."]]
    assert imported.notes["counts"]["dialogues that part before the last turn"] == 1


def test_hh_one_who_speaks_twice_gets_one_message_and_the_split_is_never_inside_it(tmp_path: Path) -> None:
    start = "\n\nHuman: A joke\n\nAssistant: Here is one:\n\nAssistant: Knock."
    twice = {
        "chosen": start + "\n\nHuman: Another\n\nAssistant: Fine:\n\nAssistant: x",
        "rejected": start + "\n\nHuman: Another\n\nAssistant: Fine:\n\nAssistant: y",
    }
    imported = import_file([save(tmp_path / "a.jsonl", twice)])
    row = only(imported, Ranking)
    assert turns(row.prompt) == [("user", "A joke"), ("assistant", "Here is one:\n\nKnock."), ("user", "Another")]
    assert texts_by_rank(row) == [["Fine:\n\nAssistant: x"], ["Fine:\n\nAssistant: y"]]
    assert imported.notes["counts"]["turns joined with the one before"] == 1


USER = {"role": "user", "content": "The sky is"}
BLUE, GREEN = {"role": "assistant", "content": "blue."}, {"role": "assistant", "content": "green."}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."},
        {"chosen": "The sky is blue.", "rejected": "The sky is green."},
        {"prompt": [USER], "chosen": [BLUE], "rejected": [GREEN]},
        {"chosen": [USER, BLUE], "rejected": [USER, GREEN]},
        {"prompt": "The sky is", "chosen": [USER, BLUE], "rejected": [USER, GREEN]},
        {"prompt": None, "chosen": [USER, BLUE], "rejected": [USER, GREEN]},
    ],
)
def test_trl_preferences_in_every_shape_are_the_same_ranking(tmp_path: Path, row: dict[str, Any]) -> None:
    found = only(import_file([save(tmp_path / "a.jsonl", row)]), Ranking)
    assert turns(found.prompt) == [("user", "The sky is")]
    assert texts_by_rank(found) == [["blue."], ["green."]]


def test_trl_implicit_prompt_cuts_no_word(tmp_path: Path) -> None:
    row = {"chosen": "Two and two make four", "rejected": "Two and two make forty"}
    found = only(import_file([save(tmp_path / "a.jsonl", row)]), Ranking)
    assert found.prompt.text == "Two and two make"
    assert texts_by_rank(found) == [["four"], ["forty"]]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "The sky is", "completion": " blue."},
        {"prompt": [USER], "completion": [BLUE]},
        {"messages": [USER, BLUE]},
    ],
)
def test_trl_demonstrations(tmp_path: Path, row: dict[str, Any]) -> None:
    found = only(import_file([save(tmp_path / "a.jsonl", row | {"id": "x7"})], "trl"), Demonstration)
    assert (turns(found.prompt), found.response, found.id) == ([("user", "The sky is")], "blue.", "x7")


def reply(name: str, rank: int | None, *replies: Any, **more: Any) -> dict[str, Any]:
    return {
        "message_id": name,
        "text": f"text {name}",
        "role": "assistant",
        "rank": rank,
        "replies": list(replies),
        **more,
    }


def asked(name: str, *replies: Any, **more: Any) -> dict[str, Any]:
    return {
        "message_id": name,
        "text": f"text {name}",
        "role": "prompter",
        "lang": "en",
        "replies": list(replies),
        **more,
    }


def oasst_tree() -> dict[str, Any]:
    deeper = asked("q2", reply("d", 0), reply("e", 1))
    root = asked(
        "q1", reply("b", 1), reply("a", 0, deeper), reply("c", None), reply("f", 1, synthetic=True, model_name="bot"),
        reply("gone", 2, asked("q3", reply("g", 0), reply("h", 1)), deleted=True), user_id="u9",
    )  # fmt: skip
    return {"message_tree_id": "t1", "tree_state": "ready_for_export", "prompt": root}


def test_oasst_every_node_with_ranked_replies_is_a_ranking(tmp_path: Path) -> None:
    imported = import_file([save(tmp_path / "a.jsonl", oasst_tree())])
    first, second = imported.rows
    assert isinstance(first, Ranking)
    assert isinstance(second, Ranking)
    assert first.groups == (("a",), ("b", "f"))
    assert [response.model for response in first.responses] == [None, None, "bot"]
    assert turns(second.prompt) == [("user", "text q1"), ("assistant", "text a"), ("user", "text q2")]
    assert second.groups == (("d",), ("e",))
    assert (first.id, second.id, first.prompt.user, second.prompt.user) == ("q1", "q2", "u9", "u9")
    assert imported.dropped == {
        "reply without a rank": 1,
        "message deleted or turned down in review, with all that follows": 1,
    }
    assert imported.notes["counts"]["synthetic responses"] == 1


def test_oasst_without_synthetic_replies(tmp_path: Path) -> None:
    imported = import_file([save(tmp_path / "a.jsonl", oasst_tree())], options={"synthetic": "drop"})
    first = imported.rows[0]
    assert isinstance(first, Ranking)
    assert first.groups == (("a",), ("b",))
    assert imported.dropped["synthetic reply"] == 1


def test_oasst_a_lone_ranked_reply_is_no_ranking(tmp_path: Path) -> None:
    trees = [{"message_tree_id": "t", "prompt": asked("q", reply("a", 0), reply("b", None))}, oasst_tree()]
    imported = import_file([save(tmp_path / "a.jsonl", *trees)])
    assert len(imported.rows) == 2
    assert imported.dropped["prompt with fewer than two ranked replies"] == 1


def test_summarize_comparison(tmp_path: Path) -> None:
    row = {
        "info": {"id": "t3_x", "post": "I lost my keys.", "title": "Keys", "subreddit": "advice"},
        "summaries": [{"text": " Keys lost.", "policy": "sup1", "note": None}, {"text": "A cat.", "policy": "ref"}],
        "choice": 1, "worker": "w42", "batch": "b", "split": "valid1", "extra": {"confidence": 7},
    }  # fmt: skip
    found = only(import_file([save(tmp_path / "a.jsonl", row)], options={"held_out_labelers": ["w42"]}), Ranking)
    assert found.groups == (("1",), ("0",))
    assert [(r.text, r.model) for r in found.responses] == [("Keys lost.", "sup1"), ("A cat.", "ref")]
    assert (found.prompt.id, found.prompt.use_case) == ("t3_x", "summarization")
    assert "r/advice" in found.prompt.text
    assert "I lost my keys." in found.prompt.text
    assert (found.labeler.id, found.labeler.group) == ("w42", "held_out")
    assert found.metadata == {"batch": "b", "split": "valid1", "extra": {"confidence": 7}}


def test_summarize_axis_rating(tmp_path: Path) -> None:
    row = {
        "info": {"id": "n1", "article": "Rain fell."}, "worker": "w1", "split": "test",
        "summary": {"text": "Rain.", "policy": "sup", "axes": {"overall": 6, "accuracy": 7}},
    }  # fmt: skip
    found = only(import_file([save(tmp_path / "a.jsonl", row)]), Rating)
    assert (found.likert, found.response.text, found.response.model) == (6, "Rain.", "sup")
    assert "Rain fell." in found.prompt.text
    assert found.metadata["axes"] == {"overall": 6, "accuracy": 7}


def test_dolly(tmp_path: Path) -> None:
    rows = [
        {"instruction": "Who?", "context": "Ada wrote it.", "response": "Ada", "category": "closed_qa"},
        {"instruction": "Write a poem", "context": "", "response": "Roses", "category": "creative_writing"},
        {"instruction": "Hm", "context": None, "response": "Hm", "category": "haiku"},
    ]
    imported = import_file([save(tmp_path / "a.jsonl", *rows)])
    found = [row for row in imported.rows if isinstance(row, Demonstration)]
    assert [row.prompt.text for row in found] == ["Who?\n\nAda wrote it.", "Write a poem", "Hm"]
    assert [row.prompt.use_case for row in found] == ["closed_qa", "generation", "other"]
    assert imported.notes["counts"] == {"categories taken as 'other'": 1}


def test_self_instruct(tmp_path: Path) -> None:
    task = {
        "id": "seed_1", "name": "n", "instruction": "Add.", "is_classification": False,
        "instances": [{"input": "1+1", "output": "2"}, {"input": "", "output": "3"}],
    }  # fmt: skip
    imported = import_file([save(tmp_path / "a.jsonl", task)])
    found = [row for row in imported.rows if isinstance(row, Demonstration)]
    assert [(row.id, row.prompt.text, row.response) for row in found] == [
        ("seed_1:0", "Add.\n\n1+1", "2"),
        ("seed_1:1", "Add.", "3"),
    ]


def fine_grained(preference: list[int]) -> dict[str, Any]:
    return {
        "question": "Who?", "passages": [["Title", "Ada did."], ["Other", "Not Bob."]], "preference": preference,
        **{f"prediction {i}": f"text {i}" for i in range(1, 5)}, "feedback": {"errors": []}, "gold": "Ada",
    }  # fmt: skip


def test_fine_grained_is_a_ranking_of_ordered_groups(tmp_path: Path) -> None:
    # 2 > 1 = 4 > 3
    found = only(import_file([save(tmp_path / "a.jsonl", fine_grained([2, 1, 0, 1, 1, 2]))]), Ranking)
    assert found.groups == (("2",), ("1", "4"), ("3",))
    assert found.prompt.text == "Title\nAda did.\n\nOther\nNot Bob.\n\nQuestion: Who?"
    assert found.metadata == {"feedback": {"errors": []}, "gold": "Ada"}


def test_fine_grained_comparisons_that_are_no_order_are_all_kept(tmp_path: Path) -> None:
    preference = [1, 1, 1, 0, 1, 0]  # 1 beats all; 2 = 3, 3 = 4, but 2 > 4
    imported = import_file([save(tmp_path / "a.json", fine_grained(preference))], options={"passages": False})
    assert imported.notes["counts"]["rows that are no order, kept as six pairs each"] == 1
    found = {row.id: row.groups for row in imported.rows if isinstance(row, Ranking)}
    assert found == {
        "a:1:1-2": (("1",), ("2",)), "a:1:1-3": (("1",), ("3",)), "a:1:1-4": (("1",), ("4",)),
        "a:1:2-3": (("2", "3"),), "a:1:2-4": (("2",), ("4",)), "a:1:3-4": (("3", "4"),),
    }  # fmt: skip


def test_ordered_groups_by_brute_force() -> None:
    """Of all 3^6 outcomes of six comparisons, exactly the 75 weak orders of four things have ordered groups."""
    found = set()
    for code in range(3**6):
        sign = {pair: code // 3**place % 3 - 1 for place, pair in enumerate(PAIRS)}
        groups = ordered_groups(sign)
        if groups is None:
            continue
        rank = {i: place for place, group in enumerate(groups) for i in group}
        assert all((rank[i] < rank[j]) - (rank[i] > rank[j]) == value for (i, j), value in sign.items())
        found.add(tuple(tuple(group) for group in groups))
    assert len(found) == 75


def test_own_short_forms(tmp_path: Path) -> None:
    prompt = only(import_file([save(tmp_path / "a.jsonl", {"prompt": "Hi", "use_case": "chat"})]), Prompt)
    assert (prompt.id, turns(prompt), prompt.use_case) == ("a:1", [("user", "Hi")], "chat")
    shown = only(
        import_file([save(tmp_path / "b.jsonl", {"prompt": "Hi", "response": "Hello", "labeler": "ann"})]),
        Demonstration,
    )
    assert (shown.response, shown.labeler.id) == ("Hello", "ann")
    row = {"prompt": [USER], "responses": ["x", "y", "z"], "groups": [["B"], ["A", "C"]]}
    assert texts_by_rank(only(import_file([save(tmp_path / "c.jsonl", row)]), Ranking)) == [["y"], ["x", "z"]]
    row = {"prompt": "Hi", "response": "Hello", "likert": 6, "flags": ["hallucination"]}
    rating = only(import_file([save(tmp_path / "d.jsonl", row)]), Rating)
    assert (rating.likert, rating.flags, rating.response.text) == (6, {"hallucination"}, "Hello")
    imported = import_file([save(tmp_path / "e.jsonl", {"text": "Once.", "meta": {"x": 1}})])
    assert only(imported, Document).text == "Once."
    assert imported.notes["counts"] == {"field 'meta' of a document not kept": 1}


def test_own_full_records_come_back_as_they_were(tmp_path: Path) -> None:
    ranking = import_file([save(tmp_path / "a.jsonl", oasst_tree())]).rows[0]
    assert isinstance(ranking, Ranking)
    path = tmp_path / "own.jsonl"
    path.write_text(ranking.model_dump_json() + "\n", encoding="utf-8")
    assert only(import_file([path]), Ranking) == ranking


def test_own_labelers_of_one_task_share_its_id(tmp_path: Path) -> None:
    row = {"id": "task", "prompt": "Hi", "responses": ["x", "y"], "groups": [["A"], ["B"]]}
    path = save(tmp_path / "a.jsonl", row | {"labeler": "ann"}, row | {"labeler": "bob"})
    assert len(import_file([path]).rows) == 2


def test_equal_prompts_have_equal_ids(tmp_path: Path) -> None:
    rows = [{"prompt": text, "chosen": "b", "rejected": "c"} for text in ("Hi", "Hi", "Ho")]
    ids = [row.prompt.id for row in import_file([save(tmp_path / "a.jsonl", *rows)]).rows if isinstance(row, Ranking)]
    assert ids[0] == ids[1] != ids[2]


def test_a_json_array_is_read_like_lines(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "response": "b"}, {"prompt": "c", "response": "d"}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    assert [row.id for row in import_file([path]).rows if isinstance(row, Demonstration)] == ["a:2", "a:6"]


NEW_FORMAT = """
from preceptor.importers.base import Format, ImportConfig
from preceptor.records import Document

class Shouted(Format):
    name = "shouted"
    title = "texts to be shouted"

    class Config(ImportConfig):
        mark: str = "!"

    @classmethod
    def fits(cls, row):
        return row is not None and "shout" in row

    def records(self, item):
        yield Document(id=f"{item.line}", text=item.text("shout") + self.config.mark)
"""


def test_a_new_format_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shouted.py").write_text(NEW_FORMAT)
    package = importlib.import_module("preceptor.importers.formats")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    path = save(tmp_path / "a.jsonl", {"shout": "Hey"})
    assert only(import_file([path]), Document).text == "Hey!"
    assert only(import_file([path], "shouted", ["mark=X"]), Document).text == "HeyX"
