"""The fused kernels equal plain torch, in value and gradient; in fp32 to 1e-5, in bfloat16 to its rounding."""

import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import pad

from preceptor.ops import compiled, fused
from preceptor.text.packing import Layout
from tests.ops import plain

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
"""Of the largest entry. bfloat16 has 8 bits: one rounding is 4e-3, and an attention has several on its way."""
TYPES = [torch.float32, torch.bfloat16]
LAYOUT = Layout.sharing([[1], [2, 3, 4], [2, 3, 4], [5, 6], [2, 3, 4]], [4, 9, 5, 7, 6], row_tokens=12)
"""Three documents share a prompt; there is a gap; two rows."""


def random(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Numbers that bfloat16 holds exactly, so that both ways start from the same."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16().to(dtype)


def compare(
    ours: Callable[..., Tensor | Sequence[Tensor]],
    theirs: Callable[..., Tensor | Sequence[Tensor]],
    inputs: Sequence[Tensor],
    tolerance: float,
) -> None:
    """Values and gradients of the inputs, against plain torch in fp64, under random weights of the outputs."""
    results = []
    for function, dtype in ((ours, None), (theirs, torch.float64)):
        leaves = [x.detach().to(dtype or x.dtype).requires_grad_() for x in inputs]
        outputs = function(*leaves)
        outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        weights = [random(*output.shape, seed=50 + i, dtype=output.dtype) for i, output in enumerate(outputs)]
        loss = sum((output * weight).sum() for output, weight in zip(outputs, weights, strict=True))
        results.append([*outputs, *torch.autograd.grad(loss, leaves)])
    for fused_one, plain_one in zip(*results, strict=True):
        difference = (fused_one.double() - plain_one.double()).abs().max()
        assert difference <= tolerance * plain_one.abs().max(), (difference, plain_one.abs().max())


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("width", [8, 33])
@pytest.mark.parametrize("has_delta", [True, False])
def test_add_rms_norm(dtype: torch.dtype, width: int, has_delta: bool) -> None:
    inputs = [random(150, width, seed=1), random(width, seed=2)]
    inputs += [random(150, width, seed=3, dtype=dtype)] if has_delta else []
    compare(
        lambda x, weight, delta=None: fused.add_rms_norm(x, delta, weight, eps=1e-6, dtype=dtype),
        lambda x, weight, delta=None: plain.add_rms_norm(x, delta, weight, 1e-6),
        inputs,
        TOLERANCE[dtype],
    )


def test_rms_norm_by_hand() -> None:
    # 3 and 4: mean square 12.5; with weights 1 and 2 the norm is 3/√12.5 and 8/√12.5
    total, normed = fused.add_rms_norm(
        torch.tensor([[1.0, 5.0]]), torch.tensor([[2.0, -1.0]]), torch.tensor([1.0, 2.0]), eps=0.0, dtype=torch.float32
    )
    assert total.tolist() == [[3.0, 4.0]]
    assert normed.tolist()[0] == pytest.approx([3 / 12.5**0.5, 8 / 12.5**0.5], rel=1e-6)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("rotates", [True, False])
def test_heads_to_rows_and_back(dtype: torch.dtype, rotates: bool) -> None:
    places = LAYOUT.places
    angle = random(16, 6, seed=4).repeat(1, 2)
    rotary = (angle.cos(), angle.sin()) if rotates else None
    x = random(len(places.place_N), 3 * 12, seed=5, dtype=dtype)
    compare(
        lambda x: fused.to_rows(x, places, 3, rotary),
        lambda x: plain.to_rows(x, places, 3, rotary),
        [x],
        TOLERANCE[dtype],
    )
    rows = plain.to_rows(x, places, 3).contiguous()
    compare(lambda x: fused.from_rows(x, places), lambda x: plain.from_rows(x, places), [rows], TOLERANCE[dtype])
    if not rotates:
        assert torch.equal(fused.from_rows(fused.to_rows(x, places, 3), places), x)


@pytest.mark.parametrize("dtype", TYPES)
def test_fillers_stand_nowhere(dtype: torch.dtype) -> None:
    """What they bring changes no row, and they get zeros out of the rows; so it is with gradients."""
    places, filled = LAYOUT.places, LAYOUT.places.filled()
    num, more = len(places.place_N), len(filled.place_N) - len(places.place_N)
    assert (num, more) == (25, 7)
    angle = random(16, 6, seed=4).repeat(1, 2)
    rotary = (angle.cos(), angle.sin())
    x = random(num + more, 3 * 12, seed=5, dtype=dtype)
    compare(
        lambda x: fused.to_rows(x, filled, 3, rotary),
        lambda x: plain.to_rows(x[:num], places, 3, rotary),
        [x],
        TOLERANCE[dtype],
    )
    rows = plain.to_rows(x[:num], places, 3).contiguous()
    compare(
        lambda x: fused.from_rows(x, filled),
        lambda x: pad(plain.from_rows(x, places), (0, 0, 0, more)),
        [rows],
        TOLERANCE[dtype],
    )


@given(st.integers(0, 10**6))
def test_round_numbers_are_near(num: int) -> None:
    found = fused.round_number(num)
    assert found == fused.round_number(found)
    assert 0 <= found - num <= max(15, num / 32)


@pytest.mark.parametrize("power", range(9, 15))
def test_round_numbers_are_few(power: int) -> None:
    assert len({fused.round_number(num) for num in range(2**power, 2 ** (power + 1))}) == 33  # both ends are


def test_round_numbers_by_hand() -> None:
    assert [fused.round_number(num) for num in (0, 1, 16, 17, 500, 513, 1025, 4000, 8191, 8192, 8193)] == [
        0, 16, 16, 32, 512, 528, 1056, 4032, 8192, 8192, 8448
    ]  # fmt: skip
    assert [fused.round_number(num, 8) for num in (1, 9, 255, 257, 513, 1025)] == [8, 16, 256, 264, 528, 1056]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("groups", [4, 2, 1])
def test_attention(dtype: torch.dtype, groups: int) -> None:
    shape = (LAYOUT.num_rows, 4, LAYOUT.num_columns, 16)
    inputs = [
        random(shape[0], heads, *shape[2:], seed=6 + i, dtype=dtype) for i, heads in enumerate((4, groups, groups))
    ]
    compare(
        lambda q, k, v: fused.attention(q, k, v, LAYOUT.places, scale=0.3),
        lambda q, k, v: plain.attention(q, k, v, LAYOUT.attention_mask_R1LL, 0.3),
        inputs,
        TOLERANCE[dtype],
    )


def test_no_place_hears_of_a_place_it_must_not_see() -> None:
    """Negative control of the mask: change one token's key and value, and see which outputs change."""
    shape = (LAYOUT.num_rows, 2, LAYOUT.num_columns, 8)
    q, k, v = (random(*shape, seed=seed) for seed in (9, 10, 11))
    before = fused.attention(q, k, v, LAYOUT.places, scale=0.4)
    for column in range(LAYOUT.num_columns):
        k2, v2 = k.clone(), v.clone()
        k2[:, :, column] += 1
        v2[:, :, column] += 1
        changed = (fused.attention(q, k2, v2, LAYOUT.places, scale=0.4) - before).abs().amax(dim=(1, 3)) > 1e-4
        assert torch.equal(changed, LAYOUT.attention_mask_R1LL[:, 0, :, column])


@pytest.mark.parametrize("dtype", TYPES)
def test_swiglu(dtype: torch.dtype) -> None:
    inputs = [3 * random(31, 17, seed=12, dtype=dtype), random(31, 17, seed=13, dtype=dtype)]
    compare(fused.swiglu, plain.swiglu, inputs, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("chunk_size", [1, 10, 1000])
def test_head_logprobs(dtype: torch.dtype, temperature: float, chunk_size: int) -> None:
    tokens = torch.randint(50, (37,), generator=torch.Generator().manual_seed(14))
    inputs = [random(37, 16, seed=15, dtype=dtype), random(50, 16, seed=16) / 2]
    compare(
        lambda h, w: fused.head_logprobs(h, w, tokens, temperature=temperature, chunk_size=chunk_size),
        lambda h, w: plain.head_logprobs(h, w, tokens, temperature),
        inputs,
        TOLERANCE[dtype],
    )


def test_head_logprobs_by_hand() -> None:
    # one hidden state of 1, weights log 1, log 2, log 5: p = 1/8, 2/8, 5/8
    weights = torch.tensor([[1.0], [2.0], [5.0]]).log()
    logprobs, entropy = fused.head_logprobs(
        torch.ones(2, 1), weights, torch.tensor([1, 2]), temperature=1.0, chunk_size=8
    )
    p = torch.tensor([1.0, 2.0, 5.0]) / 8
    assert logprobs.tolist() == pytest.approx(p[1:].log().tolist(), abs=1e-6)
    assert entropy.tolist() == pytest.approx([-float((p * p.log()).sum())] * 2, abs=1e-6)


@pytest.mark.parametrize("impossible", [0, 1, 2])
@pytest.mark.parametrize("has_entropy", [True, False])
def test_a_logit_of_minus_infinity_is_a_probability_of_zero(impossible: int, has_entropy: bool) -> None:
    weights = torch.zeros(3, 1)
    weights[impossible] = -float("inf")
    weights.requires_grad_()
    token = torch.tensor([(impossible + 1) % 3])
    logprobs, entropy = fused.head_logprobs(torch.ones(1, 1), weights, token, temperature=1.0, chunk_size=8)
    assert [logprobs.item(), -entropy.item()] == pytest.approx([-math.log(2)] * 2, abs=1e-6)
    total = logprobs.sum() + (entropy.sum() if has_entropy else 0.0)
    (gradient,) = torch.autograd.grad(total, weights)
    assert gradient[impossible].item() == 0.0
    assert gradient.isfinite().all()


def test_logits_of_large_size_stay_finite() -> None:
    hidden, weights = torch.full((1, 1), 1e4), torch.tensor([[1.0], [-1.0]])
    logprobs, entropy = fused.head_logprobs(hidden, weights, torch.tensor([1]), temperature=1.0, chunk_size=8)
    assert float(logprobs) == -2e4
    assert float(entropy) == 0.0


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    x, weight = random(500, 24, seed=17), random(24, seed=18)
    gradients = []
    for threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        leaf = weight.clone().requires_grad_()
        fused.add_rms_norm(x, None, leaf, eps=1e-6, dtype=torch.float32)[1].square().sum().backward()
        gradients.append(leaf.grad)
        torch.set_num_threads(before)
    assert torch.equal(*gradients)


def test_kernels_refuse_what_does_not_lie_in_a_row() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        fused.swiglu(random(4, 6, seed=1).t(), random(4, 6, seed=1).t())


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=False
    )


ASK = "from preceptor.ops import fused; print(fused.is_available())"


def test_a_machine_without_a_compiler_is_told_and_goes_on(tmp_path: Path) -> None:
    outcome = run_python(ASK, PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert outcome.stdout.strip() == "False"
    assert "no C++ compiler: plain torch is used" in outcome.stderr


def test_a_compiler_that_fails_is_quoted(tmp_path: Path) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\necho no such flag >&2\nexit 1\n")
    compiler.chmod(0o755)
    outcome = run_python(ASK, PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert outcome.stdout.strip() == "False"
    assert "no such flag" in outcome.stderr
    assert not list(tmp_path.rglob("*.so"))


def test_kernels_are_built_once_and_can_be_turned_off(tmp_path: Path) -> None:
    assert run_python(ASK, XDG_CACHE_HOME=str(tmp_path)).stdout.strip() == "True"
    built = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.so")}
    assert len(built) == len(compiled.STORED)
    assert run_python(ASK, XDG_CACHE_HOME=str(tmp_path)).stdout.strip() == "True"
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.so")} == built
    assert run_python(ASK, XDG_CACHE_HOME=str(tmp_path), PRECEPTOR_KERNELS="off").stdout.strip() == "False"
