"""Losses: by hand, their identities, their gradients, and what must not change them."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from preceptor.ops.losses import (
    clipped_policy_loss,
    clipped_value_loss,
    is_policy_clipped,
    is_value_clipped,
    next_token_nll,
    policy_gradient_loss,
)

MASK = torch.arange(5) < torch.tensor([[5], [1], [3], [4]])
PPO: dict[str, Any] = {"clip": 0.2, "max_log_ratio": 20.0}


def columns(num: int, *, scale: float = 0.5) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [scale * torch.randn(MASK.shape, generator=generator, dtype=torch.float64) for _ in range(num)]


def gradient(loss: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    point = at.clone().requires_grad_()
    return torch.autograd.grad(loss(point), point)[0]


# the losses over tokens, as functions of what they differentiate and the rest
TOKEN_LOSSES: dict[str, tuple[int, Callable[..., Tensor]]] = {
    "policy gradient": (2, policy_gradient_loss),
    "clipped policy": (3, lambda *terms, **options: clipped_policy_loss(*terms, **PPO, **options)),
    "clipped value": (3, lambda *terms, **options: clipped_value_loss(*terms, clip=0.2, **options)),
    "plain value": (3, lambda *terms, **options: clipped_value_loss(*terms, clip=None, **options)),
}


@pytest.fixture(params=list(TOKEN_LOSSES))
def token_loss(request: pytest.FixtureRequest) -> tuple[list[Tensor], Callable[..., Tensor]]:
    num, loss = TOKEN_LOSSES[request.param]
    return columns(num), loss


class TestByHand:
    def test_policy_gradient(self) -> None:
        # −(2·(−1) + (−1)·(−0.5)) / 2 = 0.75
        loss = policy_gradient_loss(
            torch.tensor([[-1.0, -0.5, 9.0]]), torch.tensor([[2.0, -1.0, 9.0]]), torch.tensor([[True, True, False]])
        )
        assert loss.item() == pytest.approx(0.75, abs=1e-6)

    @pytest.mark.parametrize(
        ("ratio", "advantage", "expected", "is_clipped"),
        [
            (1.5, 2.0, -2.4, True),  # max(−2·1.5, −2·1.2) = −2.4: no more to gain
            (1.5, -2.0, 3.0, False),  # max(2·1.5, 2·1.2) = 3: harm counts in full
            (0.5, 2.0, -1.0, False),  # max(−2·0.5, −2·0.8) = −1
            (0.5, -2.0, 1.6, True),  # max(2·0.5, 2·0.8) = 1.6: no more to gain
            (1.1, 2.0, -2.2, False),  # inside the clip
        ],
    )
    def test_clipped_policy(self, ratio: float, advantage: float, expected: float, is_clipped: bool) -> None:
        new, old = (
            torch.tensor([[math.log(ratio), 5.0]], dtype=torch.float64),
            torch.tensor([[0.0, -5.0]], dtype=torch.float64),
        )
        terms = (new, old, torch.tensor([[advantage, 7.0]], dtype=torch.float64), torch.tensor([[True, False]]))
        assert clipped_policy_loss(*terms, **PPO).item() == pytest.approx(expected, abs=1e-12)
        assert is_policy_clipped(*terms, **PPO).tolist() == [[is_clipped, False]]
        slope = gradient(lambda x: clipped_policy_loss(x, *terms[1:], **PPO), new)
        # d(−A·ρ)/d log π = −A·ρ where nothing is clipped
        assert slope[0].tolist() == pytest.approx([0.0 if is_clipped else -advantage * ratio, 0.0], abs=1e-12)

    @pytest.mark.parametrize(
        ("new", "old", "target", "expected", "is_clipped"),
        [
            (1.0, 0.0, 2.0, 1.62, True),  # clip(1, 0 ± 0.2) = 0.2: ½·max(1, 1.8²) = 1.62
            (1.0, 0.0, 0.1, 0.405, False),  # ½·max(0.9², 0.1²) = 0.405
            (0.1, 0.0, 2.0, 1.805, False),  # inside the clip: ½·1.9²
        ],
    )
    def test_clipped_value(self, new: float, old: float, target: float, expected: float, is_clipped: bool) -> None:
        terms = [torch.tensor([[value, 99.0]], dtype=torch.float64) for value in (new, old, target)]
        mask = torch.tensor([[True, False]])
        assert clipped_value_loss(*terms, mask, clip=0.2).item() == pytest.approx(expected, abs=1e-12)
        assert is_value_clipped(*terms, mask, clip=0.2).tolist() == [[is_clipped, False]]
        slope = gradient(lambda x: clipped_value_loss(x, *terms[1:], mask, clip=0.2), terms[0])
        assert slope[0].tolist() == pytest.approx([0.0 if is_clipped else new - target, 0.0], abs=1e-12)

    def test_value_without_clip(self) -> None:
        # ½·(1² + 3²)/2 = 2.5
        terms = [torch.tensor([[1.0, 3.0]]), torch.full((1, 2), math.nan), torch.zeros(1, 2)]
        loss = clipped_value_loss(*terms, torch.ones(1, 2, dtype=torch.bool), clip=None)
        assert loss.item() == pytest.approx(2.5, abs=1e-6)

    def test_next_token_nll(self) -> None:
        # row: tokens 0 1 2, learned are 1 and 2. After 0: p ∝ (1, 3, 4), −log 3/8; after 1: p ∝ (2, 2, 4), −log ½
        logits = torch.tensor([[[1.0, 3.0, 4.0], [2.0, 2.0, 4.0], [1.0, 1.0, 1.0]]], dtype=torch.float64).log()
        tokens = torch.tensor([[0, 1, 2]])
        total, count = next_token_nll(logits, tokens, torch.tensor([[False, True, True]]))
        assert total.item() == pytest.approx(-math.log(3 / 8) - math.log(1 / 2), abs=1e-12)
        assert count.item() == 2
        total, count = next_token_nll(logits, tokens, torch.tensor([[False, False, True]]))
        assert (total.item(), count.item()) == (pytest.approx(-math.log(1 / 2), abs=1e-12), 1)

    def test_a_first_token_is_not_counted(self) -> None:
        logits, tokens = torch.zeros(1, 3, 4), torch.tensor([[0, 1, 2]])
        _, count = next_token_nll(logits, tokens, torch.tensor([[True, True, False]]))
        assert count.item() == 1


class TestIdentities:
    def test_ratio_one_gives_the_policy_gradient(self) -> None:
        logprobs, advantages = columns(2)
        clipped = gradient(lambda x: clipped_policy_loss(x, logprobs, advantages, MASK, **PPO), logprobs)
        plain = gradient(lambda x: policy_gradient_loss(x, advantages, MASK), logprobs)
        torch.testing.assert_close(clipped, plain, rtol=0, atol=1e-12)
        assert plain.abs().max() > 0.01

    def test_a_wide_clip_is_no_clip(self) -> None:
        new, old, advantages = columns(3, scale=2.0)
        loss = clipped_policy_loss(new, old, advantages, MASK, clip=math.inf, max_log_ratio=20.0)
        unclipped = -(advantages * (new - old).exp() * MASK).sum() / MASK.sum()
        assert loss.item() == pytest.approx(unclipped.item(), abs=1e-12)
        narrow = clipped_policy_loss(new, old, advantages, MASK, clip=0.2, max_log_ratio=20.0)
        assert abs(narrow.item() - unclipped.item()) > 0.01

    def test_a_wide_value_clip_is_no_clip(self) -> None:
        new, old, returns = columns(3, scale=2.0)
        plain = clipped_value_loss(new, old, returns, MASK, clip=None)
        assert clipped_value_loss(new, old, returns, MASK, clip=1e9).item() == pytest.approx(plain.item(), abs=1e-12)
        assert abs(clipped_value_loss(new, old, returns, MASK, clip=0.2).item() - plain.item()) > 0.01

    def test_clipping_never_lowers_a_loss(self) -> None:
        new, old, third = columns(3, scale=2.0)
        wide = clipped_policy_loss(new, old, third, MASK, clip=math.inf, max_log_ratio=20.0)
        assert clipped_policy_loss(new, old, third, MASK, **PPO) > wide
        assert clipped_value_loss(new, old, third, MASK, clip=0.2) > clipped_value_loss(
            new, old, third, MASK, clip=None
        )

    def test_no_advantage_no_gradient(self) -> None:
        new, old = columns(2)
        zero = torch.zeros_like(new)
        assert gradient(lambda x: clipped_policy_loss(x, old, zero, MASK, **PPO), new).abs().max() == 0
        assert gradient(lambda x: policy_gradient_loss(x, zero, MASK), new).abs().max() == 0

    def test_infinite_ratios_stay_finite(self) -> None:
        new, old = torch.full((1, 1), 500.0), torch.full((1, 1), -500.0)
        loss = clipped_policy_loss(new, old, torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool), **PPO)
        assert loss.item() == 0.0

    def test_nll_is_cross_entropy(self) -> None:
        generator = torch.Generator().manual_seed(1)
        logits = torch.randn(3, 6, 7, generator=generator, dtype=torch.float64)
        tokens = torch.randint(7, (3, 6), generator=generator)
        mask = torch.arange(6) >= torch.tensor([[1], [3], [5]])
        total, count = next_token_nll(logits, tokens, mask)
        labels = tokens.masked_fill(~mask, -100)[:, 1:]
        expected = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels.flatten(), reduction="sum")
        assert total.item() == pytest.approx(expected.item(), abs=1e-10)
        assert count.item() == int((labels != -100).sum())


class TestGradients:
    def test_token_losses(self, token_loss: tuple[list[Tensor], Callable[..., Tensor]]) -> None:
        terms, loss = token_loss
        assert gradcheck(lambda first: loss(first, *terms[1:], MASK), (terms[0].requires_grad_(),))

    def test_next_token_nll(self) -> None:
        logits = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64).requires_grad_()
        tokens = torch.tensor([[0, 1, 2, 3], [4, 3, 2, 1]])
        mask = torch.tensor([[False, True, True, True], [False, False, True, False]])
        assert gradcheck(lambda x: next_token_nll(x, tokens, mask)[0], (logits,))


class TestInvariances:
    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_masked_values(self, token_loss: tuple[list[Tensor], Callable[..., Tensor]], value: float) -> None:
        terms, loss = token_loss
        dirty = [term.masked_fill(~MASK, value) for term in terms]
        assert loss(*dirty, MASK).item() == loss(*terms, MASK).item()
        slopes = [gradient(lambda x, rest=rows[1:]: loss(x, *rest, MASK), rows[0]) for rows in (terms, dirty)]
        torch.testing.assert_close(slopes[1], slopes[0], rtol=0, atol=0)
        assert (slopes[1][~MASK] == 0).all()

    def test_padding(self, token_loss: tuple[list[Tensor], Callable[..., Tensor]]) -> None:
        terms, loss = token_loss
        wider = [torch.nn.functional.pad(term, (0, 3), value=7.0) for term in terms]
        padded = loss(*wider, torch.nn.functional.pad(MASK, (0, 3)))
        assert padded.item() == pytest.approx(loss(*terms, MASK).item(), abs=1e-12)

    def test_row_order(self, token_loss: tuple[list[Tensor], Callable[..., Tensor]]) -> None:
        terms, loss = token_loss
        order = torch.tensor([2, 0, 3, 1])
        shuffled = loss(*(term[order] for term in terms), MASK[order])
        assert shuffled.item() == pytest.approx(loss(*terms, MASK).item(), abs=1e-12)

    def test_micro_batches(self, token_loss: tuple[list[Tensor], Callable[..., Tensor]]) -> None:
        terms, loss = token_loss
        whole = gradient(lambda x: loss(x, *terms[1:], MASK), terms[0])
        num_tokens = int(MASK.sum())
        point = terms[0].clone().requires_grad_()
        for row in range(len(MASK)):
            rows = slice(row, row + 1)
            loss(point[rows], *(term[rows] for term in terms[1:]), MASK[rows], num_tokens=num_tokens).backward()
        torch.testing.assert_close(point.grad, whole, rtol=0, atol=1e-12)

    def test_micro_batches_normalised_by_themselves_would_differ(
        self, token_loss: tuple[list[Tensor], Callable[..., Tensor]]
    ) -> None:
        terms, loss = token_loss
        own = [loss(*(term[row : row + 1] for term in terms), MASK[row : row + 1]).item() for row in range(len(MASK))]
        assert abs(sum(own) / len(own) - loss(*terms, MASK).item()) > 1e-3

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_nll_with_masked_logits(self, value: float) -> None:
        generator = torch.Generator().manual_seed(3)
        logits = torch.randn(2, 5, 7, generator=generator, dtype=torch.float64)
        tokens = torch.randint(7, (2, 5), generator=generator)
        mask = torch.tensor([[False, False, True, True, True], [False, True, False, False, False]])
        predicts = torch.nn.functional.pad(mask[:, 1:], (0, 1))
        dirty = logits.masked_fill(~predicts.unsqueeze(-1), value)
        assert next_token_nll(dirty, tokens, mask)[0].item() == next_token_nll(logits, tokens, mask)[0].item()
        slopes = [gradient(lambda x: next_token_nll(x, tokens, mask)[0], x) for x in (logits, dirty)]
        torch.testing.assert_close(slopes[1], slopes[0], rtol=0, atol=0)
