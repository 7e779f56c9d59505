"""A user withdrawn from the store of raw prompts is as one whose file was never added."""

import json
from pathlib import Path

from sqlalchemy import select

from preceptor.importers import import_into
from preceptor.pipeline.adding import add_files
from preceptor.pipeline.human import HumanFeedback
from preceptor.pipeline.recipe import Recipe
from preceptor.pipeline.withdrawing import withdraw
from preceptor.prompts.adding import SALT
from preceptor.records import pseudonym_of_user, write_artifact
from preceptor.records.withdrawn import FILE, USER, Withdrawn
from preceptor.store import Database, RawPrompt
from preceptor.store.tables import Setting
from tests.planted import prompts

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


def pseudonym_of(project: Path, user: str) -> str:
    """What the project's store calls a user."""
    store = Database.open(f"sqlite:///{project}/labeling/labels.db", create=False)
    with store.read() as session:
        salt = session.get_one(Setting, SALT).value["salt"]
    store.close()
    return pseudonym_of_user(salt, user)


def test_who_is_withdrawn_by_pseudonym_does_not_come_back_by_their_id(tmp_path: Path) -> None:
    """Files have the id, the store and what was built of it the pseudonym: either way it is one person."""
    project, first = tmp_path / "project", write(tmp_path / "first.jsonl", USERS)
    add_files(project, [first], lambda text: None)
    import_into(project, [first])
    alice = pseudonym_of(project, "alice@example.org")
    done = withdraw(project, None, user=alice)
    assert (done.num_raw, done.rows) == (3, {"data/first": (3, 12)})
    before, said = raw(project), list[str]()
    second = write(tmp_path / "second.jsonl", (*USERS, "dora"))
    add_files(project, [second], said.append)
    assert len(raw(project) - before) == 3
    assert f"{USER}: 3" in said[0]
    imported = import_into(project, [second])
    assert imported.manifest.dropped == {USER: 3}
    feedback = HumanFeedback(project / "data", Recipe(feedback="human"), lambda text: None)
    assert {row.user for row in feedback.prompts()} == {"bob", "carl", "dora", None}
    assert withdraw(project, None, user="alice@example.org").since is not None


def test_the_store_s_salt_stays_there_as_long_as_ids_are_given(tmp_path: Path) -> None:
    project = tmp_path / "project"
    add_files(project, [write(tmp_path / "first.jsonl", USERS)], lambda text: None)
    withdraw(project, None, user="alice@example.org")
    assert [stone.pseudonym_salt for stone in Withdrawn.of(project).kept.stones] == [None]
    withdraw(project, None, user=pseudonym_of(project, "bob"))
    assert Withdrawn.of(project).has("user", "bob")
    assert not Withdrawn.of(project).has("user", "carl")
    assert not Withdrawn.of(project).has("labeler", "bob")


def test_a_pseudonym_that_was_withdrawn_without_its_store_can_be_withdrawn_again_with_it(tmp_path: Path) -> None:
    project, url = tmp_path / "project", f"sqlite:///{tmp_path}/elsewhere.db"
    write_artifact(project / "data" / "mine", prompts(2), "prompts")
    add_files(project, [write(tmp_path / "first.jsonl", USERS)], lambda text: None, store=url)
    store = Database.open(url)
    with store.read() as session:
        bob = pseudonym_of_user(session.get_one(Setting, SALT).value["salt"], "bob")
    store.close()
    assert any("--store" in line for line in withdraw(project, None, user=bob).lines())
    assert not Withdrawn.of(project).has("user", "bob")
    assert withdraw(project, url, user=bob).num_raw == 3
    assert Withdrawn.of(project).has("user", "bob")
