"""Writers take turns on one connection, and those who wait share one commit.

SQLite has one writer at a time, and a commit waits for the disk. If each writer waited for a commit of its own, the
disk would decide how many answers come in; here it decides only how long each of them takes.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

MOST = 40
"""Writers that share a commit; the first of them waits for all."""
FORGOTTEN_S = 5.0
"""After so long a writer looks itself whether somebody is left to commit."""


class Lost(Exception):
    """The database gave up the whole transaction, as when the disk is full; nothing of it is kept."""


class Batch:
    """One transaction, with a part for each writer."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.num_writers = 0
        self.is_over = threading.Event()
        self.failure: BaseException | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the transaction that began it still goes on."""
        return bool(self.connection.connection.dbapi_connection.in_transaction)


class Turns:
    """Who may write now."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._num_waiting = 0
        self._batch: Batch | None = None

    @contextmanager
    def take(self) -> Iterator[Connection]:
        """A connection to write with; when the block has ended well, what it wrote is on the disk.

        The block must undo what it wrote when it fails: others may share its transaction.

        Raises:
            Lost: what another one wrote in the same transaction made the database give it up.
        """
        self._wait_for_turn()
        try:
            batch = self._batch = self._batch or Batch(self._begin())
            try:
                yield batch.connection
            finally:
                self._end_turn(batch)
        finally:
            self._turn.release()
        self._wait_for_commit(batch)

    def _wait_for_turn(self) -> None:
        with self._counting:
            self._num_waiting += 1
        try:
            self._turn.acquire()
        finally:
            with self._counting:
                self._num_waiting -= 1

    def _begin(self) -> Connection:
        connection = self._engine.connect()
        try:
            connection.begin()
        except BaseException:
            connection.close()
            raise
        return connection

    def _end_turn(self, batch: Batch) -> None:
        batch.num_writers += 1
        if not batch.is_whole:
            batch.failure = Lost()
        if batch.failure or batch.num_writers == MOST or not self._num_waiting:
            self._commit(batch)

    def _commit(self, batch: Batch) -> None:
        """Whoever calls this has the turn."""
        self._batch = None
        try:
            if batch.failure is None:
                batch.connection.commit()
        except BaseException as error:
            batch.failure = error
        finally:
            if batch.failure is not None:
                batch.connection.invalidate()  # closes it for good: nobody knows what it is in the middle of
            batch.connection.close()
            batch.is_over.set()

    def _wait_for_commit(self, batch: Batch) -> None:
        while not batch.is_over.wait(FORGOTTEN_S):
            # Somebody who waited for a turn was interrupted, and so took none.
            with self._turn:
                if self._batch is batch:
                    self._commit(batch)
        if batch.failure is not None:
            raise batch.failure
