"""Keyed randomness: the same for a key, different between keys, unmoved by what was drawn before."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from preceptor.runs import generator, numpy_generator, row_seeds, seed_everything_for_step

Keys = st.lists(st.integers(-(2**70), 2**70) | st.text(max_size=5), max_size=4)

GOLDEN_ROWS = [8561977132826259490, 7229059664406157921]
GOLDEN_TORCH = [571921709, 1810479938]
GOLDEN_NUMPY = [49535493, 467160409]


def test_the_streams_are_these_on_every_machine() -> None:
    """Golden values: a change here would change every run that was ever interrupted."""
    assert row_seeds(0, "sample", 1, num=2) == GOLDEN_ROWS
    assert torch.randint(0, 2**31, (2,), generator=generator(0, "sample", 1)).tolist() == GOLDEN_TORCH
    assert numpy_generator(0, "sample", 1).integers(0, 2**31, 2).tolist() == GOLDEN_NUMPY


def test_same_key_same_stream_and_other_keys_others() -> None:
    def draw(seed: int, *key: int | str) -> list[float]:
        return torch.rand(4, generator=generator(seed, *key)).tolist()

    assert draw(0, "sample", 1) == draw(0, "sample", 1)
    others = [draw(0, "sample", 2), draw(1, "sample", 1), draw(0, "shuffle", 1), draw(0, "sample", "1"), draw(0)]
    assert all(other != draw(0, "sample", 1) for other in others)


@given(Keys, Keys)
def test_keys_do_not_run_together(one: list[int | str], other: list[int | str]) -> None:
    same = row_seeds(0, *one, num=1) == row_seeds(0, *other, num=1)
    assert same == (one == other)


def test_row_seeds_do_not_depend_on_their_number() -> None:
    seeds = row_seeds(7, "rows", num=500)
    assert seeds[:10] == row_seeds(7, "rows", num=10)
    assert len(set(seeds)) == 500
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_streams_of_neighbouring_steps_are_uncorrelated() -> None:
    draws = np.array([torch.rand(200, generator=generator(0, "step", step)).numpy() for step in range(50)])
    correlations = np.corrcoef(draws)[np.triu_indices(50, 1)]
    assert abs(correlations).max() < 0.35  # 4.9 standard errors of 1/√200
    assert abs(draws.mean() - 0.5) < 0.015


@pytest.mark.parametrize("part", [True, 1.0, None, ("a",)])
def test_a_key_is_of_whole_numbers_and_words(part: object) -> None:
    with pytest.raises(TypeError, match="whole numbers and words"):
        generator(0, part)  # type: ignore[arg-type]


def test_dropout_is_a_function_of_seed_and_step_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)

    def dropped(seed: int, step: int) -> torch.Tensor:
        with seed_everything_for_step(seed, step):
            return torch.nn.functional.dropout(torch.ones(64), 0.5)

    first = dropped(0, 1)
    assert torch.equal(first, dropped(0, 1))
    assert not torch.equal(first, dropped(0, 2))
    assert not torch.equal(first, dropped(1, 1))
    with pytest.raises(KeyError), seed_everything_for_step(0, 1):
        raise KeyError
    assert torch.equal(torch.rand(3), expected)
