"""The kernels of decoding against plain torch."""

from typing import Any

import pytest
import torch
from torch import Tensor

from preceptor.ops import decoding
from preceptor.ops.compiled import STORED, address

DTYPES = list(STORED)
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


def call(name: str, dtype: torch.dtype, *arguments: Any) -> None:
    kernels = decoding.kernels(dtype)
    getattr(kernels, name)(*(address(x) if x is None or isinstance(x, Tensor) else x for x in arguments))


def randn(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("has_delta", [True, False])
def test_add_norm(dtype: torch.dtype, has_delta: bool) -> None:
    x_AD, weight_D, delta_AD = randn(5, 37), randn(37, seed=1), randn(5, 37, dtype=dtype, seed=2)
    sum_AD = x_AD + delta_AD.float() if has_delta else x_AD.clone()
    expected_AD = sum_AD * (sum_AD.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * weight_D
    normed_AD = torch.empty(5, 37, dtype=dtype)
    call("add_norm", dtype, x_AD, delta_AD if has_delta else None, weight_D, normed_AD, 5, 37, 1e-5)
    assert torch.equal(x_AD, sum_AD)
    assert torch.allclose(normed_AD.float(), expected_AD, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_swiglu_rows(dtype: torch.dtype) -> None:
    gate_up, out = randn(5, 2 * 33, dtype=dtype), torch.empty(5, 33, dtype=dtype)
    gate, up = gate_up.float().chunk(2, dim=-1)
    call("swiglu_rows", dtype, gate_up, out, 5, 33)
    assert torch.allclose(out.float(), torch.nn.functional.silu(gate) * up, atol=TOLERANCE[dtype])


def rotated(x: Tensor, cosine_W: Tensor, sine_W: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    return x * cosine_W + torch.cat([-b, a], dim=-1) * sine_W


def normed(x: Tensor, weight_W: Tensor | None) -> Tensor:
    return x if weight_W is None else x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * weight_W


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("num_heads", "num_key_heads", "width"), [(4, 2, 8), (3, 3, 64), (8, 1, 80), (2, 1, 16)])
@pytest.mark.parametrize("has_norms", [True, False])
def test_attend(dtype: torch.dtype, num_heads: int, num_key_heads: int, width: int, has_norms: bool) -> None:
    """Rows of unlike lengths, two of one prompt, one without any; token after token, past the end of a block."""
    sizes = (num_heads, num_key_heads, width)
    prompt_length, home, slot = torch.tensor([0, 19, 33, 19]), torch.tensor([2, 0, 1, 0]), torch.tensor([3, 0, 1])
    num_steps, prompt_places, own_places = 20, 48, 32
    k_rows, v_rows = (randn(3, num_key_heads, 40, width, dtype=dtype, seed=seed) for seed in (1, 2))
    prompts, own = (
        [torch.zeros(num * num_key_heads * places * decoding.whole_lanes(width), dtype=dtype) for _ in range(2)]
        for num, places in ((3, prompt_places), (4, own_places))
    )
    call(
        "keep_prompts", dtype, k_rows, v_rows, torch.tensor([40 + 3, 2 * 40]), torch.tensor([19, 33]),
        torch.tensor([0, 1]), *prompts, 2, num_key_heads, 40, width, prompt_places,
    )  # fmt: skip
    read = {0: (k_rows[1, :, 3:22], v_rows[1, :, 3:22]), 1: (k_rows[2, :, :33], v_rows[2, :, :33])}
    read[2] = (k_rows[0, :, :0], v_rows[0, :, :0])
    q_weight, k_weight = (randn(width, seed=5), randn(width, seed=6)) if has_norms else (None, None)
    angles = randn(80, width // 2, seed=7).repeat(1, 2)
    cosine, sine = angles.cos().contiguous(), angles.sin().contiguous()
    own_length = torch.zeros(4, dtype=torch.long)
    history: dict[int, list[tuple[Tensor, Tensor]]] = {int(s): [] for s in slot}
    for step in range(num_steps):
        projected = randn(3, (num_heads + 2 * num_key_heads) * width, dtype=dtype, seed=10 + step)
        mixed = torch.empty(3, num_heads * width, dtype=dtype)
        call(
            "attend", dtype, projected, slot, home, prompt_length, own_length, cosine, sine, q_weight, k_weight,
            *prompts, *own, mixed, 3, *sizes, prompt_places, own_places, 0.3, 1e-6,
        )  # fmt: skip
        own_length[slot] += 1
        for a, s in enumerate(slot.tolist()):
            q, k, v = projected[a].float().view(-1, width).split([num_heads, num_key_heads, num_key_heads])
            position = int(prompt_length[s]) + step
            k = rotated(normed(k, k_weight), cosine[position], sine[position])
            history[s].append((k.to(dtype), v.to(dtype)))
            keys, values = (
                torch.cat([part, torch.stack([pair[i] for pair in history[s]], dim=1)], dim=1).float()
                for i, part in enumerate(read[int(home[s])])
            )
            q = rotated(normed(q, q_weight), cosine[position], sine[position]).view(num_key_heads, -1, width)
            expected = (q @ keys.transpose(1, 2) * 0.3).softmax(-1) @ values
            assert torch.allclose(mixed[a].float(), expected.flatten(), atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
    assert own_length.tolist() == [num_steps, num_steps, 0, num_steps]
