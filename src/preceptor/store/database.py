"""A database by its URL: SQLite or PostgreSQL, with transactions that read and transactions that write."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from preceptor.errors import UserError
from preceptor.store.migrating import migrate
from preceptor.store.turns import Turns

Backend = Literal["sqlite", "postgresql"]

BUSY_TIMEOUT_S = 30
"""How long a writer of SQLite waits for one in another process."""
PAUSE_S = 0.01
"""How long one waits where SQLite leaves the waiting to its callers."""
POOL_SIZE = 40
"""Connections that are kept open: as many as the web server has threads."""

EXAMPLES = "for example sqlite:///labels.db, or postgresql://user:password@host/database"


class Database:
    """The one place through which labels are read and written."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writing = engine.execution_options(is_writing=True)
        self._turns = Turns(self._writing)

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Self:
        """Connect and bring the tables up to this version of the package.

        Raises:
            UserError: the URL is none of ours, the server does not answer, or the store is of a later version; without
                `create`, also when there is no store yet.
        """
        parsed = parse_url(url)
        if parsed.drivername == "sqlite" and create:
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        elif parsed.drivername == "sqlite":
            check_file(parsed)
        engine = engine_of(parsed)
        try:
            with engine.connect() as connection:
                migrate(connection)
        except DBAPIError as error:
            engine.dispose()
            raise unreachable(parsed, error) from None
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @property
    def backend(self) -> Backend:
        """Which kind of database it is."""
        return "sqlite" if self.engine.dialect.name == "sqlite" else "postgresql"

    @property
    def url(self) -> URL:
        """Where it is."""
        return self.engine.url

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one state of the store and changes nothing."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is kept whole when the block ends, and undone whole when it raises."""
        if self.backend == "postgresql":
            with Session(self._writing, expire_on_commit=False) as session, session.begin():
                yield session
            return
        with (
            self._turns.take() as connection,
            Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session,
            session.begin(),
        ):
            yield session

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def parse_url(url: str) -> URL:
    """A URL of one of the two backends, with the driver that we use.

    Raises:
        UserError: it is not a URL, or of another database.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise UserError(f"'{url}' is no URL of a database", remedy=f"write {EXAMPLES}") from None
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite")
    if backend == "sqlite":
        raise UserError("labels kept in memory would be lost", remedy="name a file: sqlite:///labels.db")
    raise UserError(f"labels cannot be kept in '{backend}'", remedy=f"use SQLite or PostgreSQL: {EXAMPLES}")


def engine_of(url: URL) -> Engine:
    """Connections to a database, with the settings that a store needs."""
    if url.drivername != "sqlite":
        arguments = {"connect_timeout": 10, "application_name": "preceptor"}
        return create_engine(url, connect_args=arguments, pool_size=POOL_SIZE, max_overflow=0, pool_pre_ping=True)
    arguments = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, pool_size=POOL_SIZE, max_overflow=0)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
    # The driver would begin transactions by itself, late and without the write lock; _begin_sqlite does it instead.
    connection.isolation_level = None
    _keep_ahead_log(connection)
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    # INSERT OR REPLACE removes rows, too; without this the triggers that keep answers do not hear of it.
    connection.execute("PRAGMA recursive_triggers = ON")


def _keep_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL, where it is not. SQLite does not wait here, whatever the busy timeout: of two that switch
    at once it refuses one right away, lest each wait for the other to stop reading."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_S)


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns into a writer may fail at once, whatever the busy timeout; so a writer says so from the start.
    is_writing = connection.get_execution_options().get("is_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


def check_file(url: URL) -> None:
    """Make sure that there is a store in SQLite at a URL.

    Raises:
        UserError: there is no such file.
    """
    if not Path(str(url.database)).is_file():
        raise UserError("there is no store", file=url.database, remedy="`preceptor label` makes one when it starts")


def unreachable(url: URL, error: DBAPIError) -> UserError:
    """What a database answered, for people."""
    reason = str(error.orig).strip().splitlines()[0] if error.orig else str(error)
    if url.drivername == "sqlite":
        is_damaged = getattr(error.orig, "sqlite_errorcode", None) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        remedy = "name a file that you may write to" + (", or bring it back from a backup" if is_damaged else "")
        return UserError(f"cannot open the store: {reason}", file=url.database, remedy=remedy)
    place = url.render_as_string(hide_password=True).replace("+psycopg", "")
    return UserError(
        f"cannot reach the store at {place}: {reason}",
        remedy="check that the server runs, and the user, password and database in the URL",
    )
