"""What lies between the matrix products of a transformer, each in one pass over memory, with its gradient.

Every function here equals a few lines of plain torch (kept in `tests/ops/plain.py`), needs `is_available()`, and takes
fp32 or bfloat16 tensors on the CPU; sums are fp32 always.

Shapes: N tokens, M some of them, D width, R rows, L places of a row, H heads, G key heads, W width of a head, V
vocabulary.
"""

import functools
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from preceptor.ops.compiled import STORED, Kernels, address, build

_SIGNATURES = {
    "add_rms_norm": "ppppppiif",
    "add_rms_norm_backward": "pppppppiii",
    "move_heads": "ppppppiiiiii",
    "masked_softmax": "ppppiiiif",
    "masked_softmax_backward": "pppppiiiif",
    "swiglu": "pppi",
    "swiglu_backward": "pppppi",
    "token_logprobs": "pppppiif",
    "token_logprobs_backward": "ppppppiif",
}
_SLICES = 64
"""Partial sums of a weight's gradient: a number of its own, so that results do not depend on the number of threads."""


NOWHERE = -1
"""The place of a filler: no attention sees it, and what it gets out of attention is 0."""


def round_number(num: int, least_step: int = 16) -> int:
    """The next multiple of `least_step`, or of a larger power of two where over 32 would lie in an octave.

    Matrix products are compiled for each number of tokens that comes, which takes time, and memory for as long as they
    are kept.
    """
    step = max(least_step, 1 << max(0, num.bit_length() - 6))
    return -(-num // step) * step


def repeated(x: Tensor, num: int) -> Tensor:
    """`x` (N, …) with its first row again, up to `num` rows: no number comes that is not there."""
    return x if len(x) == num else torch.cat([x, x[:1].expand(num - len(x), *x.shape[1:])])


@functools.cache
def _kernels(dtype: torch.dtype) -> Kernels | None:
    library = build("training.cpp", dtype) if dtype in STORED else None
    return None if library is None else Kernels(library, _SIGNATURES)


@functools.cache
def is_available() -> bool:
    """Whether the kernels could be built on this machine."""
    return all(_kernels(dtype) is not None for dtype in STORED)


def _of(x: Tensor) -> Any:
    return _kernels(x.dtype)


class _AddRMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x_ND: Tensor, delta_ND: Tensor | None, weight_D: Tensor, eps: float, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        num, width = x_ND.shape
        sum_ND = x_ND if delta_ND is None else torch.empty_like(x_ND)
        normed_ND, inverse_rms_N = torch.empty(num, width, dtype=dtype), torch.empty(num)
        _of(normed_ND).add_rms_norm(
            *map(address, (x_ND, delta_ND, weight_D, sum_ND, normed_ND, inverse_rms_N)), num, width, eps
        )
        ctx.save_for_backward(sum_ND, weight_D, inverse_rms_N)
        ctx.has_delta = delta_ND is not None
        if delta_ND is None:
            sum_ND = x_ND.view_as(x_ND)
        return sum_ND, normed_ND

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_sum_ND: Tensor, grad_normed_ND: Tensor
    ) -> tuple[Tensor, Tensor | None, Tensor, None, None]:
        sum_ND, weight_D, inverse_rms_N = ctx.saved_tensors
        num, width = sum_ND.shape
        grad_normed_ND = grad_normed_ND.contiguous()
        grad_x_ND = grad_sum_ND.clone(memory_format=torch.contiguous_format)
        grad_delta_ND = torch.empty_like(grad_normed_ND) if ctx.has_delta else None
        grad_weight_SD = torch.zeros(_SLICES, width)
        _of(grad_normed_ND).add_rms_norm_backward(
            *map(address, (sum_ND, weight_D, inverse_rms_N, grad_normed_ND, grad_x_ND, grad_delta_ND, grad_weight_SD)),
            num, width, _SLICES,
        )  # fmt: skip
        return grad_x_ND, grad_delta_ND, grad_weight_SD.sum(0), None, None


def add_rms_norm(
    x_ND: Tensor, delta_ND: Tensor | None, weight_D: Tensor, *, eps: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """(x + delta in fp32, its root-mean-square norm · weight in `dtype`) (Zhang and Sennrich 2019, Eq. 4)."""
    return _AddRMSNorm.apply(x_ND, delta_ND, weight_D, eps, dtype)  # type: ignore[no-untyped-call, no-any-return]


@dataclass(frozen=True)
class Places:
    """Where tokens stand in attention rows, and whom each may attend to."""

    num_rows: int
    num_columns: int
    place_N: Tensor
    """int32 index into the flattened rows, or NOWHERE."""
    position_N: Tensor
    """int32 position for the rotary embedding."""
    prefix_start_RL: Tensor
    prefix_end_RL: Tensor
    """int32: a place attends to the places [prefix_start, prefix_end) of its row, …"""
    start_RL: Tensor
    """… int32: and to [start, itself]; the prefix ends at or before the start."""

    def only(self, index_M: Tensor) -> "Places":
        """The same rows with some of the tokens."""
        return replace(self, place_N=self.place_N[index_M], position_N=self.position_N[index_M])

    def filled(self) -> "Places":
        """The same rows with fillers after the tokens, so that their number is a round one."""
        more = (0, round_number(len(self.place_N)) - len(self.place_N))
        return replace(self, place_N=pad(self.place_N, more, value=NOWHERE), position_N=pad(self.position_N, more))


class _MoveHeads(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, places: Places, num_heads: int, rotary: tuple[Tensor, Tensor] | None, to_rows: bool
    ) -> Tensor:
        ctx.settings = (places, num_heads, rotary, to_rows)
        return _move_heads(x, places, num_heads, rotary, to_rows=to_rows, backwards=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        places, num_heads, rotary, to_rows = ctx.settings
        moved = _move_heads(grad.contiguous(), places, num_heads, rotary, to_rows=not to_rows, backwards=True)
        return moved, None, None, None, None


def _move_heads(
    x: Tensor, places: Places, num_heads: int, rotary: tuple[Tensor, Tensor] | None, *, to_rows: bool, backwards: bool
) -> Tensor:
    num = len(places.place_N)
    width = x.shape[-1] // num_heads if to_rows else x.shape[-1]
    if to_rows:  # a gap must be finite: it gets weight 0
        moved = torch.zeros(places.num_rows, num_heads, places.num_columns, width, dtype=x.dtype)
    else:
        moved = torch.empty(num, num_heads * width, dtype=x.dtype)
    cosine, sine = rotary or (None, None)
    _of(x).move_heads(
        *map(address, (x, moved, places.place_N, places.position_N, cosine, sine)),
        num, num_heads, places.num_columns, width, to_rows, backwards,
    )  # fmt: skip
    return moved


def to_rows(x_ND: Tensor, places: Places, num_heads: int, rotary: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Heads of tokens (N, H·W) as attention rows (R, H, L, W).

    `rotary` is (cosines, sines), each (positions, W) in fp32: halves of each head are rotated (Su et al. 2021).
    """
    return _MoveHeads.apply(x_ND, places, num_heads, rotary, True)  # type: ignore[no-untyped-call, no-any-return]


def from_rows(x_RHLW: Tensor, places: Places) -> Tensor:
    """Attention rows (R, H, L, W) as tokens (N, H·W)."""
    num_heads = x_RHLW.shape[1]
    return _MoveHeads.apply(x_RHLW, places, num_heads, None, False)  # type: ignore[no-untyped-call, no-any-return]


class _Attention(torch.autograd.Function):
    """Matrix products and one pass for the masked softmax: for short rows faster than any tiled attention."""

    @staticmethod
    def forward(ctx: Any, q_RHLW: Tensor, k_RGLW: Tensor, v_RGLW: Tensor, places: Places, scale: float) -> Tensor:
        rows, groups, length, width = k_RGLW.shape
        lines = q_RHLW.shape[1] // groups * length
        q, k, v = q_RHLW.view(-1, lines, width), k_RGLW.view(-1, length, width), v_RGLW.view(-1, length, width)
        p = torch.bmm(q, k.transpose(1, 2))
        spans = (places.prefix_start_RL, places.prefix_end_RL, places.start_RL)
        _of(p).masked_softmax(*map(address, (p, *spans)), rows, groups, lines, length, scale)
        ctx.save_for_backward(q, k, v, p)
        ctx.settings = (spans, (rows, groups, lines, length), scale, q_RHLW.shape, k_RGLW.shape)
        return torch.bmm(p, v).view(q_RHLW.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_RHLW: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        q, k, v, p = ctx.saved_tensors
        spans, sizes, scale, q_shape, k_shape = ctx.settings
        grad = grad_RHLW.contiguous().view(q.shape)
        grad_v = torch.bmm(p.transpose(1, 2), grad)
        slope = torch.bmm(grad, v.transpose(1, 2))
        _of(p).masked_softmax_backward(*map(address, (p, slope, *spans)), *sizes, scale)
        grad_q, grad_k = torch.bmm(slope, k), torch.bmm(slope.transpose(1, 2), q)
        return grad_q.view(q_shape), grad_k.view(k_shape), grad_v.view(k_shape), None, None


def attention(q_RHLW: Tensor, k_RGLW: Tensor, v_RGLW: Tensor, places: Places, *, scale: float) -> Tensor:
    """softmax(q·k · scale)·v within the spans of `places`, (R, H, L, W); H/G heads share a key head.

    Keeps R·H·L² probabilities for the backward pass.
    """
    return _Attention.apply(q_RHLW, k_RGLW, v_RGLW, places, scale)  # type: ignore[no-untyped-call, no-any-return]


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        out = torch.empty_like(gate)
        _of(gate).swiglu(*map(address, (gate, up, out)), gate.numel())
        ctx.save_for_backward(gate, up)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        grad_gate, grad_up = torch.empty_like(gate), torch.empty_like(up)
        tensors = (gate, up, grad.contiguous(), grad_gate, grad_up)
        _of(gate).swiglu_backward(*map(address, tensors), gate.numel())
        return grad_gate, grad_up


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) · up (Shazeer 2020)."""
    return _SwiGLU.apply(gate, up)  # type: ignore[no-untyped-call, no-any-return]


class _HeadLogprobs(torch.autograd.Function):
    """A chunk's logits live only while it is worked on; the backward pass computes them again."""

    @staticmethod
    def forward(
        ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, tokens_N: Tensor, temperature: float, chunk_size: int
    ) -> tuple[Tensor, Tensor]:
        logprobs_N, totals_N, entropy_N = (torch.empty(len(hidden_ND)) for _ in range(3))
        stored_VD = weight_VD.to(hidden_ND.dtype)
        for chunk in _chunks(len(hidden_ND), chunk_size):
            logits_CV = hidden_ND[chunk] @ stored_VD.t()
            columns = (column_N[chunk] for column_N in (logprobs_N, totals_N, entropy_N))
            _of(logits_CV).token_logprobs(
                *map(address, (logits_CV, tokens_N[chunk], *columns)), *logits_CV.shape, 1 / temperature
            )
        ctx.save_for_backward(hidden_ND, weight_VD, tokens_N, totals_N, entropy_N)
        ctx.settings = (temperature, chunk_size)
        ctx.set_materialize_grads(False)
        return logprobs_N, entropy_N

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_logprobs_N: Tensor | None, grad_entropy_N: Tensor | None
    ) -> tuple[Tensor, Tensor | None, None, None, None]:
        hidden_ND, weight_VD, tokens_N, totals_N, entropy_N = ctx.saved_tensors
        temperature, chunk_size = ctx.settings
        pull_N = torch.zeros_like(totals_N) if grad_logprobs_N is None else grad_logprobs_N.contiguous()
        slope_N = None if grad_entropy_N is None else grad_entropy_N.contiguous()
        stored_VD = weight_VD.to(hidden_ND.dtype)
        grad_hidden_ND = torch.empty_like(hidden_ND)
        grad_weight_VD = torch.zeros_like(weight_VD) if ctx.needs_input_grad[1] else None
        for chunk in _chunks(len(hidden_ND), chunk_size):
            logits_CV = hidden_ND[chunk] @ stored_VD.t()
            columns = (tokens_N[chunk], totals_N[chunk], entropy_N[chunk], pull_N[chunk])
            slope_C = None if slope_N is None else slope_N[chunk]
            _of(logits_CV).token_logprobs_backward(
                *map(address, (logits_CV, *columns, slope_C)), *logits_CV.shape, 1 / temperature
            )
            torch.matmul(logits_CV, stored_VD, out=grad_hidden_ND[chunk])
            if grad_weight_VD is not None:
                grad_weight_VD += logits_CV.t() @ hidden_ND[chunk]
        return grad_hidden_ND, grad_weight_VD, None, None, None


def _chunks(num: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, num)) for start in range(0, num, size)]


def head_logprobs(
    hidden_ND: Tensor, weight_VD: Tensor, tokens_N: Tensor, *, temperature: float, chunk_size: int
) -> tuple[Tensor, Tensor]:
    """(log-probability of each token, entropy of each distribution) under softmax(hidden · weightᵀ / temperature).

    Both in fp32 nats, (N,); logits are computed `chunk_size` tokens at a time, in the type of `hidden_ND`.
    """
    num = len(tokens_N)
    whole, rest = num // chunk_size * chunk_size, num % chunk_size
    hidden_ND, tokens_N = (repeated(x, whole + min(round_number(rest), chunk_size)) for x in (hidden_ND, tokens_N))
    columns: tuple[Tensor, Tensor] = _HeadLogprobs.apply(  # type: ignore[no-untyped-call]
        hidden_ND, weight_VD, tokens_N, temperature, chunk_size
    )
    logprobs_N, entropy_N = columns
    return logprobs_N[:num], entropy_N[:num]
