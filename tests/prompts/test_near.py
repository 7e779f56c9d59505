"""Near duplicates against brute force over all pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from preceptor.prompts import near
from preceptor.prompts.near import Bands, Sets, buckets_of, jaccard, near_duplicates
from preceptor.prompts.texts import shingles

WORDS = [f"word{number}" for number in range(400)]


def texts(num: int, seed: int) -> list[str]:
    """Random texts, a third of which are edits of earlier ones, near and not so near."""
    generator = np.random.default_rng(seed)
    made: list[list[str]] = []
    for _ in range(num):
        if made and generator.random() < 0.35:
            words = list(made[int(generator.integers(len(made)))])
            for _ in range(int(generator.integers(0, 6))):
                words[int(generator.integers(len(words)))] = str(generator.choice(WORDS))
        else:
            words = [str(word) for word in generator.choice(WORDS, size=int(generator.integers(8, 80)))]
        made.append(words)
    return [" ".join(words) for words in made]


def one_template(num: int, seed: int) -> list[str]:
    """Texts that share 40 words and have 15 of their own, many of them more alike than that: an edit apart."""
    generator = np.random.default_rng(seed)
    frame = [f"frame{number}" for number in range(40)]
    made: list[list[str]] = []
    for _ in range(num):
        if made and generator.random() < 0.3:
            words = list(made[int(generator.integers(len(made)))])
            words[int(generator.integers(len(frame), len(words)))] = str(generator.choice(WORDS))
        else:
            words = [*frame, *(str(word) for word in generator.choice(WORDS, size=15))]
        made.append(words)
    return [" ".join(words) for words in made]


def brute_force(sets: list[np.ndarray], threshold: float) -> dict[int, int]:
    """The same rule, over all pairs: a row goes when it is near an earlier one that is kept."""
    rows = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    _, members = np.unique(np.concatenate(sets), return_inverse=True)
    table = sparse.csr_matrix((np.ones(len(rows)), (rows, members)))
    common = (table @ table.T).toarray()
    sizes = common.diagonal()
    is_near = common >= threshold * (sizes[:, None] + sizes[None, :] - common)
    is_kept = np.zeros(len(sets), dtype=bool)
    found: dict[int, int] = {}
    for row in range(len(sets)):
        likes = np.flatnonzero(is_near[row, :row] & is_kept[:row])
        is_kept[row] = not len(likes)
        if len(likes):
            found[row] = int(likes[0])
    return found


def test_in_a_template_the_near_ones_are_found_though_all_are_much_alike() -> None:
    sets = [shingles(text, 3) for text in one_template(1500, 1)]
    truth = brute_force(sets, 0.8)
    buckets = buckets_of(Bands().of(sets))
    assert np.bincount(buckets[buckets >= 0]).max() > 3 * near.MOST_MET, "some buckets are larger than what is compared"
    found = near_duplicates(buckets, Sets.of(sets), 0.8)
    assert len(truth) > 300
    assert len(set(truth) & set(found)) >= 0.995 * len(truth)


@pytest.mark.parametrize("threshold", [0.8, 0.9])
def test_all_but_a_few_in_a_thousand_are_found_and_none_too_many(threshold: float) -> None:
    sets = [shingles(text, 3) for text in texts(5000, 1)]
    truth = brute_force(sets, threshold)
    found = near_duplicates(buckets_of(Bands().of(sets)), Sets.of(sets), threshold)
    assert len(truth) > 300, "the texts hold near duplicates"
    assert len(set(truth) & set(found)) >= 0.995 * len(truth)
    assert all(jaccard(sets[row], sets[like]) >= threshold for row, like in found.items())
    assert not set(found) & set(found.values()), "what stands for another is kept"
    # A near duplicate that was missed is kept, and then others may be near to it: these are the only ones too many.
    assert len(set(found) - set(truth)) <= 0.005 * len(truth)


def test_nothing_is_near_when_the_bands_say_nothing() -> None:
    sets = [shingles(text, 3) for text in texts(200, 2)]
    noise = np.random.default_rng(0).integers(2**63, size=(200, 24), dtype=np.uint64)
    assert near_duplicates(buckets_of(noise), Sets.of(sets), 0.8) == {}


@given(st.text(min_size=1), st.integers(1, 5))
def test_shingles_are_a_sorted_set_and_never_empty(text: str, size: int) -> None:
    found = shingles(" ".join(text.split()), size)
    assert len(found) >= 1
    assert (np.diff(found.astype(np.int64)) > 0).all()
    assert jaccard(found, found) == 1.0
