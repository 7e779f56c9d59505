"""One token out of logits: exact probabilities, and the kernel against plain torch."""

from typing import Any

import pytest
import torch
from torch import Tensor

from preceptor.generation.drawing import draw, draw_plain
from preceptor.records import Sampling

BOTH = pytest.mark.parametrize("drawn", [draw, draw_plain])


def uniform(num: int) -> Tensor:
    """As even as numbers can be: of each token, its probability's share, to within one."""
    return (torch.arange(num) + 0.5) / num


@BOTH
def test_draw_follows_the_distribution(drawn: Any) -> None:
    probabilities_V = torch.tensor([0.5, 0.3, 0.0, 0.2])
    token_B, logprob_B = drawn(probabilities_V.log().expand(10_000, 4), uniform(10_000), Sampling())
    counts = torch.bincount(token_B, minlength=4) / 10_000
    assert torch.allclose(counts, probabilities_V, atol=2e-4)
    assert torch.allclose(logprob_B, probabilities_V.log()[token_B], atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("num_tokens", [7, 256, 1000])
@BOTH
def test_draw_follows_a_long_distribution(drawn: Any, dtype: torch.dtype, num_tokens: int) -> None:
    """Over more tokens than a block of the kernel has; at another temperature it is another distribution."""
    logits_V = (torch.randn(num_tokens, generator=torch.Generator().manual_seed(0)) * 3).to(dtype)
    for temperature in (1.0, 0.5):
        token_B, logprob_B = drawn(logits_V.expand(20_000, -1), uniform(20_000), Sampling(temperature=temperature))
        logprob_V = (logits_V.float() / temperature).log_softmax(-1)
        counts = torch.bincount(token_B, minlength=num_tokens) / 20_000
        assert (counts - logprob_V.exp()).abs().max() <= 1.5 / 20_000
        assert torch.allclose(logprob_B, logprob_V[token_B], atol=1e-5)
        assert (token_B.diff() >= 0).all()  # the inverse of the cumulative distribution


@BOTH
def test_draw_never_takes_an_impossible_token(drawn: Any) -> None:
    logits_BV = torch.full((2, 600), float("-inf"))
    logits_BV[0, 300], logits_BV[0, 301] = 0.0, 1.0
    logits_BV[1, 1], logits_BV[1, 599] = 0.0, 0.0
    for number, expected in ((0.0, [300, 1]), (1 - 2**-24, [301, 599])):
        token_B, _ = drawn(logits_BV, torch.full((2,), number), Sampling())
        assert token_B.tolist() == expected


@BOTH
def test_greedy_takes_the_first_of_the_likeliest(drawn: Any) -> None:
    logits_BV = torch.tensor([[0.0, 2.0, 1.0, 2.0], [3.0, 2.0, 1.0, 2.0]])
    token_B, logprob_B = drawn(logits_BV, torch.full((2,), 0.9), Sampling(temperature=0))
    assert token_B.tolist() == [1, 0]
    assert torch.allclose(logprob_B, logits_BV.log_softmax(-1)[[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("sampling", "allowed"),
    [
        (Sampling(top_k=2), {0, 1}),
        (Sampling(top_p=0.6), {0, 1}),
        (Sampling(top_p=0.5), {0}),
        (Sampling(top_p=0.01), {0}),
        (Sampling(top_k=3, top_p=0.99), {0, 1, 3}),
        (Sampling(temperature=0), {0}),
        (Sampling(top_k=100), {0, 1, 2, 3}),
    ],
)
def test_top_k_and_top_p_cut_by_hand(sampling: Sampling, allowed: set[int]) -> None:
    logits_V = torch.tensor([0.5, 0.25, 0.1, 0.15]).log()
    token_B, logprob_B = draw(logits_V.expand(1000, 4), uniform(1000), sampling)
    assert set(token_B.tolist()) == allowed
    assert torch.allclose(logprob_B, logits_V[token_B], atol=1e-6)  # of the plain distribution
