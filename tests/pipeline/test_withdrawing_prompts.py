"""A user withdrawn from the store of raw prompts is as one whose file was never added."""

import json
from pathlib import Path

from sqlalchemy import select

from preceptor.pipeline.adding import add_files
from preceptor.pipeline.withdrawing import withdraw
from preceptor.records.withdrawn import FILE, USER
from preceptor.store import Database, RawPrompt

USERS = ("alice@example.org", "bob", "carl", None)


def write(path: Path, users: tuple[str | None, ...]) -> Path:
    """Three prompts of each."""
    rows = [{"prompt": f"Question {number} of {user}?", "user": user} for user in users for number in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def raw(project: Path) -> set[str]:
    """What is in the store, users as pseudonyms of this project apart."""
    store = Database.open(f"sqlite:///{project}/labeling/labels.db", create=False)
    with store.read() as session:
        found = {json.dumps(messages) for messages in session.scalars(select(RawPrompt.messages))}
    store.close()
    return found


def test_withdrawing_a_user_equals_never_adding_their_file(tmp_path: Path) -> None:
    others, theirs = write(tmp_path / "others.jsonl", USERS[1:]), write(tmp_path / "theirs.jsonl", USERS[:1])
    for project, files in (("a", [others, theirs]), ("b", [others])):
        add_files(tmp_path / project, files, lambda text: None)
    assert len(raw(tmp_path / "a")) == 12
    done = withdraw(tmp_path / "a", None, user="alice@example.org")
    assert done.num_raw == 3
    assert "Removed from the store: 3 raw prompts of theirs." in list(done.lines())
    assert "alice" not in (tmp_path / "a" / FILE).read_text()
    assert raw(tmp_path / "a") == raw(tmp_path / "b")


def test_what_is_added_later_stays_out_and_is_counted(tmp_path: Path) -> None:
    project, everything = tmp_path / "project", write(tmp_path / "everything.jsonl", USERS)
    add_files(project, [write(tmp_path / "others.jsonl", USERS[1:])], lambda text: None)
    before = raw(project)
    assert withdraw(project, None, user="alice@example.org").num_raw == 0
    said: list[str] = []
    add_files(project, [everything], said.append)
    assert raw(project) == before
    assert USER in said[0]
