"""`preceptor withdraw`: somebody's rows stay out of all that is made from now on, and what has them in it is listed."""

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import delete, func, select

from preceptor.errors import UserError
from preceptor.labeling.gathering import pseudonym
from preceptor.labeling.project import store_url
from preceptor.pipeline.memory import Memory, Thing
from preceptor.prompts.adding import SALT
from preceptor.records import KINDS, Record, is_pseudonym_of_user, pseudonym_of_user
from preceptor.records.withdrawn import FILE, Tombstone, Tombstones, Withdrawn, people_of
from preceptor.store import Database, RawPrompt
from preceptor.store.tables import Export, Labeler, Setting

ROOM, DATA = "room:", "data:"
"""What may stand before a labeler: an account of the labelling room, or an id in the data."""


@dataclass(frozen=True)
class Person:
    """Who withdraws."""

    role: Literal["user", "labeler"]
    names: frozenset[str]
    """What they are called in artifacts."""
    account: int | None
    """Their account in the labelling room."""
    meaning: str
    """The same in words."""
    pseudonym_salt: str | None = None
    """The store's, for a user who is named by a pseudonym."""

    def stone(self, withdrawn: Withdrawn, artifacts: Iterable[tuple[str, str]] = ()) -> Tombstone:
        """Their tombstone, in the words of a project's file."""
        marks = {withdrawn.mark(self.role, name) for name in self.names}
        if self.account is not None:
            marks.add(withdrawn.mark("account", str(self.account)))
        return Tombstone(
            role=self.role, marks=tuple(sorted(marks)), pseudonym_salt=self.pseudonym_salt,
            withdrawn_at=time.time(), artifacts=dict(sorted(artifacts)),
        )  # fmt: skip

    def alone(self) -> Withdrawn:
        """As if nobody else had withdrawn: it tells which rows are theirs."""
        nobody = Withdrawn.nobody()
        return Withdrawn(Tombstones(salt=nobody.kept.salt, stones=(self.stone(nobody),)))


@dataclass(frozen=True)
class Withdrawal:
    """What has somebody's rows in it."""

    person: Person
    rows: dict[str, tuple[int, int]]
    """Place of an artifact → number of their rows, and of all."""
    trained: list[str]
    """Models that were trained on such an artifact."""
    derived: list[str]
    """Models and artifacts that were made with such a model."""
    unknown: list[str]
    """Models that were made from artifacts that are gone: whether those had rows of theirs, nobody can tell."""
    num_raw: int | None
    """Raw prompts of theirs that were removed from the store; None where no store was found."""
    since: float | None
    """When they had withdrawn before, if they had."""

    def lines(self) -> Iterator[str]:
        """The same for people."""
        yield f"{self.person.meaning}: withdrawn" + ("" if self.since is None else f" before, on {_day(self.since)}")
        yield "Their rows stay out of all that is imported, exported and made from now on."
        if self.num_raw:
            yield f"Removed from the store: {self.num_raw:,} raw prompts of theirs."
        if not self.rows and not self.num_raw:
            yield "There is no row of theirs now. If there should be one, look whether the name is right."
        if self.num_raw is None:
            yield "There is no store in the project. If it has one elsewhere, say this again with --store."
        yield "artifacts with rows of theirs:"
        yield from _listed([f"{place}: {num:,} of {of:,} rows" for place, (num, of) in self.rows.items()])
        yield "models trained on such an artifact:"
        yield from _listed(self.trained)
        yield "made with such a model:"
        yield from _listed(self.derived)
        if self.unknown:
            yield "made from artifacts that are gone, so that nobody can tell:"
            yield from _listed(self.unknown)
        yield f"{FILE} keeps their tombstone; what is listed stays until it is made again or you remove it."


def withdraw(project: Path, store: str | None, *, user: str | None = None, labeler: str | None = None) -> Withdrawal:
    """Put up a tombstone for a user or a labeler, and list what has rows of theirs in it.

    Raises:
        UserError: it is no project, not one of the two was given, or it is not clear who is meant.
    """
    if (user is None) == (labeler is None):
        raise UserError("who withdraws?", remedy="give either --user or --labeler")
    memory, database = Memory.of(project), _store(project, store)
    try:
        person = _user(user, database) if user is not None else _labeler(str(labeler), memory, database)
        return _bury(project, memory, person, database)
    finally:
        if database is not None:
            database.close()


def _bury(project: Path, memory: Memory, person: Person, database: Database | None) -> Withdrawal:
    alone = person.alone()
    found = {thing.key: _count(memory, thing, alone) for thing in memory.things.values() if thing.kind == "artifact"}
    rows = {memory.things[key].place: counts for key, counts in found.items() if counts[0]}
    withdrawn = Withdrawn.of(project)
    marks = set(person.stone(withdrawn).marks)
    before = [stone for stone in withdrawn.kept.stones if not marks.isdisjoint(stone.marks)]
    held = {(place, content) for stone in before for place, content in stone.artifacts.items()}
    held |= {(memory.things[key].place, memory.things[key].content) for key, counts in found.items() if counts[0]}
    salts = {None, *(stone.pseudonym_salt for stone in before)}
    if not marks <= {mark for stone in before for mark in stone.marks} or person.pseudonym_salt not in salts:
        withdrawn.bury(project, person.stone(withdrawn, held))
    num_raw = None if database is None else _remove_raw(database, person)
    return Withdrawal(person, rows, *_reached(memory, {content for _, content in held}), num_raw, _since(before))


def _user(text: str, database: Database | None) -> Person:
    """By the id that came with the data, or by the pseudonym of it under which the store keeps raw prompts."""
    salt = _salt(database)
    names = {text} if salt is None else {text, pseudonym_of_user(salt, text)}
    meaning = f"user '{text}', as the data names them"
    # Where the id itself is known, the salt that leads to it has no business outside of the store.
    return Person("user", frozenset(names), None, meaning, salt if is_pseudonym_of_user(text) else None)


def _salt(database: Database | None) -> str | None:
    """What the store makes pseudonyms of users with; None where it has no raw prompts."""
    if database is None:
        return None
    with database.read() as session:
        setting = session.get(Setting, SALT)
    return None if setting is None else str(setting.value["salt"])


def _remove_raw(database: Database, person: Person) -> int:
    """Take a user's raw prompts out of the store; how many."""
    if person.role != "user":
        return 0
    theirs = RawPrompt.user.in_(person.names)
    with database.write() as session:
        num = session.scalar(select(func.count()).select_from(RawPrompt).where(theirs)) or 0
        session.execute(delete(RawPrompt).where(theirs))
    return num


def _labeler(text: str, memory: Memory, database: Database | None) -> Person:
    """Who is meant: an account by its number or by a pseudonym of any release, or a labeler as the data names them."""
    name = text.removeprefix(ROOM).removeprefix(DATA)
    account = None if text.startswith(DATA) or database is None else _account(database, name)
    is_in_data = not text.startswith(ROOM) and _is_labeler(memory, name)
    if text.startswith(ROOM) and account is None:
        raise UserError(f"the labelling room has no account {name}", remedy="its page People shows the numbers")
    if account is None:
        return Person("labeler", frozenset({name}), None, f"labeler '{name}', as the data names them")
    pseudonyms, own = _names(database, account) if database is not None else (frozenset[str](), frozenset[str]())
    if is_in_data and name not in pseudonyms | own:
        raise UserError(
            f"'{name}' is an account of the labelling room, and somebody else in the data",
            remedy=f"say --labeler {ROOM}{name} or --labeler {DATA}{name}",
        )
    releases = f"{len(pseudonyms)} pseudonyms" if pseudonyms else "never exported"
    return Person("labeler", pseudonyms | own, account, f"labeler {account} of the labelling room ({releases})")


def _store(project: Path, store: str | None) -> Database | None:
    """The project's store of labels and raw prompts, if it has one."""
    url = store_url(project, store)
    if store is None and not Path(url.removeprefix("sqlite:///")).exists():
        return None
    return Database.open(url, create=False)


def _account(database: Database, name: str) -> int | None:
    """The account of a number, of a pseudonym of any release, or of a simulated labeler."""
    with database.read() as session:
        ids = session.scalars(select(Labeler.id)).all()
    if name.isdecimal():
        return int(name) if int(name) in ids else None
    return next((account for account in ids if name in frozenset().union(*_names(database, account))), None)


def _names(database: Database, account: int) -> tuple[frozenset[str], frozenset[str]]:
    """What an account is called in all releases; and the id of a simulated labeler, under which the pipeline has it."""
    with database.read() as session:
        salts = session.scalars(select(Export.salt).distinct()).all()
        labeler = session.get_one(Labeler, account)
    own = {labeler.name} if labeler.origin == "simulated" and labeler.name is not None else ()
    return frozenset(pseudonym(salt, account) for salt in salts), frozenset(own)


def _is_labeler(memory: Memory, name: str) -> bool:
    artifacts = (thing for thing in memory.things.values() if thing.kind == "artifact")
    return any(
        (role, whose) == ("labeler", name)
        for thing in artifacts
        for row in _records(memory, thing)
        for role, whose, _ in people_of(row)
    )


def _count(memory: Memory, thing: Thing, alone: Withdrawn) -> tuple[int, int]:
    theirs = [alone.reason(row) is not None for row in _records(memory, thing)]
    return sum(theirs), len(theirs)


def _records(memory: Memory, thing: Thing) -> Iterator[Record]:
    """An artifact's rows, one by one; of a kind that no record is known for, none: nobody is named in those."""
    record = KINDS.get(thing.manifest.kind) if thing.manifest else None
    if record is not None:
        with (memory.project / thing.place / "rows.jsonl").open("rb") as file:
            for line in file:
                yield record.model_validate_json(line)


def _reached(memory: Memory, held: Collection[str]) -> tuple[list[str], list[str], list[str]]:
    """Models trained on what has such a content hash; what was made with them; models of which nobody can tell.

    An artifact without such rows passes nothing on, even if it was made from one that has them: theirs were not taken.
    """
    trained, unknown = [], []
    for thing in memory.things.values():
        if thing.kind not in ("artifact", "model", "unfinished"):
            continue
        parents = memory.parents(thing)
        if thing.kind != "artifact" and any(parent.content in held for parent in parents):
            trained.append(thing)
        elif thing.kind != "artifact" and any(parent.kind == "replaced" for parent in parents):
            unknown.append(thing)
    derived: dict[str, Thing] = {}
    waiting = list(trained)
    while waiting:
        for child in memory.children(waiting.pop()):
            if child.key not in derived and child not in trained:
                derived[child.key] = child
                waiting.append(child)
    left = [thing for thing in unknown if thing.key not in derived]
    return _named(trained), _named(list(derived.values())), _named(left)


def _named(things: list[Thing]) -> list[str]:
    return sorted(f"{thing.place} ({thing.latest})" if thing.latest else thing.place for thing in things)


def _since(stones: list[Tombstone]) -> float | None:
    return min((stone.withdrawn_at for stone in stones), default=None)


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _listed(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines] or ["  none"]
