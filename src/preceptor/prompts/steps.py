"""Which raw prompts get into the data: one step after the other, each counted, none of them touching a raw row."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from preceptor.prompts.config import BuildConfig
from preceptor.prompts.near import Bands, Sets, buckets_of, may_be_near, near_duplicates
from preceptor.prompts.raw import Raw, RawPrompts
from preceptor.prompts.texts import beginnings, normal_text, shingles, text_hash
from preceptor.records import Record, Split, draw_split

SPLITS: tuple[Split, ...] = ("train", "valid", "test")
KEPT = -1
"""In the place of a step's number: no step dropped the row."""
NOBODY = -1
"""In the place of a row's number: no row."""


class Drop(Record):
    """A raw prompt that a step left out, and why. Its raw row stays: with the step off it is in the data again."""

    id: str
    """Id that the prompt has, or would have, in the data."""
    step: str
    """The step that left it out."""
    like: str | None = None
    """Id of the prompt that stands for it, where it is a duplicate."""


@dataclass(frozen=True)
class Step:
    """A step that was taken."""

    name: str
    num_read: int
    num_dropped: int


class Decisions:
    """What the steps decided of all raw prompts, in the order of their keys: some bytes for each, no texts."""

    def __init__(self, keys: np.ndarray, splits: np.ndarray) -> None:
        self.keys = keys
        self.splits = splits
        """Number in `SPLITS` of each row, also of one that is dropped."""
        self.steps: list[Step] = []
        self.dropped: dict[str, int] = {}
        """Step → how many rows it dropped, where it dropped any."""
        self._dropped_by = np.full(len(keys), KEPT, dtype=np.int8)
        self._likes = np.full(len(keys), NOBODY, dtype=np.int32)

    @property
    def is_kept(self) -> np.ndarray:
        """Whether each row is in the data."""
        return self._dropped_by == KEPT

    def drop(self, step: str, rows: np.ndarray, likes: np.ndarray | None = None) -> None:
        """Take rows out, each for the row that stands for it if there is one, and count them as a step's."""
        num_read = int(self.is_kept.sum())
        self._dropped_by[rows] = len(self.steps)
        self._likes[rows] = NOBODY if likes is None else likes
        self.steps.append(Step(step, num_read, len(rows)))
        if len(rows):
            self.dropped[step] = len(rows)

    def keeps(self, key: str) -> bool:
        """Whether a row is in the data; one that came in after the steps were taken is not."""
        (row,) = self.find([key])
        return row < len(self.keys) and self.keys[row] == key.encode() and self._dropped_by[row] == KEPT

    def find(self, keys: list[str]) -> np.ndarray:
        """Numbers of the rows that have these keys."""
        return np.searchsorted(self.keys, np.array(keys, dtype=self.keys.dtype))

    def logged(self) -> Iterator[Drop]:
        """Each drop, to be written down: step by step, in the order of the keys."""
        for number, step in enumerate(self.steps):
            for row in np.flatnonzero(self._dropped_by == number):
                like = self._likes[row]
                yield Drop(id=self._id(row), step=step.name, like=None if like == NOBODY else self._id(like))

    def _id(self, row: int) -> str:
        return prompt_id(self.keys[row].decode())


def prompt_id(key: str) -> str:
    """A raw prompt's id in the data: the beginning of its key."""
    return key[:16]


def decide(prompts: RawPrompts, config: BuildConfig, seed: int) -> Decisions:
    """Take the steps. What they decide is a function of the set of rows alone: how they came in has no part in it."""
    facts = _joined(list(prompts.each("Comparing prompts", partial(_facts, config, seed))))
    decisions = Decisions(facts["keys"], facts["splits"])
    if config.exact:
        decisions.drop("exact duplicate", *_equal(facts["texts"]))
    if config.prefix.is_on:
        decisions.drop("long common prefix", *_begun(facts["starts"], decisions.is_kept))
    if config.near.is_on:
        decisions.drop("near duplicate", *_near(prompts, decisions, facts["bands"], config))
    if config.max_per_user is not None:
        decisions.drop("more prompts of one user", _surplus(facts["users"], decisions.is_kept, config.max_per_user))
    return decisions


def _facts(config: BuildConfig, seed: int, rows: list[Raw], part: None) -> dict[str, np.ndarray]:
    """What the steps need to know of each row of a shard."""
    texts = [normal_text(row.messages) for row in rows]
    starts = [beginnings(text, config.prefix.num_words, config.prefix.num_characters) for text in texts]
    shares = config.split.shares()
    facts = {
        "keys": np.array([row.key.encode() for row in rows], dtype="S64"),
        "users": np.array([0 if row.user is None else text_hash(row.user) for row in rows], dtype=np.uint64),
        "splits": np.array([SPLITS.index(draw_split(seed, _whose(row), shares)) for row in rows], dtype=np.int8),
        "texts": np.array([text_hash(text) for text in texts], dtype=np.uint64),
        "starts": np.array(starts, dtype=np.uint64).reshape(-1, 2),
    }
    if config.near.is_on:
        facts["bands"] = Bands().of([shingles(text, config.near.num_words) for text in texts])
    return facts


def _whose(row: Raw) -> str:
    """What decides a row's split: its user; a prompt of nobody in particular goes by itself."""
    return f"prompt\n{row.key}" if row.user is None else f"user\n{row.user}"


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Columns over all shards; each part is let go of as soon as it is copied."""
    return {name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}


def _equal(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose text an earlier row has, too, and that row."""
    _, first, inverse = np.unique(texts, return_index=True, return_inverse=True)
    likes = first[inverse]
    rows = np.flatnonzero(likes != np.arange(len(texts)))
    return rows, likes[rows]


def _begun(starts: np.ndarray, is_kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows that begin like an earlier one that is kept, by words or by characters, and that one."""
    marks, sizes = np.unique(starts[is_kept], return_counts=True)
    is_shared = np.isin(starts, marks[(sizes > 1) & (marks != 0)])
    seen: dict[int, int] = {}
    found: dict[int, int] = {}
    for row in np.flatnonzero(is_kept & is_shared.any(axis=1)).tolist():
        mine = starts[row][is_shared[row]].tolist()
        like = next((seen[mark] for mark in mine if mark in seen), None)
        if like is None:
            seen |= dict.fromkeys(mine, row)
        else:
            found[row] = like
    return _columns(found)


def _near(
    prompts: RawPrompts, decisions: Decisions, bands: np.ndarray, config: BuildConfig
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Rows that are near to an earlier one that is kept, and that one. Only of those that may be so texts are read."""
    kept = np.flatnonzero(decisions.is_kept)
    buckets = buckets_of(bands[kept])
    places = may_be_near(buckets)
    rows, buckets = kept[places], buckets[places]
    keys = decisions.keys[rows]
    parts = [{key.decode() for key in keys[part]} for part in prompts.cut(keys)]
    sets = Sets.joined(list(prompts.each("Reading near ones", partial(_sets, config.near.num_words), parts)))
    found = near_duplicates(buckets, sets, config.near.threshold)
    places, likes = _columns(found)
    return rows[places], rows[likes]


def _sets(num_words: int, rows: list[Raw], keys: set[str]) -> Sets:
    """The shingles of the rows of these keys."""
    return Sets.of([shingles(normal_text(row.messages), num_words) for row in rows if row.key in keys])


def _columns(found: Mapping[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """{row: the row that stands for it} as two columns."""
    rows = np.array(sorted(found), dtype=np.int64)
    return rows, np.array([found[row] for row in rows.tolist()], dtype=np.int64)


def _surplus(users: np.ndarray, is_kept: np.ndarray, most: int) -> np.ndarray:
    """Rows beyond the first `most` of a user."""
    rows = np.flatnonzero(is_kept & (users != 0))
    order = rows[np.argsort(users[rows], kind="stable")]
    _, starts, sizes = np.unique(users[order], return_index=True, return_counts=True)
    places = np.arange(len(order)) - np.repeat(starts, sizes)
    return np.sort(order[places >= most])
