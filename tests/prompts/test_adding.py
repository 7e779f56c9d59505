"""Raw prompts into the store, on both databases: whole batches or nothing, twice is once, users under pseudonyms."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from preceptor.errors import UserError
from preceptor.prompts import adding
from preceptor.prompts.engine import Local
from preceptor.prompts.raw import StoredPrompts
from preceptor.records import pseudonym_of_user
from preceptor.store import Database, PromptFile, RawPrompt
from preceptor.store.tables import Setting
from tests.prompts.rows import add_file


def log(path: Path, first: int, num: int, **more: Any) -> Path:
    rows = [{"prompt": f"Question {n}?", "user": f"u{n % 7}@example.org", **more} for n in range(first, first + num)]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def everything(store: Database) -> list[tuple[Any, ...]]:
    shards = StoredPrompts(store, Local()).each("", lambda rows, part: rows)
    return [(raw.key, raw.user, raw.source, raw.messages, raw.details) for shard in shards for raw in shard]


def test_a_file_comes_in_once(store: Database, tmp_path: Path) -> None:
    path = log(tmp_path / "log.jsonl", 0, 1234)
    added = add_file(store, path)
    assert (added.num_read, added.num_added, added.num_known, added.refused) == (1234, 1234, 0, {})
    before = everything(store)
    assert add_file(store, path).was_done
    assert everything(store) == before
    longer = add_file(store, log(tmp_path / "longer.jsonl", 0, 1300))
    assert (longer.num_added, longer.num_known) == (66, 1234)
    assert set(map(str, before)) < set(map(str, everything(store)))


def test_users_are_pseudonyms_wherever_they_stand(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    row = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "user": "ann@example.org"}
    path.write_text(json.dumps({"request": row, "timestamp": "by ann@example.org"}))
    add_file(store, path)
    table = tmp_path / "table.csv"
    table.write_text("prompt,user,mail,nr\nHello,ann@example.org,ann@example.org,12\nHey,12,none,12\n")
    add_file(store, table, "metadata=[mail, nr]")
    with store.read() as session:
        salt = session.get_one(Setting, "prompts.salt").value["salt"]
        rows = session.scalars(select(RawPrompt)).all()
    assert "example.org" not in str([(row.user, row.details, row.messages) for row in rows])
    ann = pseudonym_of_user(salt, "ann@example.org")
    assert sorted(row.user for row in rows) == sorted([ann, ann, pseudonym_of_user(salt, "12")])
    assert {row.details.get("nr") for row in rows} == {None, "12", pseudonym_of_user(salt, "12")}
    assert pseudonym_of_user("other", "ann@example.org") != ann


def test_each_project_has_its_own_salt_and_keeps_it(store: Database, sqlite_store: Database) -> None:
    salts = []
    for one in (store, sqlite_store):
        for _ in range(2):
            with one.write() as session:
                salts.append(adding.project_salt(session))
    assert salts[0] == salts[1]
    assert salts[2] == salts[3]


@pytest.mark.parametrize("killed_at", [0, 1, 499, 500, 1100])
def test_killed_in_the_middle_it_goes_on_after_the_last_whole_batch(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    path = log(tmp_path / "log.jsonl", 0, 1234)
    true_insert, seen = adding._stored, 0

    def killing(*arguments: Any) -> Any:
        nonlocal seen
        for row in true_insert(*arguments):
            if seen == killed_at:
                raise KeyboardInterrupt
            seen += 1
            yield row

    with monkeypatch.context() as patched:
        patched.setattr(adding, "_stored", killing)
        with pytest.raises(KeyboardInterrupt):
            add_file(store, path)
    whole = killed_at // adding.BATCH * adding.BATCH
    assert len(everything(store)) == whole
    with store.read() as session:
        assert session.scalars(select(PromptFile)).one().num_read == whole
    assert add_file(store, path).num_added == 1234
    with store.read() as session:
        assert session.scalars(select(PromptFile)).one().is_done
    assert len(everything(store)) == 1234


def test_a_bad_row_stops_with_its_place_and_leaves_its_batch_out(store: Database, tmp_path: Path) -> None:
    path = log(tmp_path / "log.jsonl", 0, 700)
    lines = path.read_text().splitlines()
    lines[600] = '{"prompt": null}'
    path.write_text("\n".join(lines))
    with pytest.raises(UserError) as caught:
        add_file(store, path)
    assert (caught.value.file, caught.value.line) == (str(path), 601)
    assert len(everything(store)) == 500
    added = add_file(store, path, skip_bad=True)
    assert added.num_added == 699
    (entry,) = added.refused.values()
    assert entry == {"num": 1, "lines": [601]}


def test_an_id_that_two_rows_share_is_refused_and_a_row_that_is_there_twice_is_one(
    store: Database, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id,prompt\n1,a\n2,b\n1,a\n1,c\n")
    with pytest.raises(UserError, match="another row has the id '1'") as caught:
        add_file(store, path)
    assert caught.value.line == 5
    assert not everything(store)
    added = add_file(store, path, skip_bad=True)
    assert (added.num_read, added.num_added, added.num_known) == (4, 2, 1)
    assert added.refused == {"duplicate id": {"num": 1, "lines": [5]}}


def test_characters_that_postgresql_cannot_keep(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"prompt": "a\0b", "metadata": {"x": "\0"}}))
    add_file(store, path)
    ((_, _, _, messages, details),) = everything(store)
    assert messages == [{"role": "user", "content": "a\ufffdb"}]
    assert details == {"x": "\ufffd"}


def test_memory_does_not_grow_with_the_file(sqlite_store: Database, tmp_path: Path) -> None:
    import tracemalloc

    peaks = []
    for num in (2000, 8000):
        path = log(tmp_path / f"{num}.jsonl", num * 10, num, metadata={"more": "x" * 500})
        tracemalloc.start()
        add_file(sqlite_store, path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
