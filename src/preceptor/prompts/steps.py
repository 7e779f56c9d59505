"""Which raw prompts get into the data: one step after the other, each counted, none of them touching a raw row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from preceptor.prompts.config import BuildConfig
from preceptor.prompts.near import Bands, near_duplicates
from preceptor.prompts.raw import Raw
from preceptor.prompts.texts import beginnings, normal_text, shingles, text_hash
from preceptor.records import Record, Split, draw_split

CHUNK = 2000
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


class Drop(Record):
    """A raw prompt that a step left out, and why. Its raw row stays: with the step off it is in the data again."""

    id: str
    """Id that the prompt has, or would have, in the data."""
    step: str
    """The step that left it out."""
    like: str | None = None
    """Id of the prompt that stands for it, where it is a duplicate."""


@dataclass
class Decisions:
    """What the steps decided of all raw prompts, in the order of their keys."""

    keys: np.ndarray
    split: np.ndarray
    """Number in `SPLITS` of each row that is kept, −1 where it is not."""
    drops: list[tuple[int, str, int]]
    """(row, step, the row that stands for it or −1)."""
    steps: list[tuple[str, int, int]] = field(default_factory=list)
    """(step, rows before it, rows that it dropped)."""

    def id(self, row: int) -> str:
        """Id of a row in the data."""
        return prompt_id(self.keys[row].decode())

    def logged(self) -> Iterable[Drop]:
        """Each drop, to be written down."""
        for row, step, like in self.drops:
            yield Drop(id=self.id(row), step=step, like=None if like < 0 else self.id(like))

    def dropped(self) -> dict[str, int]:
        """Step → how many rows it dropped."""
        return {step: num for step, _, num in self.steps if num}


def prompt_id(key: str) -> str:
    """A raw prompt's id in the data: the beginning of its key."""
    return key[:16]


@dataclass
class _Facts:
    """What the steps need to know of all rows; texts are not kept."""

    keys: np.ndarray
    users: np.ndarray
    """A number for each user; −1 for nobody in particular."""
    names: Sequence[str]
    """The users by their numbers."""
    texts: np.ndarray
    by_words: np.ndarray
    by_characters: np.ndarray
    sets: list[np.ndarray]
    bands: np.ndarray


def decide(rows: Iterable[Raw], config: BuildConfig, seed: int) -> Decisions:
    """Take the steps. What they decide is a function of the set of rows alone: how they came in has no part in it."""
    facts = _facts(rows, config)
    decisions = Decisions(facts.keys, np.full(len(facts.keys), -1, dtype=np.int8), [])
    alive = np.ones(len(facts.keys), dtype=bool)
    if config.exact:
        _drop(decisions, alive, "exact duplicate", _equal(facts.texts, alive))
    if config.prefix.is_on:
        _drop(decisions, alive, "long common prefix", _begun(facts, alive))
    if config.near.is_on:
        _drop(decisions, alive, "near duplicate", _near(facts, alive, config.near.threshold))
    if config.max_per_user is not None:
        _drop(decisions, alive, "more prompts of one user", _surplus(facts.users, alive, config.max_per_user))
    _split(decisions, facts, alive, config.split.shares(), seed)
    return decisions


def _facts(rows: Iterable[Raw], config: BuildConfig) -> _Facts:
    numbers: dict[str, int] = {}
    columns: dict[str, list[np.ndarray]] = {}
    sets: list[np.ndarray] = []
    bands = Bands()
    for chunk in _chunks(rows):
        texts = [normal_text(row.messages) for row in chunk]
        starts = [beginnings(text, config.prefix.num_words, config.prefix.num_characters) for text in texts]
        users = [-1 if row.user is None else numbers.setdefault(row.user, len(numbers)) for row in chunk]
        found = {
            "keys": np.array([row.key.encode() for row in chunk], dtype="S64"),
            "users": np.array(users, dtype=np.int64),
            "texts": np.array([text_hash(text) for text in texts], dtype=np.uint64),
            "starts": np.array(starts, dtype=np.uint64),
        }
        if config.near.is_on:
            fresh = [shingles(text, config.near.num_words) for text in texts]
            found["bands"] = bands.of(fresh)
            sets += fresh
        for name, column in found.items():
            columns.setdefault(name, []).append(column)
    whole = {name: np.concatenate(parts) for name, parts in columns.items()}
    empty = np.zeros((0, 2), dtype=np.uint64)
    starts_of = whole.get("starts", empty)
    return _Facts(
        whole.get("keys", np.zeros(0, dtype="S64")), whole.get("users", np.zeros(0, dtype=np.int64)), list(numbers),
        whole.get("texts", empty[:, 0]), starts_of[:, 0], starts_of[:, 1], sets, whole.get("bands", empty),
    )  # fmt: skip


def _chunks(rows: Iterable[Raw]) -> Iterable[list[Raw]]:
    chunk: list[Raw] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _drop(decisions: Decisions, alive: np.ndarray, step: str, found: Mapping[int, int]) -> None:
    """Take rows out, {row: the row that stands for it}, and count them."""
    decisions.steps.append((step, int(alive.sum()), len(found)))
    decisions.drops += [(row, step, like) for row, like in sorted(found.items())]
    alive[list(found)] = False


def _equal(hashes: np.ndarray, alive: np.ndarray) -> dict[int, int]:
    """Rows whose hash an earlier row has, too."""
    rows = np.flatnonzero(alive)
    _, first, inverse = np.unique(hashes[rows], return_index=True, return_inverse=True)
    likes = rows[first[inverse]]
    return {int(row): int(like) for row, like in zip(rows, likes, strict=True) if row != like}


def _begun(facts: _Facts, alive: np.ndarray) -> dict[int, int]:
    """Rows that begin like an earlier one that is kept, by words or by characters."""
    seen: dict[int, int] = {}
    found: dict[int, int] = {}
    for row in np.flatnonzero(alive & ((facts.by_words != 0) | (facts.by_characters != 0))).tolist():
        marks = [mark for mark in (int(facts.by_words[row]), int(facts.by_characters[row])) if mark]
        like = next((seen[mark] for mark in marks if mark in seen), None)
        if like is None:
            seen |= dict.fromkeys(marks, row)
        else:
            found[row] = like
    return found


def _near(facts: _Facts, alive: np.ndarray, threshold: float) -> dict[int, int]:
    rows = np.flatnonzero(alive)
    found = near_duplicates(facts.bands[rows], [facts.sets[row] for row in rows], threshold)
    return {int(rows[row]): int(rows[like]) for row, like in found.items()}


def _surplus(users: np.ndarray, alive: np.ndarray, most: int) -> dict[int, int]:
    """Rows beyond the first `most` of a user."""
    rows = np.flatnonzero(alive & (users >= 0))
    order = rows[np.argsort(users[rows], kind="stable")]
    _, starts, sizes = np.unique(users[order], return_index=True, return_counts=True)
    places = np.arange(len(order)) - np.repeat(starts, sizes)
    return {int(row): -1 for row in order[places >= most]}


def _split(
    decisions: Decisions, facts: _Facts, alive: np.ndarray, shares: Mapping[Split, float], seed: int
) -> None:  # fmt: skip
    """By user; a prompt of nobody in particular goes by itself."""
    of_user = [SPLITS.index(draw_split(seed, f"user\n{name}", shares)) for name in facts.names]
    for row in np.flatnonzero(alive):
        user = facts.users[row]
        alone = f"prompt\n{facts.keys[row].decode()}"
        decisions.split[row] = of_user[user] if user >= 0 else SPLITS.index(draw_split(seed, alone, shares))
