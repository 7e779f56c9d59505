"""Pairs from tables: every layout by its column map."""

from pathlib import Path
from typing import Any

import pytest

from preceptor.errors import UserError
from preceptor.importers import import_file
from preceptor.records import Ranking


def table(path: Path, *lines: str, options: Any = ()) -> list[Ranking]:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    rows = import_file([path], options=options).rows
    return [row for row in rows if isinstance(row, Ranking)]


def best(row: Ranking) -> list[list[str]]:
    text = {response.id: response.text for response in row.responses}
    return [[text[name] for name in group] for group in row.groups]


def test_known_names_need_no_map(tmp_path: Path) -> None:
    row = table(tmp_path / "a.csv", "id,prompt,chosen,rejected,labeler", '7,"Say, hi","Hi ""you""",No,ann')[0]
    assert (row.id, row.prompt.text, row.labeler.id) == ("7", "Say, hi", "ann")
    assert best(row) == [['Hi "you"'], ["No"]]


def test_first_second_label_with_ties(tmp_path: Path) -> None:
    lines = ("#id\tlabel\ta1\ta2", 'x\ta2\t"one\ttwo', "y\ta1\tthree\tfour", "z\tequal\tfive\tsix")
    rows = table(tmp_path / "is-tea_good.csv", *lines)
    assert [best(row) for row in rows] == [[["two"], ['"one']], [["three"], ["four"]], [["five", "six"]]]
    assert {row.prompt.text for row in rows} == {"is tea good"}
    assert [row.id for row in rows] == ["x", "y", "z"]


def test_texts_in_a_second_table(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("10\t0.5\tten\n20\t0.1\ttwenty\n", encoding="utf-8")
    options = {
        "chosen": 1,
        "rejected": 2,
        "texts_file": str(tmp_path / "texts.txt"),
        "texts_text": 3,
        "prompt_text": "Joke!",
    }
    rows = table(tmp_path / "pairs.csv", "20,10", "10,20", options=options)
    assert [best(row) for row in rows] == [[["twenty"], ["ten"]], [["ten"], ["twenty"]]]
    assert rows[0].groups == (("20",), ("10",))
    assert rows[0].prompt.text == "Joke!"


def test_own_labels_and_columns_by_number_or_name(tmp_path: Path) -> None:
    options = ["first=2", "second=Right text", "label=pref", "first_labels=[1]", "second_labels=[2]", "tie_labels=[0]"]
    lines = ("pref;Left text;Right text", "1;a;b", "2;c;d", "0;e;f")
    rows = table(tmp_path / "a.csv", *lines, options=options)
    assert [best(row) for row in rows] == [[["a"], ["b"]], [["d"], ["c"]], [["e", "f"]]]


def test_cells_with_line_breaks_keep_their_line_number(tmp_path: Path) -> None:
    rows = table(tmp_path / "a.csv", "chosen,rejected", '"one', 'two",x', "y,z")
    assert best(rows[0]) == [["one\ntwo"], ["x"]]
    assert [row.id for row in rows] == ["a:2", "a:4"]


@pytest.mark.parametrize(
    ("lines", "options", "line", "problem", "remedy"),
    [
        (["chosen\trejected", "a\tb"], ["delimiter=comma"], 1, "no columns that say which", "delimiter=tab"),
        (["winner_text,loser", "a,b"], [], 1, "no columns that say which", "map the columns"),
        (["chosen,rejected", "a,b"], ["prompt=question"], 1, "no column 'question'", "map the columns"),
        (["a,b"], ["chosen=1", "rejected=3"], 1, "no column 3", "map the columns"),
        (["chosen,rejected", "a,b", "c"], [], 3, "has 1 columns, the first row has 2", "--skip-bad"),
        (["a1,a2,label", "x,y,maybe"], [], 2, "'maybe' says neither", "tie_labels"),
        (["chosen,rejected", 'a,"b', "c,d"], [], 2, "never closed", "quoting=none"),
        (["chosen,rejected", 'a,"b"c', "c,d"], [], 2, "expected after", "--skip-bad"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, lines: list[str], options: list[str], line: int, problem: str, remedy: str
) -> None:
    with pytest.raises(UserError, match=problem) as error:
        table(tmp_path / "a.csv", *lines, options=options)
    assert error.value.line == line
    assert remedy in error.value.remedy


def test_a_text_that_does_not_exist_is_named(tmp_path: Path) -> None:
    (tmp_path / "texts.tsv").write_text("1\tone\n2\ttwo\n")
    options = {"chosen": 1, "rejected": 2, "texts_file": str(tmp_path / "texts.tsv")}
    with pytest.raises(UserError, match=r"names response '3', which is not in texts\.tsv") as error:
        table(tmp_path / "a.csv", "1,2", "3,1", options=options)
    assert (error.value.line, error.value.field) == (2, "chosen")
    (tmp_path / "texts.tsv").write_text("1\tone\n1\ttwo\n")
    with pytest.raises(UserError, match="second text with id '1'"):
        table(tmp_path / "a.csv", "1,2", options=options)


def test_a_row_of_one_response_against_itself_is_no_pair(tmp_path: Path) -> None:
    (tmp_path / "texts.tsv").write_text("1\tone\n")
    options = {"chosen": 1, "rejected": 2, "texts_file": str(tmp_path / "texts.tsv")}
    with pytest.raises(UserError, match="two responses share an id"):
        table(tmp_path / "a.csv", "1,1", options=options)


def test_skipped_rows_of_a_table_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'chosen,rejected\na,b\nonly one\nc,caf\xe9\n\n"x"y,z\ne,f\n')
    imported = import_file([path], skip_bad=True)
    assert [row.id for row in imported.rows if isinstance(row, Ranking)] == ["a:2", "a:7"]
    assert imported.dropped == {"wrong number of columns": 1, "not UTF-8": 1, "malformed row": 1}
