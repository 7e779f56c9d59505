"""Near duplicates by MinHash and locality-sensitive hashing (Broder 1997), each found one checked exactly.

Two sets whose Jaccard similarity is s agree on one MinHash with probability s, and on a band of r of them with s^r.
Those that agree on at least two of b bands are compared. With b = 24 and r = 5 a pair at the threshold of 0.8 is missed
once in a thousand, and one at 0.5 is compared in a sixth of the cases. Where very many agree on a band, as prompts of
one template do, a row is compared with the last of them only: what it is near to agrees with it on other bands, too,
and the time stays linear in the number of rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NUM_BANDS = 24
NUM_ROWS = 5
MIN_SHARED = 2
"""Bands on which a pair has to agree."""
MOST_MET = 16
"""Rows of one bucket that a row is compared with, the last ones that were kept."""
ALONE = -1
"""In the place of a bucket's number: no other row is in it."""


@dataclass(frozen=True)
class Sets:
    """Many sorted sets of hashes, one after the other in one array."""

    members: np.ndarray
    """uint32."""
    starts: np.ndarray
    """Where each set begins, and the end of the last one."""

    @classmethod
    def of(cls, sets: Sequence[np.ndarray]) -> "Sets":
        """Of sets in arrays of their own."""
        members = np.concatenate(sets) if sets else np.zeros(0, dtype=np.uint32)
        return cls(members, np.cumsum([0, *(len(one) for one in sets)]))

    @classmethod
    def joined(cls, parts: Sequence["Sets"]) -> "Sets":
        """Those of all parts, in their order."""
        sizes = np.concatenate([np.zeros(1, dtype=np.int64), *(np.diff(part.starts) for part in parts)])
        return cls(np.concatenate([np.zeros(0, np.uint32), *(part.members for part in parts)]), np.cumsum(sizes))

    def __getitem__(self, number: int) -> np.ndarray:
        return self.members[self.starts[number] : self.starts[number + 1]]


class Bands:
    """Hashes of the bands of shingle sets."""

    def __init__(self) -> None:
        generator = np.random.default_rng(7303014)  # the same on every machine: who is near whom must not change
        num = NUM_BANDS * NUM_ROWS
        self._factors = generator.integers(2**63, size=num, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        self._offsets = generator.integers(2**63, size=num, dtype=np.uint64)

    def of(self, sets: Sequence[np.ndarray]) -> np.ndarray:
        """One row of band hashes for each set; no set is empty."""
        if not sets:
            return np.zeros((0, NUM_BANDS), dtype=np.uint64)
        members = np.concatenate(sets).astype(np.uint64)
        starts = np.cumsum([0, *(len(one) for one in sets[:-1])])
        bands = np.zeros((len(sets), NUM_BANDS), dtype=np.uint64)
        for number, (factor, offset) in enumerate(zip(self._factors, self._offsets, strict=True)):
            least = np.minimum.reduceat((members * factor + offset) >> np.uint64(32), starts)
            band = number // NUM_ROWS
            bands[:, band] = (bands[:, band] ^ least) * self._factors[0]
            bands[:, band] ^= bands[:, band] >> np.uint64(29)
        return bands


def buckets_of(bands: np.ndarray) -> np.ndarray:
    """Number of each row's bucket in each band, different ones in different bands; `ALONE` where it is alone there."""
    buckets = np.full(bands.shape, ALONE, dtype=np.int32)
    start = 0
    for band in range(bands.shape[1]):
        _, numbers, sizes = np.unique(bands[:, band], return_inverse=True, return_counts=True)
        is_shared = sizes > 1
        named = np.where(is_shared, start + np.cumsum(is_shared) - 1, ALONE)
        buckets[:, band] = named[numbers]
        start += int(is_shared.sum())
    return buckets


def may_be_near(buckets: np.ndarray) -> np.ndarray:
    """Rows that share enough buckets to be compared with others."""
    return np.flatnonzero((buckets != ALONE).sum(axis=1) >= MIN_SHARED)


def near_duplicates(buckets: np.ndarray, sets: Sets, threshold: float) -> dict[int, int]:
    """Row → the earlier row that it is near to, for all rows that are dropped: each is near to one that is kept."""
    kept = _Kept(buckets)
    found: dict[int, int] = {}
    for row in range(len(buckets)):
        mine = sets[row]
        like = next((other for other in kept.beside(row) if jaccard(mine, sets[other]) >= threshold), None)
        if like is None:
            kept.add(row)
        else:
            found[row] = like
    return found


class _Kept:
    """Rows that are kept, in their buckets. Each bucket is a chain: its last row, and of each row the one before."""

    def __init__(self, buckets: np.ndarray) -> None:
        self._buckets = buckets
        self._last = np.full(int(buckets.max(initial=ALONE)) + 1, -1, dtype=np.int32)
        self._before = np.full(buckets.shape, -1, dtype=np.int32)

    def add(self, row: int) -> None:
        """Put a row into its buckets."""
        bands = np.flatnonzero(self._buckets[row] != ALONE)
        mine = self._buckets[row, bands]
        self._before[row, bands] = self._last[mine]
        self._last[mine] = row

    def beside(self, row: int) -> list[int]:
        """Rows that share enough buckets with a row, those that share most first, then the earliest."""
        bands = np.flatnonzero(self._buckets[row] != ALONE)
        level = self._last[self._buckets[row, bands]]
        met = [np.zeros(0, dtype=np.int32)]
        for _ in range(MOST_MET):
            is_row = level >= 0
            if not is_row.any():
                break
            bands, level = bands[is_row], level[is_row]
            met.append(level)
            level = self._before[level, bands]
        others, shared = np.unique(np.concatenate(met), return_counts=True)
        others, shared = others[shared >= MIN_SHARED], shared[shared >= MIN_SHARED]
        return others[np.argsort(-shared, kind="stable")].tolist()


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Share of common members of two sorted sets."""
    if min(len(first), len(second)) == 0:
        return 0.0
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / (len(first) + len(second) - common)
