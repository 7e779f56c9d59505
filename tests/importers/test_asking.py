"""Prompts read row by row: formats of logs and tables, in memory that does not grow, and everything that is wrong."""

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from preceptor.errors import UserError
from preceptor.importers import reading
from preceptor.importers.asking import AskedRow, asked_rows, open_prompts
from preceptor.importers.parquet import parquet_items
from preceptor.records import Prompt

HUMAN, GPT = {"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}
BEES = {"role": "user", "content": "What do bees eat?"}


def rows_of(path: Path, *options: str, format: str = "auto") -> list[AskedRow]:
    return list(asked_rows(open_prompts(path, format, options), path))


def prompts_of(path: Path, *options: str, format: str = "auto") -> list[Prompt]:
    rows = rows_of(path, *options, format=format)
    assert not [row.refused for row in rows if row.refused]
    return [prompt for row in rows for prompt in row.prompts]


def save(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_sharegpt_gives_a_prompt_for_each_turn_of_the_user(tmp_path: Path) -> None:
    more = {"from": "human", "value": "More"}
    path = tmp_path / "shared.json"
    path.write_text(json.dumps([{"id": "c1", "conversations": [HUMAN, GPT, more]}], indent=1), encoding="utf-8")
    first, second = prompts_of(path)
    assert [(first.id, first.text), (second.id, second.text)] == [("c1:0", "Hi"), ("c1:1", "More")]
    assert [message.role for message in second.messages] == ["user", "assistant", "user"]
    assert first.user == second.user == "c1", "one conversation is never parted"


REQUEST = {"model": "m", "messages": [BEES], "user": "anna@example.org"}


@pytest.mark.parametrize(
    "row",
    [
        REQUEST,
        {"request": REQUEST, "response": {"choices": []}},
        {"custom_id": "x", "method": "POST", "url": "/v1/chat/completions", "body": REQUEST},
        {"request": {"model": "m", "prompt": BEES["content"], "user": "anna@example.org"}},
        {
            "request": {
                **REQUEST,
                "messages": [{"role": "user", "content": [{"type": "text", "text": BEES["content"]}]}],
            }
        },
    ],
    ids=["bare", "logged", "batch", "text", "parts"],
)
def test_requests_of_every_shape_are_the_same_prompt(tmp_path: Path, row: dict[str, Any]) -> None:
    (prompt,) = prompts_of(save(tmp_path / "log.jsonl", {**row, "created": 1700000000}))
    assert prompt.messages[0].content == BEES["content"]
    assert prompt.user == "anna@example.org"
    assert prompt.source == "openai"
    assert prompt.metadata["time"] == 1700000000


def test_every_question_of_a_tree_is_a_prompt_of_the_one_who_began_it(tmp_path: Path) -> None:
    follow = {"message_id": "q2", "role": "prompter", "text": "Why?", "user_id": "other"}
    reply = {"message_id": "a1", "role": "assistant", "text": "No.", "replies": [follow]}
    hidden = {"message_id": "q3", "role": "prompter", "text": "Bad", "deleted": True}
    root = {"message_id": "q1", "role": "prompter", "text": "Is it?", "user_id": "first",
            "replies": [reply, {**reply, "replies": [hidden]}]}  # fmt: skip
    prompts = prompts_of(save(tmp_path / "trees.jsonl", {"message_tree_id": "t", "prompt": root}))
    assert [(prompt.id, prompt.user, len(prompt.messages)) for prompt in prompts] == [
        ("q1", "first", 1), ("q2", "first", 3),
    ]  # fmt: skip


def test_prompts_of_demonstrations(tmp_path: Path) -> None:
    dolly = {"instruction": "Who?", "context": "Ada wrote.", "response": "Ada.", "category": "closed_qa"}
    (prompt,) = prompts_of(save(tmp_path / "dolly.jsonl", dolly))
    assert (prompt.text, prompt.use_case) == ("Who?\n\nAda wrote.", "closed_qa")
    task = {"id": "s", "instruction": "Add.", "instances": [{"input": "1 2", "output": "3"}]}
    assert prompts_of(save(tmp_path / "seed.jsonl", task))[0].text == "Add.\n\n1 2"


def test_columns_of_any_name(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('nr,who,said,when,tag\n7,anna,"Two\nlines",2024-01-01,x\n8,ben,=SUM(A1),,y\n', encoding="utf-8")
    options = ("prompt=said", "user=who", "id=nr", "time=when", "metadata=[tag]")
    importer = open_prompts(path, "auto", options)
    first, second = (prompt for row in asked_rows(importer, path) for prompt in row.prompts)
    assert (first.id, first.user, first.text) == ("7", "anna", "Two\nlines")
    assert first.metadata == {"tag": "x", "time": "2024-01-01"}
    assert (second.text, second.metadata) == ("=SUM(A1)", {"tag": "y"}), "a formula is text, and no more"
    assert importer.counts["prompts that a spreadsheet would run as a formula"] == 1


def test_parquet_with_nested_messages(tmp_path: Path) -> None:
    path = tmp_path / "chat.parquet"
    chats = [[BEES], [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}], None]
    pq.write_table(pa.table({"messages": chats, "user": ["a", None, "c"]}), path, row_group_size=2)
    rows = rows_of(path)
    assert [prompt.text for row in rows for prompt in row.prompts] == [BEES["content"], "Hi"]
    assert rows[2].refused
    assert (rows[2].refused.reason, rows[2].refused.line) == ("field 'messages' is null", 3)


def test_parquet_that_is_damaged_or_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chat.parquet"
    pq.write_table(pa.table({"prompt": ["the same"] * 1000}), path)
    with monkeypatch.context() as patched:
        patched.setattr("preceptor.importers.parquet.MAX_GROUP", 10)
        with pytest.raises(UserError, match="a row group unpacks to"):
            list(parquet_items(path))
    path.write_bytes(path.read_bytes()[:-30] + b"PAR1")
    with pytest.raises(UserError, match="damaged Parquet"):
        rows_of(path)


BAD = {
    "missing column": (b"prompt,user\na,b\n", ("user=uid",), "no field 'uid'", 2),
    "no prompt column": (b"x,y\na,b\n", (), "no prompt column", 2),
    "not UTF-8": (b"prompt\nfine\nM\xfcnchen\n", (), "not UTF-8", 3),
    "another number of cells": (b"prompt,user\na,b\nc\n", (), "another number of cells", 3),
    "empty": (b"prompt,user\n ,b\n", (), "empty prompt", 2),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_a_row_has_its_place(tmp_path: Path, name: str) -> None:
    content, options, reason, line = BAD[name]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    (refused,) = [row.refused for row in rows_of(path, *options) if row.refused]
    assert (refused.reason, refused.line, refused.file) == (reason, line, str(path))


def test_lines_that_are_no_rows_are_passed_over_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write(b'{"prompt": "before"}\n{"prompt": "')
        for _ in range(100):
            file.write(b"x" * 2**20)
        file.write(b'"}\n{"prompt": "after"}\n')
    tracemalloc.start()
    first, second, third = rows_of(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (first.prompts[0].text, third.prompts[0].text) == ("before", "after")
    assert second.refused
    assert (second.refused.reason, second.refused.line) == ("too long", 2)
    assert peak < 70 * 2**20


def test_an_array_is_read_in_little_memory_and_its_lines_are_known(tmp_path: Path) -> None:
    path = tmp_path / "array.json"
    with path.open("w") as file:
        file.write("[")
        for number in range(20_000):
            file.write(f'{"," if number else ""}\n{{"prompt": "{number} ü {"x" * 500}"}}')
        file.write("\n]\n")
    tracemalloc.start()
    importer, texts = open_prompts(path), 0
    for row in asked_rows(importer, path):
        texts += 1
        assert row.line == texts + 1
        assert row.prompts[0].text.startswith(f"{texts - 1} ü")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert texts == 20_000
    assert peak < 12 * 2**20


def test_an_object_longer_than_any_row_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_LINE", 2**21)
    path = tmp_path / "array.json"
    path.write_text('[{"prompt": "short"},\n{"prompt": "' + "x" * 2**23 + '"}]')
    with pytest.raises(UserError, match="longer than 2 MiB") as caught:
        rows_of(path)
    assert caught.value.line == 2


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FREE_BYTES", 2**20)
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb") as file:
        file.write(b'{"prompt": "a"}\n' * 10 + b"0" * 2**25)
    with pytest.raises(UserError, match="unpacks to more than"):
        rows_of(path, format="own")
    honest = tmp_path / "fine.jsonl.gz"
    with gzip.open(honest, "wb") as file:
        file.write(b'{"prompt": "a"}\n' * 1000)
    assert len(rows_of(honest)) == 1000


def test_a_zip_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK\x03\x04rest of it")
    with pytest.raises(UserError, match="a zip archive"):
        rows_of(path)
