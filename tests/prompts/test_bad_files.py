"""Files that are wrong, by way of the command: a clear error or a counted row, and a store as it was before."""

import json
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from preceptor.prompts.adding import BATCH
from preceptor.store import Database, RawPrompt
from tests.commands import preceptor, start


def row(**fields: Any) -> bytes:
    return json.dumps({"prompt": "Why?", **fields}).encode()


def add(project: Path, path: Path, *options: str) -> tuple[int, str]:
    outcome = preceptor("prompts", "add", path, "-p", project, *options)
    return outcome.code, outcome.said


def stored(project: Path) -> list[RawPrompt]:
    database = Database.open(f"sqlite:///{project}/labeling/labels.db")
    try:
        with database.read() as session:
            return list(session.scalars(select(RawPrompt)))
    finally:
        database.close()


BAD_ROWS = {
    "latin-1": ('{"prompt": "Grüße"}'.encode("latin-1"), "byte 0xfc at column 15 is not UTF-8 text", "not UTF-8"),
    "null": (b'{"prompt": null}', "is no prompt, demonstration", "no known record"),
    "null content": (b'{"messages": [{"role": "user", "content": null}]}', "expected content as text", "malformed"),
    "null for messages": (b'{"messages": null}', "is no prompt, demonstration", "no known record"),
    "no text": (row(prompt=" \n"), "a prompt without text", "nothing asked"),
    "not a number": (b'{"prompt": "a", "metadata": {"score": NaN}}', "NaN or infinity", "not a number"),
    "infinite": (b'{"prompt": "a", "metadata": {"score": 1e999}}', "NaN or infinity", "not a number"),
    "too many digits": (b'{"prompt": "a", "metadata": {"n": ' + b"9" * 5000 + b"}}", "not JSON", "not JSON"),
    "too deep": (b'{"prompt": "a", "metadata": {"n": ' + b"[" * 9000 + b"]" * 9000 + b"}}", "not JSON", "not JSON"),
    "duplicate id": (row(id="first", prompt="Another"), "another row has the id 'first'", "duplicate id"),
    "user that is a list": (row(user=["ann"]), "field 'user'", "malformed row"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_an_error_with_its_place_or_a_count(tmp_path: Path, name: str) -> None:
    bad, problem, reason = BAD_ROWS[name]
    path = tmp_path / "asked.jsonl"
    path.write_bytes(b"\n".join([row(id="first", prompt="First?"), bad, row(id="last", prompt="Last?")]))
    code, said = add(tmp_path, path)
    assert code == 2
    assert f"error: {path}:2" in said
    assert problem in said
    assert "→" in said
    assert stored(tmp_path) == []
    code, said = add(tmp_path, path, "--skip-bad")
    assert code == 0
    assert "3 rows, 2 new prompts" in said
    assert "refused 1: " in said
    assert reason in said
    assert f"({path.name}:2)" in said
    assert {one.messages[0]["content"] for one in stored(tmp_path)} == {"First?", "Last?"}


def test_an_address_as_user_id_is_nowhere_in_the_store(tmp_path: Path) -> None:
    """Not in another case, as a key, as a part of an id or of what metadata say; what was asked stays as it was."""
    metadata = {
        "by": "ANN@example.org",
        "Ann@Example.org": [1, {"to": "<ann@example.org>"}],
        "to": "bob@example.org",
    }
    path = tmp_path / "asked.jsonl"
    path.write_bytes(row(id="ann@example.org-1", user="ann@example.org", metadata=metadata))
    assert add(tmp_path, path)[0] == 0
    (found,) = stored(tmp_path)
    user = str(found.user)
    assert found.given_id == f"{user}-1"
    assert found.details == {"by": user, user: [1, {"to": f"<{user}>"}], "to": "bob@example.org"}
    kept = b"".join(file.read_bytes() for file in (tmp_path / "labeling").iterdir())
    assert b"ann@example" not in kept.lower()


def test_formulas_are_text_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "asked.csv"
    path.write_text('prompt,user\n"=HYPERLINK(""http://evil.example"")",=cmd\n+1+1,@sum\nplain,x\n')
    code, said = add(tmp_path, path)
    assert code == 0
    assert "a spreadsheet would run as a formula: 2" in said
    assert '=HYPERLINK("http://evil.example")' in {one.messages[0]["content"] for one in stored(tmp_path)}


def test_killed_in_the_middle_it_leaves_whole_batches_and_goes_on(tmp_path: Path) -> None:
    path, num = tmp_path / "asked.jsonl", 12 * BATCH
    path.write_bytes(b"\n".join(row(prompt=f"Question {number}?", user=f"u{number % 99}") for number in range(num)))
    process = start("prompts", "add", path, "-p", tmp_path)
    while _num_read(tmp_path) < BATCH:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = _num_read(tmp_path)
    assert left % BATCH == 0
    assert left < num, "it was done before it could be killed"
    assert len(stored(tmp_path)) == left
    assert preceptor("verify", "-p", tmp_path).code == 0
    code, said = add(tmp_path, path)
    assert code == 0
    assert f"{num:,} rows, {num:,} new prompts, 0 known already" in said
    assert len(stored(tmp_path)) == num
    assert "nothing to do" in add(tmp_path, path)[1]


def _num_read(project: Path) -> int:
    """How far the file is, as another process sees it."""
    path = project / "labeling" / "labels.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            return connection.execute("SELECT coalesce(max(num_read), 0) FROM prompt_files").fetchone()[0]
        except sqlite3.OperationalError:
            return 0  # there are no tables yet
