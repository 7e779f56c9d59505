"""The tables count what is in the sets, checked by hand."""

from typing import Any

from preceptor.prompts.tables import (
    length_tables,
    predicted_table,
    properties_table,
    sizes_table,
    taught_table,
    unsafe_table,
    use_cases_table,
)
from preceptor.records import Message, Prompt


def prompt(name: str, source: str, user: str | None, split: str = "train", use_case: str | None = None) -> Prompt:
    fields = {"id": name, "source": source, "user": user, "split": split, "use_case": use_case}
    return Prompt.model_validate({**fields, "messages": (Message(role="user", content=name),)})


SETS = {
    "sft": [
        prompt("a", "labeler", "ann"), prompt("bb", "labeler", "ann", use_case="chat"),
        prompt("cccc", "customer", "ben", "valid", "extract"),
    ],
    "test": [prompt("dddd", "customer", None, "test", "chat")],
}  # fmt: skip


def test_sizes_by_set_split_and_source() -> None:
    table = sizes_table(SETS)
    assert table.head == ("source", "sft train", "sft valid", "test test")
    assert table.rows == [
        ("customer", "0", "1", "1"),
        ("labeler", "2", "0", "0"),
        ("total", "2", "1", "1"),
        ("users", "1", "1", "0"),
        ("prompts per user", "2.00", "1.00", "–"),
    ]


def test_use_cases_are_shares_of_what_is_given() -> None:
    rows = {row[0]: row[1:] for row in use_cases_table(SETS).rows}
    assert rows["chat"] == ("50.0 %", "100.0 %")
    assert rows["extract"] == ("50.0 %", "0.0 %")
    assert rows["not given"] == ("1", "0")


def said(row: Prompt, **metadata: Any) -> Prompt:
    return row.model_copy(update={"metadata": metadata})


DESCRIBED = {
    "sft": [
        said(prompt("a", "customer", None), predicted={"use_case": "chat", "properties": {"sensitive": True}}),
        said(prompt("b", "customer", None), predicted={"use_case": "rewrite"}, unsafe={"score": 1.0}),
        said(prompt("c", "customer", None, use_case="chat"),
             labels={"properties": {"sensitive": False}, "num_labelers": 2, "num_simulated": 1},
             predicted={"use_case": "rewrite", "properties": {"ambiguous": False}}),
        said(prompt("d", "customer", None, "valid"), predicted="a source's own", labels=[1], unsafe=True),
    ],
    "test": [said(prompt("e", "customer", None, "test", "chat"), labels={"properties": {"sensitive": True}})],
}  # fmt: skip


def test_what_is_predicted_is_counted_apart_and_only_where_nobody_said() -> None:
    rows = {row[0]: row[1:] for row in predicted_table(DESCRIBED).rows}
    assert rows["chat"] == ("50.0 %", "–")
    assert rows["rewrite"] == ("50.0 %", "–")
    assert rows["predicted"] == ("2", "0")
    assert taught_table(DESCRIBED, {"labeler": 7}).rows == [("customer", "0", "2"), ("labeler", "7", "0")]
    table = properties_table(DESCRIBED)
    assert table.title.endswith("(like Table 7), 1 of them labeled by simulated labelers")
    assert table.rows == [("ambiguous", "0", "–", "1", "0.0 %"), ("sensitive", "2", "50.0 %", "1", "100.0 %")]


def test_what_is_flagged_by_set_and_split() -> None:
    table = unsafe_table(DESCRIBED, "Unsafe content")
    assert table.rows == [
        ("sft train", "3", "1", "33.3 %"), ("sft valid", "1", "0", "0.0 %"), ("test test", "1", "0", "0.0 %"),
    ]  # fmt: skip


def test_lengths() -> None:
    by_set, by_use_case, by_source = length_tables(SETS, lambda one: len(one.text), "letters")
    assert by_set.rows[0] == ("sft train", "2", "2", "0", "1", "1", "2", "2", "2")
    assert [row[:3] for row in by_use_case.rows] == [("chat", "2", "3"), ("extract", "1", "4")]
    assert [row[:3] for row in by_source.rows] == [("customer", "2", "4"), ("labeler", "2", "2")]
    assert "| sft train | 2 | 2 |" in by_set.markdown()
