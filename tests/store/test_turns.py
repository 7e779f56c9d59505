"""Writers of SQLite share commits: none is told that it is done before it is, none suffers from another's failure."""

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from preceptor.store import Database, turns
from preceptor.store.tables import Setting


class Writers:
    """Threads that write one after the other in one transaction: the first waits in its block until all are there."""

    def __init__(self, store: Database, parts: list[Callable[[Session], None]]) -> None:
        self.store, self.parts = store, parts
        self.outcomes: list[BaseException | None] = [None] * len(parts)
        self.done: list[int] = []
        self.num_commits = 0
        event.listen(store.engine, "commit", self._count)

    def _count(self, connection: object) -> None:
        self.num_commits += 1

    def _write(self, number: int) -> None:
        try:
            with self.store.write() as session:
                if number == 0:
                    _wait_until(lambda: self.store._turns._num_waiting == len(self.parts) - 1)
                self.parts[number](session)
        except BaseException as error:
            self.outcomes[number] = error
        self.done.append(number)

    def run(self) -> None:
        """All of them, to their ends."""
        threads = [threading.Thread(target=self._write, args=(number,)) for number in range(len(self.parts))]
        threads[0].start()
        _wait_until(self.store._turns._turn.locked)
        for thread in threads[1:]:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert len(self.done) == len(self.parts)


def _wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.002)


def adds(name: str) -> Callable[[Session], None]:
    """A part that adds a row."""
    return lambda session: session.add(Setting(name=name, value={}))


def kept(store: Database) -> set[str]:
    with store.read() as session:
        return set(session.scalars(select(Setting.name)))


def test_those_who_wait_share_one_commit(sqlite_store: Database) -> None:
    writers = Writers(sqlite_store, [adds(f"row {number}") for number in range(12)])
    writers.run()
    assert writers.outcomes == [None] * 12
    assert kept(sqlite_store) == {f"row {number}" for number in range(12)}
    assert writers.num_commits == 1


def test_no_more_than_so_many_share_one(sqlite_store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST", 5)
    writers = Writers(sqlite_store, [adds(f"row {number}") for number in range(12)])
    writers.run()
    assert len(kept(sqlite_store)) == 12
    assert writers.num_commits == 3


def test_a_writer_alone_waits_for_nobody(sqlite_store: Database) -> None:
    begun = time.monotonic()
    for number in range(5):
        with sqlite_store.write() as session:
            adds(f"row {number}")(session)
    assert len(kept(sqlite_store)) == 5
    assert time.monotonic() - begun < turns.FORGOTTEN_S


def test_what_one_got_wrong_is_undone_and_the_others_work_is_kept(sqlite_store: Database) -> None:
    writers = Writers(sqlite_store, [adds("first"), adds("first"), adds("last")])
    writers.run()
    assert [type(outcome) for outcome in writers.outcomes].count(IntegrityError) == 1
    assert kept(sqlite_store) == {"first", "last"}
    assert writers.num_commits == 1


def test_nobody_is_told_before_it_is_kept(sqlite_store: Database) -> None:
    seen: list[tuple[list[int], set[str]]] = []

    def look(session: Session) -> None:
        seen.append((list(writers.done), kept(sqlite_store)))

    writers = Writers(sqlite_store, [adds("first"), look])
    writers.run()
    assert seen == [([], set())]
    assert kept(sqlite_store) == {"first"}


def test_when_the_database_gives_up_the_transaction_all_are_told(sqlite_store: Database) -> None:
    def make_it_give_up(session: Session) -> None:
        session.execute(text("INSERT INTO settings VALUES ('x', '{}')"))
        session.execute(text("INSERT OR ROLLBACK INTO settings VALUES ('x', '{}')"))

    writers = Writers(sqlite_store, [adds("first"), make_it_give_up])
    writers.run()
    assert isinstance(writers.outcomes[0], turns.Lost)
    assert writers.outcomes[1] is not None
    assert kept(sqlite_store) == set()
    adds_again = Writers(sqlite_store, [adds("again"), adds("and again")])
    adds_again.run()
    assert kept(sqlite_store) == {"again", "and again"}


def test_a_commit_that_fails_is_everybodys(sqlite_store: Database) -> None:
    def fail(connection: object) -> None:
        raise OSError("no space left")

    writers = Writers(sqlite_store, [adds("first"), adds("second")])
    event.listen(sqlite_store.engine, "commit", fail)
    writers.run()
    event.remove(sqlite_store.engine, "commit", fail)
    assert [str(outcome) for outcome in writers.outcomes] == ["no space left"] * 2
    assert kept(sqlite_store) == set()


def test_a_commit_that_somebody_left_behind_is_made_up_for(
    sqlite_store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "FORGOTTEN_S", 0.05)
    sqlite_store._turns._num_waiting += 1  # as if somebody had been interrupted while waiting
    with sqlite_store.write() as session:
        adds("first")(session)
    sqlite_store._turns._num_waiting -= 1
    assert kept(sqlite_store) == {"first"}
