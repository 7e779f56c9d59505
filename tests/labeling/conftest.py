"""Rooms for tests: `room` has the people of `people.py` in it; `server` serves it on a real port."""

from collections.abc import Callable, Iterator

import pytest

from preceptor.labeling.room import Room
from preceptor.store import Database
from tests.labeling.people import add_people
from tests.labeling.rooms import SECRET, Program, Server, Visitor, serving


@pytest.fixture
def room(sqlite_store: Database) -> Room:
    """A room with an admin, a researcher, labelers of both groups and a candidate."""
    add_people(sqlite_store)
    return Room(sqlite_store, SECRET)


@pytest.fixture
def visit(room: Room) -> Callable[[str | None], Visitor]:
    """A browser without scripts, signed in as somebody of that name, or as nobody."""
    return lambda name=None: Visitor(room, name)


@pytest.fixture
def program(room: Room) -> Callable[[str], Program]:
    """A program with the token of somebody of that name."""
    return lambda name: Program(room, name)


@pytest.fixture
def server(room: Room) -> Iterator[Server]:
    """The room on a real port, for browsers."""
    with serving(room) as served:
        yield served
