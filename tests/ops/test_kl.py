"""KL estimators by enumeration, and the controller's golden sequence."""

import math

import pytest
import torch
from torch import Tensor

from preceptor.ops.kl import k1, k2, k3, log_ratio, next_kl_coef

P = torch.tensor([0.1, 0.2, 0.3, 0.15, 0.25], dtype=torch.float64)
Q = torch.tensor([0.3, 0.1, 0.2, 0.25, 0.15], dtype=torch.float64)
ALL = torch.ones(5, dtype=torch.bool)
WIDE = {"max_log_ratio": 20.0, "max_value": 10.0}


def exact_kl() -> float:
    return sum(p * math.log(p / q) for p, q in zip(P.tolist(), Q.tolist(), strict=True))


def test_k1_and_k3_are_unbiased() -> None:
    assert float((P * k1(P.log(), Q.log(), ALL)).sum()) == pytest.approx(exact_kl(), abs=1e-12)
    assert float((P * k3(P.log(), Q.log(), ALL, **WIDE)).sum()) == pytest.approx(exact_kl(), abs=1e-12)


def test_k2_is_biased() -> None:
    assert abs(float((P * k2(P.log(), Q.log(), ALL)).sum()) - exact_kl()) > 0.01


def test_estimators_by_hand() -> None:
    # p = ½, q = ¼: d = log 2; k1 = log 2, k2 = (log 2)²/2, k3 = ½ − 1 + log 2
    p, q, mask = (
        torch.tensor([0.5], dtype=torch.float64).log(),
        torch.tensor([0.25], dtype=torch.float64).log(),
        torch.tensor([True]),
    )
    assert k1(p, q, mask).item() == pytest.approx(math.log(2), abs=1e-12)
    assert k2(p, q, mask).item() == pytest.approx(math.log(2) ** 2 / 2, abs=1e-12)
    assert k3(p, q, mask, **WIDE).item() == pytest.approx(math.log(2) - 0.5, abs=1e-12)


def test_k3_is_never_negative_and_keeps_small_values() -> None:
    d = torch.tensor([-3.0, -1e-6, 0.0, 1e-6, 3.0], dtype=torch.float64)
    values = k3(d, torch.zeros(5, dtype=torch.float64), ALL, **WIDE)
    assert (values >= 0).all()
    # e^−d − 1 + d = d²/2 + O(d³)
    assert values[3].item() == pytest.approx(5e-13, rel=1e-3)


def test_clamps() -> None:
    zero, mask = torch.zeros(2), torch.ones(2, dtype=torch.bool)
    far = torch.tensor([-1000.0, 1000.0])
    assert log_ratio(far, zero, mask, max_log_ratio=20.0).tolist() == [-20.0, 20.0]
    values = k3(far, zero, mask, **WIDE)
    assert values.tolist() == [10.0, 10.0]


def as_loss(estimator: Tensor) -> Tensor:
    """Expectation as a sampler sees it: samples come from π, but no gradient flows through the sampling."""
    return (estimator * P).sum()


def test_gradients_as_losses_are_right_for_k2_only() -> None:
    # ∇KL(π‖q) for softmax logits z: π·(log π/q − KL)
    logits = P.log().clone().requires_grad_()
    exact = P * ((P / Q).log() - exact_kl())

    def gradient(estimator) -> Tensor:
        return torch.autograd.grad(as_loss(estimator(logits.log_softmax(dim=0), Q.log(), ALL)), logits)[0]

    torch.testing.assert_close(gradient(k2), exact, rtol=0, atol=1e-12)
    assert (gradient(k1) - exact).abs().max() > 0.01
    assert (gradient(lambda *columns: k3(*columns, **WIDE)) - exact).abs().max() > 0.01


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("estimator", [k1, k2, lambda *columns: k3(*columns, **WIDE)])
def test_masked_values_change_neither_value_nor_gradient(estimator, value: float) -> None:
    mask = torch.tensor([True, True, False, True, False])
    results = []
    for p, q in ((P.log(), Q.log()), (P.log().masked_fill(~mask, value), Q.log().masked_fill(~mask, value))):
        p, q = p.clone().requires_grad_(), q.clone().requires_grad_()
        estimate = estimator(p, q, mask)
        results.append((estimate, *torch.autograd.grad(estimate.sum(), (p, q))))
    for dirty, clean in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(dirty, clean, rtol=0, atol=0)
        assert (dirty[~mask] == 0).all()


@pytest.mark.parametrize("estimator", [k1, k2, lambda *columns: k3(*columns, **WIDE)])
def test_gradcheck(estimator) -> None:
    p, q = P.log().clone().requires_grad_(), Q.log().clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda p, q: estimator(p, q, ALL), (p, q))


def test_adaptive_coefficient_golden_sequence() -> None:
    # target 6, horizon 10,000, 500 episodes a step, e within ±0.2:
    #   KL 12  → e = clip(1)      =  0.2: 0.2      · (1 + 0.2·0.05) = 0.202
    #   KL 6.6 → e = 0.1                : 0.202    · 1.005          = 0.20301
    #   KL 6   → e = 0                  : 0.20301
    #   KL 0   → e = clip(−1)     = −0.2: 0.20301  · 0.99           = 0.2009799
    coef, sequence = 0.2, []
    for mean_kl in (12.0, 6.6, 6.0, 0.0):
        coef = next_kl_coef(coef, mean_kl, target=6.0, horizon=10_000, num_episodes=500)
        sequence.append(coef)
    assert sequence == pytest.approx([0.202, 0.20301, 0.20301, 0.2009799], abs=1e-9)
