"""Train, valid and test parts in which no user and no conversation is met twice."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

from preceptor.errors import UserError
from preceptor.records.labels import Demonstration, Ranking, Rating
from preceptor.records.prompt import Prompt, Split

RowT = TypeVar("RowT", Prompt, Demonstration, Ranking, Rating)


def split_by_group(rows: Sequence[RowT], seed: int, shares: Mapping[Split, float]) -> list[RowT]:
    """Put each row into a split by a hash of its group, so that rows of one group are never parted.

    Two rows are of one group when they have the same user or conversations that begin alike (the same system and first
    user message, up to case and space), or when a chain of such rows joins them. The hash knows nothing of other
    groups: more data leaves the split of an old group as it was, unless it joins two groups.
    As in Ouyang et al. 2022, section 3.2, which splits by user.

    Raises:
        UserError: the shares are negative or do not sum to 1.
    """
    _check(shares)
    keys = [_keys(_prompt(row)) for row in rows]
    roots = _joined(keys)
    recast = _Recast()
    return [recast(row, draw_split(seed, roots[key[0]], shares)) for row, key in zip(rows, keys, strict=True)]


def split_by_response(rows: Sequence[Ranking], seed: int, shares: Mapping[Split, float]) -> tuple[list[Ranking], int]:
    """Put each response text into a split, for data in which all rankings share one prompt.

    Returns the rankings whose responses all fell into one split, and the number of those dropped because theirs did
    not: with shares (p, q) of two responses, 2pq of the rankings.

    Raises:
        UserError: the shares are negative or do not sum to 1.
    """
    _check(shares)
    recast = _Recast()
    drawn: dict[str, Split] = {}
    kept = []
    for row in rows:
        splits = set()
        for response in row.responses:
            if response.text not in drawn:
                drawn[response.text] = draw_split(seed, _normal(response.text), shares)
            splits.add(drawn[response.text])
        if len(splits) == 1:
            kept.append(recast(row, splits.pop()))
    return kept, len(rows) - len(kept)


def _check(shares: Mapping[Split, float]) -> None:
    if any(share < 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-9:
        raise UserError(
            f"the shares of the splits are {dict(shares)}", remedy="give shares of at least 0 that sum to 1"
        )


def _prompt(row: Prompt | Demonstration | Ranking | Rating) -> Prompt:
    return row if isinstance(row, Prompt) else row.prompt


def _normal(text: str) -> str:
    return " ".join(text.casefold().split())


def _keys(prompt: Prompt) -> list[str]:
    """What a group is known by: how its conversation begins and, where it is known, its user."""
    start = []
    for message in prompt.messages:
        start.append(f"{message.role}\n{_normal(message.content)}")
        if message.role == "user":
            break
    return ["begins\n" + "\n".join(start), *([] if prompt.user is None else [f"user\n{prompt.user}"])]


def _joined(rows: Sequence[Sequence[str]]) -> dict[str, str]:
    """Least key of each key's connected component, where the keys of one row are connected."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for keys in rows:
        for key in keys:
            low, high = sorted((root(keys[0]), root(key)))
            parent[high] = low
    return {key: root(key) for key in parent}


def draw_split(seed: int, key: str, shares: Mapping[Split, float]) -> Split:
    """A split with the probability of its share, decided by the key's hash: other keys have no part in it."""
    digest = hashlib.sha256(f"{seed}\n{key}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    names = [name for name, share in shares.items() if share > 0]
    for name in names:
        position -= shares[name]
        if position < 0:
            return name
    return names[-1]


class _Recast:
    """Copies rows with another split; rows that shared a prompt go on sharing one."""

    def __init__(self) -> None:
        self.prompts: dict[tuple[int, Split], tuple[Prompt, Prompt]] = {}

    def __call__(self, row: RowT, split: Split) -> RowT:
        prompt = _prompt(row)
        key = (id(prompt), split)
        if key not in self.prompts:
            # The original is kept beside its copy, so that its id() stays its own.
            self.prompts[key] = (prompt, prompt.model_copy(update={"split": split}))
        copied = self.prompts[key][1]
        if isinstance(row, Prompt):
            return copied
        return row.model_copy(update={"prompt": copied})
