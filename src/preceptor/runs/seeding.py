"""Randomness by key: each draw's generator is a function of (seed, key), so no generator state is ever stored.

A resumed run asks for `generator(seed, "sample", 41)` and gets what the uninterrupted run got.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

Key = int | str


def generator(seed: int, *key: Key, device: str = "cpu") -> torch.Generator:
    """A fresh torch generator for (seed, key).

    torch's CPU generator keeps 32 bits of its seed: two keys share a stream with probability 2⁻³².
    """
    return torch.Generator(device=device).manual_seed(_number(seed, key, num_bytes=8) >> 1)


def numpy_generator(seed: int, *key: Key) -> np.random.Generator:
    """A fresh numpy generator for (seed, key)."""
    return np.random.Generator(np.random.PCG64(_number(seed, key, num_bytes=16)))


def row_seeds(seed: int, *key: Key, num: int) -> list[int]:
    """`num` seeds below 2⁶³, one per row; row i's seed does not depend on `num`, so batches may be cut anywhere."""
    return [_number(seed, (*key, row), num_bytes=8) >> 1 for row in range(num)]


@contextmanager
def seed_everything_for_step(seed: int, step: int) -> Iterator[None]:
    """Seed torch's global generators from (seed, "dropout", step) and put them back afterwards.

    For dropout, which takes no generator.
    """
    devices = list(range(torch.cuda.device_count()))
    number = _number(seed, ("dropout", step), num_bytes=8) >> 1
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(number)
        if devices:
            torch.cuda.manual_seed_all(number)
        yield


def _number(seed: int, key: tuple[Key, ...], *, num_bytes: int) -> int:
    """The first bytes of sha256 of the JSON list [seed, *key]: the same on every machine and in every process."""
    for part in (seed, *key):
        if not isinstance(part, int | str) or isinstance(part, bool):
            raise TypeError(f"a key is made of whole numbers and words, not {part!r}")
    text = json.dumps([seed, *key], ensure_ascii=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:num_bytes], "big")
