"""Masked moments and positions."""

import math

import pytest
import torch
from torch import Tensor

from preceptor.ops.masks import last_true_index, masked_mean, masked_var, position_ids, upcast, whiten, zero_masked

X = torch.tensor([[1.0, 2.0, 99.0], [6.0, -99.0, 99.0]], dtype=torch.float64)
MASK = torch.tensor([[True, True, False], [True, False, False]])


def planted(x: Tensor, mask: Tensor, value: float) -> Tensor:
    return x.masked_fill(~mask, value)


def test_masked_mean_is_the_mean_of_counted_values() -> None:
    # (1 + 2 + 6) / 3 = 3
    assert masked_mean(X, MASK).item() == pytest.approx(3.0, abs=1e-12)


def test_masked_mean_over_a_denominator_adds_up_over_parts() -> None:
    # (1 + 2)/3 + 6/3 = 3
    parts = [masked_mean(X[row : row + 1], MASK[row : row + 1], denominator=3) for row in range(2)]
    assert sum(part.item() for part in parts) == pytest.approx(3.0, abs=1e-12)


def test_masked_mean_of_nothing_is_zero() -> None:
    assert masked_mean(X, torch.zeros_like(MASK)).item() == 0.0


def test_masked_var_is_the_population_variance() -> None:
    # mean 3: (4 + 1 + 9) / 3 = 14/3
    assert masked_var(X, MASK).item() == pytest.approx(14 / 3, abs=1e-12)


def test_whiten_with_shift_by_hand() -> None:
    # (x − 3)/√(14/3)
    scale = math.sqrt(14 / 3)
    expected = torch.tensor([[-2 / scale, -1 / scale, 0.0], [3 / scale, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(whiten(X, MASK, shift_mean=True, eps=0.0), expected, rtol=0, atol=1e-12)


def test_whiten_without_shift_keeps_the_mean() -> None:
    whitened = whiten(X, MASK, shift_mean=False, eps=0.0)
    assert masked_mean(whitened, MASK).item() == pytest.approx(3.0, abs=1e-12)
    assert masked_var(whitened, MASK).item() == pytest.approx(1.0, abs=1e-12)
    assert whitened[0, 2] == 0.0


def test_whitened_has_mean_zero_and_variance_one() -> None:
    x = torch.randn(7, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 5 + 2
    mask = torch.arange(11) < torch.tensor([[1], [3], [11], [7], [2], [9], [4]])
    whitened = whiten(x, mask, shift_mean=True, eps=1e-8)
    assert masked_mean(whitened, mask).item() == pytest.approx(0.0, abs=1e-12)
    assert masked_var(whitened, mask).item() == pytest.approx(1.0, abs=1e-8)


def test_whiten_of_a_constant_is_zero() -> None:
    assert whiten(torch.full((2, 3), 5.0), MASK, shift_mean=True, eps=1e-8).abs().max() == 0.0


def test_whiten_is_unchanged_by_extra_padding() -> None:
    wider, wider_mask = torch.nn.functional.pad(X, (0, 4), value=1e9), torch.nn.functional.pad(MASK, (0, 4))
    whitened = whiten(wider, wider_mask, shift_mean=True, eps=1e-8)
    torch.testing.assert_close(whitened[:, :3], whiten(X, MASK, shift_mean=True, eps=1e-8), rtol=0, atol=1e-12)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "function",
    [
        zero_masked,
        masked_mean,
        masked_var,
        lambda x, mask: whiten(x, mask, shift_mean=True, eps=1e-8),
        lambda x, mask: whiten(x, mask, shift_mean=False, eps=1e-8),
    ],
)
def test_masked_values_change_neither_value_nor_gradient(function, value: float) -> None:
    weights = torch.tensor([[0.3, -1.0, 2.0], [0.7, 1.0, -2.0]], dtype=torch.float64)
    clean = X.clone().requires_grad_()
    dirty = planted(X, MASK, value).requires_grad_()
    results = [function(x, MASK) for x in (clean, dirty)]
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=1e-12)
    gradients = [
        torch.autograd.grad((result * weights).sum(), x)[0] for result, x in zip(results, (clean, dirty), strict=True)
    ]
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=1e-12)
    assert (gradients[1][~MASK] == 0).all()


def test_last_true_index() -> None:
    mask = torch.tensor([[True, True, False], [True, False, False], [False, True, True], [True, False, True]])
    assert last_true_index(mask).tolist() == [1, 0, 2, 2]


def test_last_true_index_refuses_an_empty_row() -> None:
    with pytest.raises(ValueError, match="no token"):
        last_true_index(torch.tensor([[True], [False]]))


def test_position_ids_skip_padding_on_the_left() -> None:
    mask = torch.tensor([[False, False, True, True, True], [True, True, True, False, False]])
    assert position_ids(mask).tolist() == [[0, 0, 0, 1, 2], [0, 1, 2, 3, 3]]


def test_upcast_never_loses_precision() -> None:
    dtypes = [upcast(torch.zeros(1, dtype=dtype)).dtype for dtype in (torch.bfloat16, torch.float32, torch.float64)]
    assert dtypes == [torch.float32, torch.float32, torch.float64]
