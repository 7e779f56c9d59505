"""The store: opening, transactions, and the promises that the database itself keeps. On both backends."""

import sqlite3
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, delete, func, insert, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from preceptor.errors import UserError
from preceptor.store import Database
from preceptor.store.database import parse_url
from preceptor.store.tables import Adjudication, Answer, Export, ExportedAnswer, Guideline, Item, Labeler, Stage, Table


def add_work(store: Database) -> None:
    """A training and a held-out labeler, a stage with an item, what both answered, and whose answer holds."""
    with store.write() as session:
        for number, group in ((1, "training"), (2, "held_out")):
            session.add(Labeler(id=number, name=f"l{number}", role="labeler", group=group, created_at=0.0))
        session.add(Stage(id=1, name="s", kind="ranking", overlap=2, settings={}, created_at=0.0))
        session.flush()
        session.add(Item(id=1, stage_id=1, key="k", position=0, payload={}, created_at=0.0))
        session.flush()
        session.add_all([answer(1, 1, "training"), answer(2, 2, "held_out")])
        session.add(Guideline(id=1, name="g", version=1, text="x", note="", created_at=0.0))
        session.flush()
        session.add(Adjudication(item_id=1, decided_by=1, answer_id=1, note="", created_at=0.0))


def answer(number: int, labeler: int, group: str, status: str = "counted", revises: int | None = None) -> Answer:
    return Answer(
        id=number, item_id=1, stage_id=1, labeler_id=labeler, group=group, status=status, content={"a": 1}, shown={},
        schema_version=1, round=1, active_s=1.0, claimed_at=0.0, created_at=0.0, revises_id=revises,
    )  # fmt: skip


def export(purpose: str) -> Export:
    return Export(id=1, name="x", kind="rankings", purpose=purpose, salt="s", content_hash="h", created_at=0.0)


def is_comparable(thing: object, name: str | None, *_: object) -> bool:
    """Alembic cannot compare an index over an expression; the migrated store is asked for it by name instead."""
    return name != "ix_items_line"


def test_the_tables_are_those_of_the_code(store: Database) -> None:
    with store.engine.connect() as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="autogenerate skipping metadata-specified expression-based index")
        context = MigrationContext.configure(connection, opts={"include_object": is_comparable})
        assert compare_metadata(context, Table.metadata) == []
    catalogue = "sqlite_master WHERE name" if store.backend == "sqlite" else "pg_indexes WHERE indexname"
    with store.read() as session:
        assert session.scalar(text(f"SELECT count(*) FROM {catalogue} = 'ix_items_line'")) == 1


def test_opening_again_changes_nothing(store: Database, store_url: str) -> None:
    add_work(store)
    again = Database.open(store_url)
    with again.read() as session:
        assert session.scalar(select(func.count()).select_from(Answer)) == 2
    again.close()


def test_two_servers_that_start_at_once_make_one_store(store_url: str) -> None:
    if store_url.startswith("postgresql"):
        engine = create_engine(parse_url(store_url))
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    opened: list[Database] = []
    threads = [threading.Thread(target=lambda: opened.append(Database.open(store_url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for database in opened:
        database.close()


def test_a_new_file_in_which_another_one_writes_is_waited_for(tmp_path: Path) -> None:
    """As when two servers start at once: a file of SQLite begins without the write-ahead log, and both switch it on."""
    path = tmp_path / "labels.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE first (x)")
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor() as pool:
            opening = pool.submit(Database.open, f"sqlite:///{path}")
            wait([opening], timeout=0.3)
            other.execute("COMMIT")
            database = opening.result()
    with database.read() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
    database.close()


@pytest.mark.parametrize("table", [Answer, Guideline, Adjudication])
def test_what_is_append_only_is_neither_changed_nor_removed(
    store: Database, table: type[Answer | Guideline | Adjudication]
) -> None:
    add_work(store)
    with pytest.raises(DatabaseError, match="append-only"), store.write() as session:
        session.execute(update(table).values(created_at=1.0))
    with pytest.raises(DatabaseError, match="append-only"), store.write() as session:
        session.execute(delete(table))
    if store.backend == "postgresql":
        with pytest.raises(DatabaseError, match="append-only"), store.write() as session:
            session.execute(text("TRUNCATE answers, guidelines CASCADE"))


def test_nothing_of_a_held_out_labeler_is_in_a_training_export(store: Database) -> None:
    add_work(store)
    row = {"export_id": 1, "answer_id": 1, "purpose": "training", "group": "training"}
    with store.write() as session:
        session.add(export("training"))
        session.flush()
        session.execute(insert(ExportedAnswer).values(row))
    lies = [
        {"answer_id": 2, "group": "held_out"},  # the truth, which the check refuses
        {"answer_id": 2},  # another group than the answer's
        {"answer_id": 2, "group": "held_out", "purpose": "measurement"},  # another purpose than the export's
    ]
    for lie in lies:
        with pytest.raises(IntegrityError), store.write() as session:
            session.execute(insert(ExportedAnswer).values(row | lie))


def test_an_answer_cannot_claim_another_group_than_its_labelers(store: Database) -> None:
    add_work(store)
    with pytest.raises(IntegrityError), store.write() as session:
        session.add(answer(3, 2, "training", "gold"))
    with pytest.raises(IntegrityError), store.write() as session:
        session.execute(update(Labeler).where(Labeler.id == 2).values(group="training"))


@pytest.mark.parametrize("status", ["counted", "surplus"])
def test_one_submission_per_labeler_and_item(store: Database, status: str) -> None:
    add_work(store)
    with pytest.raises(IntegrityError), store.write() as session:
        session.add(answer(3, 1, "training", status))


def test_an_answer_is_revised_in_one_line(store: Database) -> None:
    add_work(store)
    with store.write() as session:
        session.add(answer(3, 1, "training", "revision", revises=1))
    with pytest.raises(IntegrityError), store.write() as session:
        session.add(answer(4, 1, "training", "revision", revises=1))
    with pytest.raises(IntegrityError), store.write() as session:
        session.add(answer(5, 1, "training", "revision"))


def test_labelers_who_worked_are_not_removed(store: Database) -> None:
    add_work(store)
    with pytest.raises(IntegrityError), store.write() as session:
        session.execute(delete(Labeler))


def test_an_adjudication_says_something(store: Database) -> None:
    add_work(store)
    with pytest.raises(IntegrityError, match="says_something"), store.write() as session:
        session.add(Adjudication(item_id=1, decided_by=1, note="", created_at=0.0))


def test_a_write_that_fails_leaves_nothing(store: Database) -> None:
    def write_half() -> None:
        with store.write() as session:
            session.add(Labeler(name="half", role="labeler", created_at=0.0))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(Labeler)) == 0


def test_writers_do_not_lose_each_others_counts(store: Database) -> None:
    add_work(store)

    def count() -> None:
        for _ in range(20):
            with store.write() as session:
                stage = session.scalars(select(Stage).where(Stage.id == 1).with_for_update()).one()
                stage.round += 1

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as session:
        assert session.scalar(select(Stage.round)) == 161


def test_readers_go_on_while_one_writes(store: Database) -> None:
    add_work(store)
    with store.write() as writing, store.read() as reading:
        writing.execute(update(Stage).values(name="changed"))
        assert reading.scalar(select(Stage.name)) == "s"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("labels.db", "no URL of a database"),
        ("mysql://host/db", "cannot be kept in 'mysql'"),
        ("nonsense://host/db", "cannot be kept in 'nonsense'"),
        ("sqlite://", "kept in memory would be lost"),
        ("postgresql://nobody@localhost:1/x", "cannot reach the store at postgresql://nobody@localhost:1/x"),
        ("postgresql://me:secret@localhost:1/x", r"me:\*\*\*@localhost"),
        ("sqlite:////proc/labels.db", "cannot open the store"),
    ],
)
def test_a_wrong_url_says_what_to_do(url: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem) as caught:
        Database.open(url)
    assert caught.value.remedy
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("my notes\n" * 100)
    with pytest.raises(UserError, match="cannot open the store: file is not a database"):
        Database.open(f"sqlite:///{path}")
    assert path.read_text() == "my notes\n" * 100


def test_a_store_of_a_later_version_is_left_alone(store: Database, store_url: str) -> None:
    with store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UserError, match="later version"):
        Database.open(store_url)


def test_a_store_that_must_be_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no store"):
        Database.open(f"sqlite:///{tmp_path}/labels.db", create=False)
    assert list(tmp_path.iterdir()) == []
