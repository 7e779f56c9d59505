"""Bad files: one error that names file, line, field and remedy; or, with skip_bad, a count. Never a silent loss."""

import gzip
import json
import re
from pathlib import Path

import pytest

from preceptor.errors import UserError
from preceptor.importers import import_file

GOOD = json.dumps({"id": "g", "prompt": "p", "chosen": "a", "rejected": "b"}).encode()


def line(**fields: object) -> bytes:
    return json.dumps({"prompt": "p", "chosen": "a", "rejected": "b"} | fields).encode()


BAD_LINES = {
    "half a line": (b'{"prompt": "p", "chosen": "a", "rej', "not JSON", None),
    "latin-1": (b'{"prompt": "caf\xe9", "chosen": "a", "rejected": "b"}', "byte 0xe9 at column 16 is not UTF-8", None),
    "null field": (line(chosen=None), "is null", "chosen"),
    "missing field": (b'{"prompt": "p", "chosen": "a"}', "is missing; this row has 'prompt', 'chosen'", "rejected"),
    "number for text": (line(chosen=7), "expected text, got 7", "chosen"),
    "null row": (b"null", "expected a JSON object, got null", None),
    "list row": (b"3", "expected a JSON object, got 3", None),
    "duplicate id": (GOOD, "has id 'g', as has a.jsonl:1", "id"),
    "lone surrogate": (b'{"prompt": "p", "chosen": "\\ud83d", "rejected": "b"}', "half of a surrogate pair", None),
    "unknown role": (line(prompt=[{"role": "king", "content": "x"}]), "expected a role among", "prompt.0"),
    "message without content": (line(prompt=[{"role": "user"}]), "expected content", "prompt.0"),
    "two turns": (line(chosen=[{"role": "user", "content": "x"}]), "expected one assistant message", "chosen"),
    "prompt ends with the assistant": (
        line(prompt=[{"role": "assistant", "content": "x"}]),
        "assistant is to speak",
        None,
    ),
    "nested too deep": (b"[" * 100_000, "not JSON", None),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_an_error_or_a_count(tmp_path: Path, name: str) -> None:
    bad, problem, field = BAD_LINES[name]
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b"\n\n" + bad + b"\n" + GOOD.replace(b'"g"', b'"h"') + b"\n")
    with pytest.raises(UserError) as error:
        import_file([path])
    assert problem in error.value.problem
    assert (error.value.file, error.value.line) == (str(path), 3)
    assert error.value.field is None if field is None else str(error.value.field).endswith(field)
    assert error.value.remedy
    imported = import_file([path], skip_bad=True)
    assert len(imported.rows) == 2
    assert sum(imported.dropped.values()) == 1


BAD_FILES = {
    "empty": (b"", "the file is empty", None),
    "blank": (b"\n  \n", "only blank lines", None),
    "utf-16": ('{"a": 1}'.encode("utf-16"), "UTF-16", None),
    "half an array": (b'[\n{"prompt": "a", "response": "b"},\n{"prompt": "c"', "array breaks off", 3),
    "array without a comma": (b'[{"prompt": "a", "response": "b"}\n{"prompt": "c"}]', "expected ',' or ']'", 2),
    "empty array": (b"[]", "an empty list", None),
    "unknown fields": (b'{"foo": 1}\n', "fits no format; it has the fields foo", None),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_an_error(tmp_path: Path, name: str) -> None:
    content, problem, number = BAD_FILES[name]
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    for skip_bad in (False, True):
        with pytest.raises(UserError, match=re.escape(problem)) as error:
            import_file([path], skip_bad=skip_bad)
        assert (error.value.file, error.value.line) == (str(path), number)


def test_gzip_that_is_none_cut_off_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(GOOD + b"\n")
    with pytest.raises(UserError, match=r"named \.gz, but not a gzip file"):
        import_file([path])
    whole = gzip.compress(b"".join(line(id=str(i), chosen=f"{i * 7919}") + b"\n" for i in range(500)))
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    for content in (whole[: len(whole) // 2], bytes(damaged)):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"damaged gzip|not JSON|UTF-8") as error:
            import_file([path])
        assert error.value.file == str(path)
    path.write_bytes(whole)
    assert len(import_file([path]).rows) == 500


def test_gzip_without_its_ending_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(GOOD))
    assert len(import_file([path]).rows) == 1


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD + b"\r\n")
    assert len(import_file([path]).rows) == 1
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfchosen,rejected\r\na,b\r\n")
    assert len(import_file([path]).rows) == 1


def test_a_ranking_that_names_a_response_that_does_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = {"prompt": "p", "responses": ["x", "y"], "groups": [["A"], ["B"]]}
    path.write_text("".join(json.dumps(row) + "\n" for row in (good, good | {"groups": [["A"], ["C"]]})))
    with pytest.raises(UserError, match="groups name a response that does not exist: 'C'") as error:
        import_file([path])
    assert error.value.line == 2
    assert import_file([path], skip_bad=True).dropped == {"response that does not exist": 1}


def test_a_choice_or_rank_that_makes_no_sense(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        json.dumps({"info": {"post": "x"}, "summaries": [{"text": "a"}, {"text": "b"}], "choice": 2}) + "\n"
    )
    with pytest.raises(UserError, match="there are only summaries 0 and 1") as error:
        import_file([path])
    assert error.value.field == "choice"
    replies = [{"message_id": name, "role": "assistant", "text": name, "rank": "first"} for name in "ab"]
    tree = {"message_tree_id": "t", "prompt": {"message_id": "q", "role": "prompter", "text": "q", "replies": replies}}
    path.write_text(json.dumps(tree) + "\n")
    with pytest.raises(UserError, match="expected a whole number, got 'first'"):
        import_file([path])


def test_rows_of_two_kinds_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "a", "response": "b"}\n{"prompt": "a"}\n')
    with pytest.raises(UserError, match="is one of prompts, but the rows before are demonstrations") as error:
        import_file([path])
    assert error.value.line == 2


def test_all_rows_dropped_is_an_error_with_the_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"prompt": "p", "chosen": "a", "rejected": null}\n' * 3)
    with pytest.raises(UserError, match=r"no row could be imported \(dropped: 3 field 'rejected' is null\)"):
        import_file([path], skip_bad=True)


def test_paths_formats_and_options_that_do_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD)
    with pytest.raises(UserError, match="no such file or folder"):
        import_file([tmp_path / "b.jsonl"])
    with pytest.raises(UserError, match="no file to import"):
        import_file([])
    with pytest.raises(UserError, match="no format 'hhh'") as error:
        import_file([path], "hhh")
    assert "hh, oasst" in error.value.remedy
    with pytest.raises(UserError, match="unknown key 'skip_bda'") as error:
        import_file([path], options={"skip_bda": True})
    assert "skip_bad" in error.value.remedy
    with pytest.raises(UserError, match="not KEY=VALUE"):
        import_file([path], options=["skip_bad"])


def test_a_dialogue_without_an_assistant_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = "\n\nHuman: a\n\nAssistant: b"
    path.write_text(json.dumps({"chosen": good, "rejected": "just text"}) + "\n")
    with pytest.raises(UserError, match="no Human turn that an Assistant turn follows") as error:
        import_file([path], "hh")
    assert (error.value.line, error.value.field) == (1, "rejected")
    path.write_text(json.dumps({"chosen": good, "rejected": "\n\nHuman: z\n\nAssistant: b"}) + "\n")
    with pytest.raises(UserError, match="share no turn"):
        import_file([path], "hh")
