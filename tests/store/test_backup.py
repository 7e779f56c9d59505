"""Backups: one state of the store, whole, taken while people work; on both backends."""

import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from preceptor.errors import UserError
from preceptor.store import Database
from preceptor.store.backup import back_up
from preceptor.store.tables import Guideline, Labeler
from tests.postgres import programs
from tests.stores import new_postgresql_store


def restored(file: Path, url: str, request: pytest.FixtureRequest) -> Database:
    """The backup as a store of its own."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return Database.open(f"sqlite:///{file}", create=False)
    target = new_postgresql_store(request.getfixturevalue("postgresql"), template="template0")
    subprocess.run([programs() / "pg_restore", "--exit-on-error", f"--dbname={target}", file], check=True)
    return Database.open(target)


def test_a_backup_taken_while_people_work_is_one_whole_state(
    store: Database, store_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each write adds a labeler and a guideline; a backup must never have one without the other."""
    begun, stop = threading.Event(), threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with store.write() as session:
                session.add(Labeler(name=f"l{number}", role="labeler", created_at=0.0, profile={"pad": "x" * 5000}))
                session.flush()
                session.add(Guideline(name="g", version=number, text="t", note="", created_at=0.0))
            begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    try:
        for number in range(3):
            said = back_up(store_url, tmp_path / f"backup-{number}")
            assert "To bring it back" in said
    finally:
        stop.set()
        thread.join()
    counts = []
    for number in range(3):
        database = restored(tmp_path / f"backup-{number}", store_url, request)
        with database.read() as session:
            labelers = session.scalar(select(func.count()).select_from(Labeler))
            assert labelers == session.scalar(select(func.count()).select_from(Guideline))
            counts.append(labelers)
        database.close()
    assert counts == sorted(counts)
    assert counts[-1], "nothing was written meanwhile"


def test_nobody_else_can_read_a_backup(store: Database, store_url: str, tmp_path: Path) -> None:
    back_up(store_url, tmp_path / "backup")
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0


def test_a_backup_overwrites_nothing(store: Database, store_url: str, tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("mine")
    with pytest.raises(UserError, match="there is a file already"):
        back_up(store_url, tmp_path / "backup")
    assert (tmp_path / "backup").read_text() == "mine"


def test_a_backup_that_fails_leaves_nothing(store: Database, store_url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write"):
        back_up(store_url, tmp_path / "nowhere" / "backup")
    assert not (tmp_path / "nowhere").exists()


def test_a_backup_is_not_an_upgrade(store: Database, store_url: str, tmp_path: Path) -> None:
    with store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'from another version'"))
    back_up(store_url, tmp_path / "backup")
    with store.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == "from another version"


def test_there_must_be_a_store(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no store"):
        back_up(f"sqlite:///{tmp_path}/none.db", tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_a_backup_ends_while_somebody_writes_all_the_time(tmp_path: Path) -> None:
    """Copied in parts, SQLite's own backup begins anew at each commit, and never ends in a busy room."""
    store = Database.open(f"sqlite:///{tmp_path}/labels.db")
    with store.write() as session:
        pad = {"pad": "x" * 20_000}
        session.add_all(Labeler(name=f"l{n}", role="labeler", created_at=0.0, profile=pad) for n in range(900))
    stop, commits = threading.Event(), []

    def write() -> None:
        while not stop.wait(0.002):
            with store.write() as session:
                session.add(Guideline(name="g", version=len(commits), text="t", note="", created_at=0.0))
            commits.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    places = (f"sqlite:///{tmp_path}/labels.db", tmp_path / "backup")
    backup = threading.Thread(target=back_up, args=places, daemon=True)
    backup.start()
    backup.join(timeout=60)
    has_ended = not backup.is_alive()
    stop.set()
    writer.join()
    backup.join()
    store.close()
    assert has_ended
    assert commits
