"""Schedules, the moving average and the choice of weights against closed forms."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from preceptor.training.optim import (
    BestWeights,
    MovingAverage,
    OptimConfig,
    apply_gradients,
    build_optimizer,
    learning_rate,
    mean_of,
)


def rates(num_steps: int, **settings: Any) -> list[float]:
    config = OptimConfig(learning_rate=2.0, **settings)
    return [learning_rate(step, num_steps, config) for step in range(1, num_steps + 1)]


def test_a_linear_schedule_by_hand() -> None:
    # 2 · (1 − 0.9·k/4) for k = 0 … 4
    assert rates(5, schedule="linear", final_ratio=0.1) == pytest.approx([2.0, 1.55, 1.1, 0.65, 0.2], abs=1e-12)
    assert rates(3, schedule="linear", final_ratio=0.0) == pytest.approx([2.0, 1.0, 0.0], abs=1e-12)


def test_a_cosine_schedule_by_hand() -> None:
    # 0.2 + 1.8 · ½(1 + cos(πk/4)) for k = 0 … 4: cos is 1, 1/√2, 0, −1/√2, −1
    half = 0.9 * math.sqrt(0.5)
    expected = [2.0, 1.1 + half, 1.1, 1.1 - half, 0.2]
    assert rates(5, schedule="cosine", final_ratio=0.1) == pytest.approx(expected, abs=1e-12)


def test_a_warm_up_starts_at_the_final_ratio_and_ends_at_the_peak() -> None:
    # 2 · (0.1 + 0.9·k/3) for k = 0, 1, 2, then the peak
    expected = [0.2, 0.8, 1.4, 2.0, 2.0]
    assert rates(5, schedule="constant", final_ratio=0.1, warmup_steps=3) == pytest.approx(expected, abs=1e-12)
    falling = rates(6, schedule="linear", final_ratio=0.1, warmup_steps=3)
    assert falling == pytest.approx([0.2, 0.8, 1.4, 2.0, 1.1, 0.2], abs=1e-12)


def test_one_step_is_a_whole_schedule() -> None:
    for schedule in ("constant", "linear", "cosine"):
        assert rates(1, schedule=schedule) == [2.0]


def test_adam_as_the_references_have_it_by_hand() -> None:
    # First step: m̂ = g and √v̂ = |g|, so w ← w − lr · g/(|g| + ε), with ε = 1e-5
    weight = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        weight.weight.fill_(1.0)
    optimizer = build_optimizer(weight, OptimConfig())
    weight.weight.grad = torch.tensor([[1e-5]])
    apply_gradients(optimizer, rate=0.5, max_grad_norm=1.0)
    assert float(weight.weight.detach()) == pytest.approx(1 - 0.5 * 0.5, abs=1e-6)


def test_gradients_are_clipped_to_their_norm_and_cleared() -> None:
    module = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(module.parameters(), lr=9.0)
    before = module.weight.detach().clone()
    module.weight.grad = torch.tensor([[3.0, 4.0]])
    norm = apply_gradients(optimizer, rate=0.1, max_grad_norm=1.0)
    assert norm == pytest.approx(5.0, abs=1e-6)
    torch.testing.assert_close(before - module.weight.detach(), 0.1 * torch.tensor([[0.6, 0.8]]), rtol=0, atol=1e-6)
    assert module.weight.grad is None


def test_only_matrices_decay() -> None:
    module = nn.Linear(3, 3)
    optimizer = build_optimizer(module, OptimConfig(weight_decay=0.1))
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decays == {id(module.weight): 0.1, id(module.bias): 0.0}
    assert {group["eps"] for group in optimizer.param_groups} == {1e-5}


def test_what_is_frozen_has_no_optimizer() -> None:
    module = nn.Linear(3, 3)
    module.bias.requires_grad_(False)
    optimizer = build_optimizer(module, OptimConfig())
    assert [p.shape for group in optimizer.param_groups for p in group["params"]] == [module.weight.shape]


def constant(value: float) -> nn.Linear:
    module = nn.Linear(2, 2)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(value)
    return module


def test_the_average_after_n_equal_steps() -> None:
    # avg_n = w + decayⁿ · (avg_0 − w)
    module, decay = constant(1.0), 0.9
    average = MovingAverage(module, decay)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(5.0)
    for n in range(1, 8):
        average.observe()
        expected = 5.0 + decay**n * (1.0 - 5.0)
        for value in average.state_dict().values():
            torch.testing.assert_close(value, torch.full_like(value, expected), rtol=0, atol=1e-5)


def test_swapping_twice_is_the_identity() -> None:
    module = constant(1.0)
    average = MovingAverage(module, 0.5)
    with torch.no_grad():
        module.weight.fill_(3.0)
    average.observe()
    average.swap()
    assert module.weight.unique().tolist() == [2.0]
    average.swap()
    assert module.weight.unique().tolist() == [3.0]
    assert average.state_dict()["weight"].unique().tolist() == [2.0]


def test_no_decay_keeps_the_last_weights() -> None:
    module = constant(1.0)
    average = MovingAverage(module, 0.0)
    with torch.no_grad():
        module.weight.fill_(4.0)
    average.observe()
    assert average.state_dict()["weight"].unique().tolist() == [4.0]


def test_the_average_is_restored() -> None:
    one, other = MovingAverage(constant(7.0), 0.9), MovingAverage(constant(1.0), 0.9)
    other.load_state_dict(one.state_dict())
    for name, value in other.state_dict().items():
        assert torch.equal(value, one.state_dict()[name])
        assert value.data_ptr() != one.state_dict()[name].data_ptr()


def test_the_best_weights_are_those_of_the_highest_value() -> None:
    module = constant(0.0)
    best = BestWeights(module)
    for step, (value, weight) in enumerate([(-3.0, 1.0), (-1.0, 2.0), (-1.0, 3.0), (-2.0, 4.0)], start=1):
        with torch.no_grad():
            module.weight.fill_(weight)
        best.offer(value, step)
    again = BestWeights(module)
    again.load_state_dict(best.state_dict())
    again.restore()
    assert (again.value, again.step) == (-1.0, 2)
    assert module.weight.unique().tolist() == [2.0]


def test_means_over_updates() -> None:
    assert mean_of([{"a": 1.0, "b": 2.0}, {"a": 3.0}]) == {"a": 2.0, "b": 2.0}
    assert mean_of([]) == {}
