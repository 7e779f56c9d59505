"""Log-probabilities: closed forms, the chunked way against the plain one, and what it keeps in memory."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from preceptor.ops.logprobs import (
    chunked_logprobs,
    entropy,
    logprobs_and_entropy,
    token_logprobs,
)

NUM_TOKENS, WIDTH, VOCABULARY = 13, 5, 11


def hidden_and_tokens(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(NUM_TOKENS, WIDTH, generator=generator, dtype=dtype)
    weight = torch.randn(VOCABULARY, WIDTH, generator=generator, dtype=dtype)
    tokens = torch.randint(VOCABULARY, (NUM_TOKENS,), generator=generator)
    return hidden, weight, tokens


def test_token_logprobs_by_hand() -> None:
    # p ∝ (1, 2, 5): log(2/8), log(5/8)
    logits = torch.tensor([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]], dtype=torch.float64).log()
    logprobs = token_logprobs(logits, torch.tensor([1, 2]), temperature=1.0)
    assert logprobs.tolist() == pytest.approx([math.log(2 / 8), math.log(5 / 8)], abs=1e-12)


def test_temperature_divides_logits() -> None:
    # temperature ½ squares the odds: p ∝ (1, 4, 25), log(4/30)
    logits = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64).log()
    assert token_logprobs(logits, torch.tensor(1), temperature=0.5).item() == pytest.approx(math.log(4 / 30), abs=1e-12)


def test_entropy_by_hand() -> None:
    # p = (½, ¼, ¼, 0): ½·log 2 + ½·log 4 = 1.5·log 2
    logits = torch.tensor([0.5, 0.25, 0.25, 0.0], dtype=torch.float64).log()
    assert entropy(logits, temperature=1.0).item() == pytest.approx(1.5 * math.log(2), abs=1e-12)
    assert entropy(torch.zeros(8), temperature=3.0).item() == pytest.approx(math.log(8), abs=1e-6)


def test_half_precision_logits_are_summed_in_fp32() -> None:
    logits = torch.randn(4, 1000, generator=torch.Generator().manual_seed(1)).bfloat16()
    tokens = torch.arange(4)
    exact = token_logprobs(logits.double(), tokens, temperature=1.0)
    assert token_logprobs(logits, tokens, temperature=1.0).dtype == torch.float32
    torch.testing.assert_close(token_logprobs(logits, tokens, temperature=1.0).double(), exact, rtol=0, atol=1e-5)


@pytest.mark.parametrize("chunk_size", [1, 4, 1000])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_chunked_is_the_plain_way_in_value_and_gradient(chunk_size: int, temperature: float) -> None:
    hidden, weight, tokens = hidden_and_tokens()
    generator = torch.Generator().manual_seed(2)
    weights = torch.randn(2, NUM_TOKENS, generator=generator, dtype=torch.float64)
    results, gradients = [], []
    for is_chunked in (False, True):
        h, w = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
        if is_chunked:
            columns = chunked_logprobs(
                h, lambda x, w=w: x @ w.T, tokens, temperature=temperature, chunk_size=chunk_size
            )
        else:
            logits = h @ w.T
            columns = (
                token_logprobs(logits, tokens, temperature=temperature),
                entropy(logits, temperature=temperature),
            )
        results.append(torch.stack(columns))
        gradients.append(torch.autograd.grad((results[-1] * weights).sum(), (h, w)))
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=1e-12)
    for chunked, plain in zip(gradients[1], gradients[0], strict=True):
        torch.testing.assert_close(chunked, plain, rtol=0, atol=1e-12)


def test_gradcheck_of_the_chunked_way() -> None:
    hidden, weight, tokens = hidden_and_tokens()

    def function(h: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        return chunked_logprobs(h, lambda x: x @ w.T, tokens, temperature=0.7, chunk_size=4)

    assert torch.autograd.gradcheck(function, (hidden.requires_grad_(), weight.requires_grad_()))


def test_gradcheck_of_the_plain_way() -> None:
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64).requires_grad_()
    tokens = torch.tensor([[0, 1, 2], [4, 3, 2]])
    assert torch.autograd.gradcheck(lambda x: token_logprobs(x, tokens, temperature=0.7), (logits,))
    assert torch.autograd.gradcheck(lambda x: entropy(x, temperature=0.7), (logits,))


@pytest.mark.parametrize("wanted", [(1.0, 0.0), (0.0, 1.0), (0.3, -2.0)])
def test_both_in_one_pass_are_the_plain_way(wanted: tuple[float, float]) -> None:
    logits = torch.randn(6, 9, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    logits[2, 3] = -math.inf
    tokens, results = torch.tensor([0, 8, 2, 5, 5, 1]), []
    for is_plain in (True, False):
        x = logits.clone().requires_grad_()
        if is_plain:
            columns = token_logprobs(x, tokens, temperature=0.7), entropy(x, temperature=0.7)
        else:
            columns = logprobs_and_entropy(x, tokens, temperature=0.7)
        loss = sum(weight * column.sum() for weight, column in zip(wanted, columns, strict=True) if weight)
        results.append((*columns, *torch.autograd.grad(loss, x)))
    for fused, plain in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(fused, plain, rtol=0, atol=1e-12)


def test_autocast_does_not_halve_the_precision() -> None:
    logits, tokens = torch.randn(6, 900, generator=torch.Generator().manual_seed(8)), torch.arange(6)
    with torch.autocast("cpu", torch.bfloat16):
        inside = logprobs_and_entropy(logits, tokens, temperature=0.7)
    for half, full in zip(inside, logprobs_and_entropy(logits, tokens, temperature=0.7), strict=True):
        torch.testing.assert_close(half, full, rtol=0, atol=0)


def test_gradcheck_of_both_in_one_pass() -> None:
    logits = torch.randn(3, 5, generator=torch.Generator().manual_seed(6), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: logprobs_and_entropy(x, torch.tensor([0, 4, 2]), temperature=0.7), logits)


def test_no_fp32_copy_of_half_precision_logits_is_kept() -> None:
    logits = torch.randn(8, 100, generator=torch.Generator().manual_seed(7)).bfloat16().requires_grad_()
    kept: list[Tensor] = []
    with saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        logprobs, _ = logprobs_and_entropy(logits, torch.arange(8), temperature=0.7)
    assert [tensor.dtype for tensor in kept if tensor.numel() == logits.numel()] == [torch.bfloat16]
    logprobs.sum().backward()
    assert logits.grad is not None
    assert logits.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("chunk_size", [16, 512])
def test_no_tensor_of_tokens_by_vocabulary_is_kept_or_made(chunk_size: int) -> None:
    num_tokens, vocabulary, width = 512, 1000, 8
    hidden = torch.randn(num_tokens, width, generator=torch.Generator().manual_seed(4)).requires_grad_()
    head = nn.Linear(width, vocabulary, bias=False)
    made: list[int] = []
    kept: list[int] = []

    def recording_head(x: Tensor) -> Tensor:
        logits = head(x)
        made.append(logits.numel())
        return logits

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        logprobs, _ = chunked_logprobs(
            hidden, recording_head, torch.zeros(num_tokens, dtype=torch.long), temperature=1.0, chunk_size=chunk_size
        )
    num_forward = len(made)
    logprobs.sum().backward()
    assert max(made) == chunk_size * vocabulary
    if chunk_size < num_tokens:
        assert max(kept) <= chunk_size * vocabulary, "logits of all chunks are kept for the backward pass"
        assert sum(size == chunk_size * vocabulary for size in kept) == 0
        assert len(made) == 2 * num_forward, "the backward pass computes logits again"
    else:
        assert max(kept) == num_tokens * vocabulary
        assert len(made) == num_forward, "one chunk is not worth computing twice"


def test_no_tokens_give_nothing() -> None:
    hidden, weight, tokens = hidden_and_tokens()
    columns = chunked_logprobs(hidden[:0], lambda x: x @ weight.T, tokens[:0], temperature=1.0, chunk_size=4)
    assert [column.shape for column in columns] == [(0,), (0,)]
