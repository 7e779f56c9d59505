"""Copies of a store, made while it is in use: one state of it, whole."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL

from preceptor.errors import UserError
from preceptor.store.database import check_file, parse_url


def back_up(url: str, file: Path) -> str:
    """Copy a store to a file that is not there yet, and say how to bring it back.

    A store in SQLite becomes a file of SQLite; one in PostgreSQL becomes an archive of `pg_dump`.

    Raises:
        UserError: there is no store, the file exists or cannot be written, or `pg_dump` is missing or fails.
    """
    if file.exists():
        raise UserError("there is a file already", file=file, remedy="name another one")
    # The store is not opened as one: a backup that is taken before an upgrade must not be the upgrade.
    source = parse_url(url)
    if source.drivername == "sqlite":
        check_file(source)
    aside = file.with_name(f".{file.name}.new")
    aside.unlink(missing_ok=True)
    copy = _copy_sqlite if source.drivername == "sqlite" else _dump_postgresql
    try:
        os.close(os.open(aside, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        restored = copy(source, aside)
        aside.rename(file)
    except OSError as error:
        raise UserError(
            f"cannot write: {error.strerror or error}", file=file, remedy="name a file that you may write to"
        ) from None
    finally:
        aside.unlink(missing_ok=True)
    return f"{file}: {file.stat().st_size:,} bytes\nTo bring it back: {restored.format(file=file)}"


def _copy_sqlite(url: URL, aside: Path) -> str:
    with closing(sqlite3.connect(str(url.database))) as source, closing(sqlite3.connect(aside)) as copy:
        # At one go: in WAL mode nobody waits for a reader, and SQLite would begin a copy in parts anew at each commit.
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it
    return "stop the server, and put it in the place of " + str(url.database)


def _dump_postgresql(url: URL, aside: Path) -> str:
    program = shutil.which("pg_dump")
    if program is None:
        raise UserError("`pg_dump` is not installed", remedy="install PostgreSQL's client programs (postgresql-client)")
    plain = url.set(drivername="postgresql", password=None).render_as_string()
    environment = os.environ | ({"PGPASSWORD": url.password} if url.password else {})
    command = [program, "--format=custom", f"--file={aside}", f"--dbname={plain}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(
            f"pg_dump failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}",
            remedy="its version must be at least the server's",
        )
    return "createdb NAME, then pg_restore --dbname=NAME {file}"
