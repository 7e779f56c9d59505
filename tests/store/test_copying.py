"""A store moved from SQLite to PostgreSQL and back: nothing is lost, and the copy keeps every promise."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from preceptor.errors import UserError
from preceptor.labeling import accounts, answers, assignment
from preceptor.labeling.export import export_artifacts
from preceptor.labeling.gathering import gather
from preceptor.pipeline.adding import add_files
from preceptor.records.withdrawn import Withdrawn
from preceptor.store import Database, copying
from preceptor.store.copying import copy_store
from preceptor.store.prompt_tables import PromptFile, RawPrompt
from preceptor.store.tables import (
    Addressee,
    Adjudication,
    Answer,
    Draft,
    Export,
    ExportedAnswer,
    Guideline,
    Invitation,
    Item,
    Labeler,
    Setting,
    SignIn,
    Skip,
    Stage,
    Table,
    Token,
)
from tests.commands import preceptor
from tests.labeling.labeled import add_labeled, rank
from tests.labeling.people import add_people, add_ranking_stage, labeler_named
from tests.stores import new_postgresql_store

HARD = 'Ω "quoted" \\ \u2028 \U0001f600 %s :name {x} '
"""Text that an escape in between would show."""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose store has rows in every table, hard ones among them."""
    project = tmp_path_factory.mktemp("full")
    store = Database.open(url_of(project))
    add_people(store)
    add_labeled(store, overlap=2)
    anna, ada = labeler_named(store, "anna"), labeler_named(store, "ada")
    more = add_ranking_stage(store, 3, name="more")
    with store.write() as session:
        claim = assignment.claim_next(session, anna, more.id, now=time.time())
        assert claim is not None
        answers.comment(session, anna, claim.item_id, HARD, now=time.time())
    with store.read() as session:
        first = session.scalars(select(Answer).order_by(Answer.id)).first()
        assert first is not None
        mine = session.scalars(select(Answer).where(Answer.labeler_id == anna.id)).first()
        assert mine is not None
    rank(store, anna, mine.item_id, "DCBA", time.time())  # a correction, which points at an earlier row
    with store.write() as session:
        session.add_all([
            Invitation(token_hash="i", role="labeler", group="training", standing="active", note=HARD, created_at=0.1,
                       created_by=ada.id, expires_at=1e300),
            SignIn(token_hash="s", labeler_id=anna.id, created_at=1 / 3, expires_at=2.0),
            Token(labeler_id=anna.id, name=HARD, token_hash="t", created_at=0.0, revoked_at=None),
            Addressee(item_id=first.item_id, labeler_id=anna.id),
            Draft(item_id=first.item_id, labeler_id=anna.id, revision=3, content={HARD: [1, 0.1, None, True, {}]},
                  active_s=0.1 + 0.2, updated_at=5e-324),
            Skip(item_id=first.item_id, labeler_id=anna.id, reason="", created_at=0.0),
            Adjudication(item_id=first.item_id, decided_by=ada.id, answer_id=first.id, note=HARD, created_at=0.0),
            Guideline(name="long", version=1, text=HARD * 20_000, note="", created_at=0.0),
            PromptFile(name=HARD, content_hash="c", options_hash="o", format="own", options={HARD: 1}, created_at=0.0),
            RawPrompt(key="k", file_id=1, line=1, given_id=HARD, user=HARD, source="customer", use_case=None,
                      messages=[{"role": "user", "content": HARD}], details={}),
            Setting(name="a", value={"z": 1, "a": 2, "deep": {"nul": "\0", "half": "\ud800"}}),
        ])  # fmt: skip
        session.execute(update(Labeler).where(Labeler.name == "hugo").values(name=None, deleted_at=2.0))
        screened = labeler_named(store, "carl")
        session.execute(
            insert(Table.metadata.tables["decisions"]).values(
                labeler_id=screened.id, decided_by=ada.id, is_taken=False, scores={"a": 0.5}, note="", created_at=0.0
            )
        )
        session.execute(
            insert(Table.metadata.tables["demonstration_ratings"]).values(
                answer_id=first.id, researcher_id=ada.id, likert=7, created_at=0.0
            )
        )
    export_artifacts(store, project / "data", time.time(), Withdrawn.nobody())
    store.close()
    (project / "prompts.jsonl").write_text(json.dumps({"prompt": HARD, "user": "u1"}) + "\n", encoding="utf-8")
    add_files(project, [project / "prompts.jsonl"], lambda text: None)
    return project


def url_of(project: Path) -> str:
    return f"sqlite:///{project}/labeling/labels.db"


@pytest.fixture
def empty(postgresql: str) -> str:
    """A database of PostgreSQL that holds nothing at all."""
    return new_postgresql_store(postgresql, template="template0")


@pytest.fixture
def copied(full: Path, empty: str) -> Iterator[Database]:
    """The copy in PostgreSQL."""
    copy_store(url_of(full), empty)
    store = Database.open(empty, create=False)
    yield store
    store.close()


def everything(url: str) -> dict[str, list[Any]]:
    """All rows of all tables, as Python values, with the types that they have."""
    store = Database.open(url, create=False)
    try:
        with store.engine.connect() as connection:
            return {
                name: sorted(map(repr, connection.execute(select(table)).all()))
                for name, table in Table.metadata.tables.items()
            }
    finally:
        store.close()


def exports(url: str) -> dict[Any, Any]:
    """What an export of the store holds, under the names of the latest release."""
    store = Database.open(url, create=False)
    try:
        with store.read() as session:
            salt = session.scalars(select(Export.salt)).first()
            return {
                heap: ([row.model_dump_json() for row in one.rows], one.answer_ids, one.notes(), one.dropped)
                for heap, one in gather(session, str(salt), Withdrawn.nobody()).items()
            }
    finally:
        store.close()


def test_there_and_back_again_nothing_is_lost(full: Path, empty: str, tmp_path: Path) -> None:
    before = everything(url_of(full))
    assert all(before.values()), f"nothing in {[name for name, rows in before.items() if not rows]}"
    said = copy_store(url_of(full), empty)
    num_rows = sum(map(len, before.values()))
    assert f"{num_rows:,} rows in {len(before)} tables, all equal" in said
    assert everything(empty) == before
    back = f"sqlite:///{tmp_path}/back.db"
    copy_store(empty, back)
    assert everything(back) == before
    assert exports(url_of(full)) == exports(empty) == exports(back)
    assert len(exports(back)) > 3


def test_the_copy_has_the_same_tables_constraints_and_triggers(copied: Database, postgresql: str) -> None:
    fresh = Database.open(new_postgresql_store(postgresql))
    for name in Table.metadata.tables:
        for kind in ("columns", "indexes", "foreign_keys", "check_constraints", "unique_constraints"):
            there, wanted = (getattr(inspect(store.engine), f"get_{kind}")(name) for store in (copied, fresh))
            assert repr(there) == repr(wanted)
    fresh.close()
    for table in ("answers", "guidelines", "exported_answers", "adjudications"):
        for statement in (f"UPDATE {table} SET {'id = id' if table != 'exported_answers' else 'export_id = export_id'}",
                          f"DELETE FROM {table}"):  # fmt: skip
            with pytest.raises(DBAPIError, match="append-only"), copied.write() as session:
                session.execute(text(statement))


def test_nothing_of_a_held_out_labeler_gets_into_training_in_the_copy(copied: Database) -> None:
    with copied.read() as session:
        answer = session.scalars(select(Answer).where(Answer.group == "held_out")).first()
        export = session.scalars(select(Export).where(Export.purpose == "training")).first()
        assert answer is not None
        assert export is not None
    lie = {"export_id": export.id, "answer_id": answer.id, "purpose": "training", "group": "held_out"}
    with pytest.raises(IntegrityError), copied.write() as session:
        session.execute(insert(ExportedAnswer), [lie])


def test_work_goes_on_in_the_copy(copied: Database) -> None:
    """New rows get numbers of their own."""
    with copied.write() as session:
        nora = accounts.add_labeler(session, "nora", now=time.time())
        last = max(session.scalars(select(Labeler.id)))
        assert nora.id == last
    with copied.read() as session:
        item_id = session.scalars(
            select(Item.id).join(Stage, Stage.id == Item.stage_id).where(Stage.name == "more")
        ).first()
    assert item_id is not None
    answer = rank(copied, nora, item_id, "ABCD", time.time())
    with copied.read() as session:
        assert answer.id == max(session.scalars(select(Answer.id)))
        assert session.scalars(select(Answer.id).where(Answer.revises_id.is_not(None))).all()


@pytest.mark.parametrize("what", ["a row", "a table of somebody else"])
def test_a_target_that_is_not_empty_is_refused_and_stays_as_it_was(full: Path, store_url: str, what: str) -> None:
    store = Database.open(store_url)
    with store.write() as session:
        if what == "a row":
            session.add(Setting(name="mine", value={}))
        else:
            session.execute(text("CREATE TABLE mine (id INTEGER)"))
    with pytest.raises(UserError, match="is not empty"):
        copy_store(url_of(full), store_url)
    with store.read() as session:
        assert session.scalars(select(Labeler)).all() == []
    store.close()


def test_a_store_with_empty_tables_is_empty(full: Path, store: Database, store_url: str) -> None:
    copy_store(url_of(full), store_url)
    assert everything(store_url) == everything(url_of(full))


def test_a_copy_that_came_out_otherwise_is_not_kept(
    full: Path, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a driver that changes a value on its way."""
    rows = copying._rows

    def changed(connection: Any, table: Any) -> Iterator[Any]:
        for row in rows(connection, table):
            is_target = connection.engine.url.database != str(full / "labeling" / "labels.db")
            yield (*row[:-1], -1.0) if is_target and table.name == "skips" else row

    monkeypatch.setattr(copying, "_rows", changed)
    for target in (empty, f"sqlite:///{tmp_path}/new.db"):
        with pytest.raises(UserError, match="table skips came out"):
            copy_store(url_of(full), target)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    copy_store(url_of(full), empty)  # it is as empty as before


def test_what_is_written_meanwhile_is_in_all_tables_or_in_none(
    full: Path, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"sqlite:///{tmp_path}/source.db"
    copy_store(url_of(full), source)
    before = everything(source)
    store, rows, written = Database.open(source), copying._rows, []

    def meanwhile(connection: Any, table: Any) -> Iterator[Any]:
        if not written:
            written.append(table.name)
            yield from rows(connection, table)  # the first table was read
            with store.write() as session:
                session.execute(delete(Draft))
                session.add(Setting(name="late", value={}))
            return
        yield from rows(connection, table)

    monkeypatch.setattr(copying, "_rows", meanwhile)
    copy_store(source, empty)
    store.close()
    assert everything(empty) == before


def test_a_store_of_another_version_is_not_copied(full: Path, empty: str, tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path}/source.db"
    copy_store(url_of(full), source)
    store = Database.open(source)
    with store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    with pytest.raises(UserError, match="of another version"):
        copy_store(source, empty)
    with store.write() as session:
        session.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(UserError, match="of another version"):
        copy_store(source, empty)
    store.close()


def test_a_table_that_the_code_does_not_know_is_not_left_behind_in_silence(
    full: Path, empty: str, tmp_path: Path
) -> None:
    source = f"sqlite:///{tmp_path}/source.db"
    copy_store(url_of(full), source)
    store = Database.open(source)
    with store.write() as session:
        session.execute(text("CREATE TABLE extra (id INTEGER)"))
    store.close()
    with pytest.raises(UserError, match="extra"):
        copy_store(source, empty)


def test_mistakes_are_told_before_anything_is_made(full: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no store"):
        copy_store(f"sqlite:///{tmp_path}/none.db", f"sqlite:///{tmp_path}/new.db")
    with pytest.raises(UserError, match="no URL"):
        copy_store(url_of(full), "nowhere")
    with pytest.raises(UserError, match="cannot reach the store"):
        copy_store(url_of(full), "postgresql://nobody@/none?host=/nowhere")
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_was_copied(full: Path, empty: str) -> None:
    said = preceptor("store", "copy", "--project", full, "--to", empty)
    assert said.code == 0, said.said
    assert "tables, all equal" in said.said
    again = preceptor("store", "copy", "--project", full, "--to", empty)
    assert again.code == 2
    assert "is not empty" in again.said
