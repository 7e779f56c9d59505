"""Empty stores for tests: on SQLite, and on a real PostgreSQL; the same test runs on both."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from preceptor.store import Database
from preceptor.store.database import parse_url
from tests.postgres import cluster

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a running PostgreSQL whose database `ready` holds empty tables, to copy."""
    with cluster() as url:
        _create(url, "ready")
        Database.open(url.replace("/postgres?", "/ready?")).close()
        yield url


def new_postgresql_store(server: str, template: str = "ready") -> str:
    """Make a store with empty tables in a running PostgreSQL, or with none (`template0`); its URL."""
    name = f"test_{next(_numbers)}"
    _create(server, f"{name} TEMPLATE {template}")
    return server.replace("/postgres?", f"/{name}?")


def _create(server: str, what: str) -> None:
    engine = create_engine(parse_url(server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {what}"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new store, on each backend."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/labels.db"
    return new_postgresql_store(request.getfixturevalue("postgresql"))


@pytest.fixture(scope="session")
def ready_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of SQLite with empty tables, to copy: to make them takes ten times as long."""
    path = tmp_path_factory.mktemp("ready") / "labels.db"
    Database.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(store_url: str, ready_file: Path) -> Iterator[Database]:
    """An empty store, on each backend."""
    if store_url.startswith("sqlite"):
        shutil.copyfile(ready_file, store_url.removeprefix("sqlite:///"))
    database = Database.open(store_url)
    yield database
    database.close()


@pytest.fixture
def sqlite_store(tmp_path: Path, ready_file: Path) -> Iterator[Database]:
    """An empty store on SQLite, for what does not depend on the backend."""
    path = shutil.copyfile(ready_file, tmp_path / "labels.db")
    database = Database.open(f"sqlite:///{path}")
    yield database
    database.close()
