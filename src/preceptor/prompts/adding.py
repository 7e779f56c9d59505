"""Raw prompts into the store: one transaction per batch, users under pseudonyms, what is there already left alone."""

import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.orm import Session

from preceptor.errors import UserError
from preceptor.records import Prompt, pseudonym_of_user
from preceptor.records.artifacts import canonical_hash
from preceptor.store import Database, PromptFile, RawPrompt
from preceptor.store.tables import Setting

BATCH = 500
"""Raw rows whose prompts are added, or not, together."""
NUM_LINES = 5
"""Lines of refused rows that are remembered for each reason."""
SALT = "prompts.salt"
"""Name of the setting that holds the project's salt."""
CONTENT = ("user", "source", "use_case", "messages", "details")
"""What makes a prompt this prompt and no other: its key is the hash of these columns."""


class Given(Protocol):
    """What one raw row of a file asks; or the error, with its `reason` in a few words, for which it is refused."""

    @property
    def line(self) -> int: ...
    @property
    def prompts(self) -> Sequence[Prompt]: ...
    @property
    def refused(self) -> Any: ...


@dataclass(frozen=True)
class Source:
    """A file, and how it is read."""

    name: str
    content_hash: str
    format: str
    options: Mapping[str, Any]
    source: str | None = None
    """Where its prompts come from, whatever they say."""


@dataclass
class Added:
    """What became of a file, over all times that it was added."""

    num_read: int = 0
    """Raw rows."""
    num_added: int = 0
    """Prompts that are new in the store."""
    num_known: int = 0
    """Prompts that were in the store already."""
    refused: dict[str, Any] = field(default_factory=dict)
    """Reason → {'num': rows, 'lines': the first of them}."""
    was_done: bool = False
    """Whether the file had been added before, to its end."""


def add_prompts(database: Database, source: Source, rows: Iterable[Given], *, skip_bad: bool = False) -> Added:
    """Add the prompts of a file. Killed at any moment, it goes on after the last whole batch when called again.

    Raises:
        UserError: a row is refused, unless `skip_bad` counts it; batches before it stay.
    """
    file, salt = _begin(database, source)
    added = Added(file.num_read, file.num_added, refused=dict(file.refused), was_done=file.is_done)
    if file.is_done:
        return added
    remaining = islice(iter(rows), file.num_read, None)
    while batch := list(islice(remaining, BATCH)):
        bad = None if skip_bad else next((row.refused for row in batch if row.refused), None)
        with database.write() as session:
            _add_batch(session, file.id, source, salt, batch, added, skip_bad=skip_bad)
            _note(session, file.id, added)
            if bad is not None:
                raise bad
    with database.write() as session:
        session.get_one(PromptFile, file.id).is_done = True
    return added


def changed_prompts(connection: Connection) -> Iterator[str]:
    """Keys of those raw prompts in the store that are not what their keys say."""
    columns = (getattr(RawPrompt, name) for name in ("key", *CONTENT))
    for key, *content in connection.execute(select(*columns).execution_options(yield_per=BATCH)):
        if canonical_hash(dict(zip(CONTENT, content, strict=True))) != key:
            yield key


def project_salt(session: Session) -> str:
    """The salt of this project's pseudonyms; drawn when it is first asked for, in a transaction that writes."""
    setting = session.get(Setting, SALT)
    if setting is None:
        setting = Setting(name=SALT, value={"salt": secrets.token_hex(16)})
        session.add(setting)
        session.flush()
    return str(setting.value["salt"])


def set_salt(database: Database, salt: str) -> None:
    """Make the pseudonyms the same in every project, for users whom nobody can look for.

    Raises:
        UserError: pseudonyms were made with another salt.
    """
    with database.write() as session:
        setting = session.get(Setting, SALT)
        if setting is None:
            session.add(Setting(name=SALT, value={"salt": salt}))
        elif setting.value["salt"] != salt:
            raise UserError("this store has prompts of people in it", remedy="use another folder")


def forget_file(database: Database, name: str) -> None:
    """Take out all that files of this name brought in."""
    with database.write() as session:
        files = list(session.scalars(select(PromptFile.id).filter_by(name=name)))
        session.execute(delete(RawPrompt).where(RawPrompt.file_id.in_(files)))
        session.execute(delete(PromptFile).where(PromptFile.id.in_(files)))


def _begin(database: Database, source: Source) -> tuple[PromptFile, str]:
    options_hash = canonical_hash([source.format, dict(source.options), source.source])
    with database.write() as session:
        salt = project_salt(session)
        known = select(PromptFile).filter_by(content_hash=source.content_hash, options_hash=options_hash)
        file = session.scalar(known)
        if file is None:
            file = PromptFile(
                name=Path(source.name).name, content_hash=source.content_hash, options_hash=options_hash,
                format=source.format, options=dict(source.options), num_read=0, num_added=0, refused={}, is_done=False,
                created_at=time.time(),
            )  # fmt: skip
            session.add(file)
            session.flush()
        return file, salt


def _add_batch(
    session: Session, file_id: int, source: Source, salt: str, batch: Sequence[Given], added: Added, *, skip_bad: bool
) -> None:  # fmt: skip
    rows: dict[str, dict[str, Any]] = {}
    for row in _stored(file_id, source, salt, batch):
        rows.setdefault(row["key"], row)
    num = sum(len(given.prompts) for given in batch)
    there = set(session.scalars(select(RawPrompt.key).where(RawPrompt.key.in_(rows))))
    unknown = [row for key, row in rows.items() if key not in there]
    fresh = _with_own_ids(session, file_id, source, unknown, added, skip_bad=skip_bad)
    if fresh:
        session.execute(insert(RawPrompt), fresh)
    for given in batch:
        if given.refused:
            _count(added, given.refused.reason, given.line)
    added.num_read += len(batch)
    added.num_added += len(fresh)
    added.num_known += num - len(unknown)


def _stored(file_id: int, source: Source, salt: str, batch: Sequence[Given]) -> Iterator[dict[str, Any]]:
    """Rows of the table for what a batch asks."""
    for given in batch:
        for prompt in given.prompts:
            content = json_of(prompt, salt, source.source)
            yield content | {
                "key": canonical_hash(content), "file_id": file_id, "line": given.line,
                "given_id": _without(prompt.id, prompt.user, content["user"]),
            }  # fmt: skip


def json_of(prompt: Prompt, salt: str, source: str | None) -> dict[str, Any]:
    """What is kept of a prompt, and what makes it this prompt and no other."""
    user = None if prompt.user is None else pseudonym_of_user(salt, prompt.user)
    return {
        "user": user,
        "source": (source or prompt.source).replace("\0", "\ufffd"),
        "use_case": prompt.use_case,
        "messages": [
            {"role": message.role, "content": message.content.replace("\0", "\ufffd")} for message in prompt.messages
        ],
        "details": _without(prompt.metadata, prompt.user, user),
    }


def _without(value: Any, user: str | None, instead: str | None) -> Any:
    """Ids and metadata in which the user does not stand by another way; an address also as a part, in any case."""
    if isinstance(value, dict):
        return {_without(key, user, instead): _without(inner, user, instead) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, user, instead) for inner in value]
    if user is not None and str(value) == user:
        return instead
    if not isinstance(value, str):
        return value
    if user is not None and "@" in user and user.casefold() in value.casefold():
        value = re.sub(re.escape(user), str(instead), value, flags=re.IGNORECASE)
    return value.replace("\0", "\ufffd")


def _with_own_ids(
    session: Session, file_id: int, source: Source, rows: Sequence[dict[str, Any]], added: Added, *, skip_bad: bool
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows without those whose id another row of the file has, which are refused."""
    ids = [row["given_id"] for row in rows]
    table = RawPrompt
    found = select(table.given_id).where(table.file_id == file_id, table.given_id.in_(ids))
    taken = set(session.scalars(found))
    fresh = []
    for row in rows:
        if row["given_id"] not in taken:
            taken.add(row["given_id"])
            fresh.append(row)
        elif not skip_bad:
            raise UserError(
                f"another row has the id '{row['given_id']}' and other content", file=source.name, line=row["line"],
                field="id", remedy="mend this row, or give --skip-bad to drop and count such rows",
            )  # fmt: skip
        else:
            _count(added, "duplicate id", row["line"])
    return fresh


def _count(added: Added, reason: str, line: int) -> None:
    entry = added.refused.get(reason, {"num": 0, "lines": []})
    added.refused[reason] = {"num": entry["num"] + 1, "lines": [*entry["lines"], line][:NUM_LINES]}


def _note(session: Session, file_id: int, added: Added) -> None:
    """Keep how far the file is, in the transaction of the rows themselves."""
    file = session.get_one(PromptFile, file_id)
    file.num_read, file.num_added, file.refused = added.num_read, added.num_added, dict(added.refused)
