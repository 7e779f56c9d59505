"""A whole store copied into another database, from SQLite to PostgreSQL or back, and compared row by row."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from preceptor.errors import UserError
from preceptor.store.database import check_file, engine_of, parse_url, unreachable
from preceptor.store.migrating import is_current, upgrade
from preceptor.store.tables import Table as Tables

BATCH = 1000
"""Rows that are in memory at once."""
OWN = "alembic_version"
"""The table of the revisions, which each store has for itself."""


@dataclass(frozen=True)
class Digest:
    """What a table holds."""

    num_rows: int
    content: int
    """Sum of the rows' sha256, modulo 2²⁵⁶: the order of the rows, which databases see differently, does not count."""


def copy_store(url: str, to: str) -> str:
    """Copy everything in a store into an empty database, and say what was copied.

    All is one transaction: the target has the whole store in the end, or nothing.

    Raises:
        UserError: there is no store, it is of another version, the target is not empty or cannot be reached, or what
            came out of the target is not what went in.
    """
    source, target = parse_url(url), parse_url(to)
    if source.drivername == "sqlite":
        check_file(source)
    was_there = target.drivername != "sqlite" or Path(str(target.database)).exists()
    try:
        with reading(source) as connection, _writing(target) as copy:
            digests = _copy(connection, copy)
    except BaseException:
        if not was_there:
            _remove(target)
        raise
    num_rows = sum(digest.num_rows for digest in digests.values())
    place = target.render_as_string(hide_password=True).replace("+psycopg", "")
    return f"{place}: {num_rows:,} rows in {len(digests)} tables, all equal\nServe it with --store"


@contextmanager
def reading(url: URL) -> Iterator[Connection]:
    """One state of a store that is there, whatever is written meanwhile."""
    with _connection(url) as connection:
        if url.drivername != "sqlite":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            if not is_current(connection):
                raise UserError("the store is of another version", remedy="`preceptor store migrate` brings it up")
            _check_tables(connection)
            yield connection


@contextmanager
def _writing(url: URL) -> Iterator[Connection]:
    """A transaction in a database that holds nothing, in which the tables are made."""
    if url.drivername == "sqlite":
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    with _connection(url) as connection:
        connection = connection.execution_options(is_writing=True)
        with connection.begin():
            _check_empty(connection, url)
            upgrade(connection)
            yield connection


@contextmanager
def _connection(url: URL) -> Iterator[Connection]:
    engine = engine_of(url)
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise unreachable(url, error) from None
    try:
        yield connection
    finally:
        connection.close()
        engine.dispose()


def _check_tables(connection: Connection) -> None:
    """A table that the code does not know of would be left behind."""
    there, known = set(inspect(connection).get_table_names()) - {OWN}, set(Tables.metadata.tables)
    if there != known:
        raise UserError(
            f"the store's tables are not those of this version: {', '.join(sorted(there ^ known))}",
            remedy="copy it with the version of preceptor that wrote it",
        )


def _check_empty(connection: Connection, url: URL) -> None:
    names = set(inspect(connection).get_table_names()) - {OWN}
    tables = Tables.metadata.tables
    is_ours = names <= set(tables) and all(
        connection.scalar(select(func.count()).select_from(tables[name])) == 0 for name in names
    )
    if not is_ours:
        place = url.render_as_string(hide_password=True).replace("+psycopg", "")
        raise UserError(f"{place} is not empty", remedy="name a new database, or a file that is not there")


def _copy(source: Connection, target: Connection) -> dict[str, Digest]:
    """Every table, those first that others point at; what each holds, which is the same in both."""
    digests = {}
    for table in Tables.metadata.sorted_tables:
        read = _digest(_copied(source, target, table))
        written = _digest(_rows(target, table))
        if read != written:
            raise UserError(
                f"table {table.name} came out of the target otherwise than it went in "
                f"({read.num_rows:,} rows read, {written.num_rows:,} written)",
                remedy="nothing was kept there; report this with the versions of both databases",
            )
        _count_on(target, table)
        digests[table.name] = read
    return digests


def _copied(source: Connection, target: Connection, table: Table) -> Iterator[Sequence[Any]]:
    """Rows on their way: they are given on as they are put into the target."""
    rows, names = _rows(source, table), table.columns.keys()
    while batch := list(islice(rows, BATCH)):
        target.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in batch])
        yield from batch


def _rows(connection: Connection, table: Table) -> Iterator[Sequence[Any]]:
    """All rows, those first that others of the same table point at: a row only ever points at an earlier one."""
    statement = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
    yield from connection.execute(statement)


def _digest(rows: Iterator[Sequence[Any]]) -> Digest:
    num, content = 0, 0
    for row in rows:
        plain = json.dumps(list(row), ensure_ascii=True, allow_nan=True)
        content += int.from_bytes(hashlib.sha256(plain.encode()).digest())
        num += 1
    return Digest(num, content % 2**256)


def _count_on(connection: Connection, table: Table) -> None:
    """Let a table in PostgreSQL number its next row after the last one; SQLite looks for itself."""
    column = table.autoincrement_column
    if connection.dialect.name == "postgresql" and column is not None:
        last = connection.scalar(select(func.max(column)))
        if last is not None:
            sequence = func.pg_get_serial_sequence(f'"{table.name}"', column.name)
            connection.execute(select(func.setval(sequence, last)))


def _remove(url: URL) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{url.database}{ending}").unlink(missing_ok=True)
