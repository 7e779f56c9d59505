"""Whether a store is whole: its file, what points where, and what is only ever added."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select, text
from sqlalchemy.orm import aliased

from preceptor.store.tables import Answer, Guideline, Item

APPEND_ONLY = ("adjudications", "answers", "exported_answers", "guidelines")
"""Tables whose rows the database itself neither changes nor removes."""


@dataclass(frozen=True)
class Damage:
    """What is not as it must be."""

    table: str
    """Where; empty for the whole file."""
    expected: str
    found: str


def damages(connection: Connection) -> Iterator[Damage]:
    """Everything that is wrong with a store; where its file is damaged, that alone."""
    of_file = list(_file(connection)) if connection.dialect.name == "sqlite" else []
    yield from of_file
    if not any(not one.table for one in of_file):
        yield from _triggers(connection)
        yield from _answers(connection)
        yield from _guidelines(connection)


def _file(connection: Connection) -> Iterator[Damage]:
    """What SQLite finds; PostgreSQL lets nothing of the kind happen, and has no such question."""
    for (problem,) in connection.execute(text("PRAGMA integrity_check")):
        if problem != "ok":
            yield Damage("", "a file of SQLite that is whole", problem)
    for table, row, parent, _ in connection.execute(text("PRAGMA foreign_key_check")):
        yield Damage(table, f"a row of {parent} for row {row} to point at", "nothing")


def _triggers(connection: Connection) -> Iterator[Damage]:
    """Without them anybody who can reach the database can change what was submitted."""
    if connection.dialect.name == "sqlite":
        catalogue = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        wanted = {f"{table}_no_{verb}": table for table in APPEND_ONLY for verb in ("UPDATE", "DELETE")}
    else:
        catalogue = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
        wanted = {f"{table}_append_only": table for table in APPEND_ONLY}
    there = set(connection.scalars(text(catalogue)))
    for name in sorted(wanted.keys() - there):
        yield Damage(wanted[name], f"the trigger {name}, which keeps its rows from being changed", "nothing")


def _answers(connection: Connection) -> Iterator[Damage]:
    """An answer that was removed leaves its item's count behind; one that was put in is in no line of corrections."""
    counted = func.count(Answer.id).filter(Answer.status == "counted")
    counts = select(Item.id, Item.num_counted, counted).outerjoin(Answer, Answer.item_id == Item.id).group_by(Item.id)
    for item, expected, found in connection.execute(counts.having(Item.num_counted != counted)):
        yield Damage("answers", f"{expected} that count for item {item}", str(found))
    earlier = aliased(Answer)
    strays = select(Answer.id, earlier.id).join(earlier, Answer.revises_id == earlier.id)
    differs = (Answer.item_id != earlier.item_id, Answer.labeler_id != earlier.labeler_id, Answer.id <= earlier.id)
    for answer, revised in connection.execute(strays.where(or_(*differs)).order_by(Answer.id)):
        yield Damage("answers", f"an earlier answer of the same labeler for {answer} to correct", f"answer {revised}")


def _guidelines(connection: Connection) -> Iterator[Damage]:
    """Versions are numbered from 1 on."""
    versions = select(Guideline.name, func.max(Guideline.version), func.count()).group_by(Guideline.name)
    for name, last, num in connection.execute(versions.having(func.max(Guideline.version) != func.count())):
        yield Damage("guidelines", f"{last} versions of '{name}'", str(num))
