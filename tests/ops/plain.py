"""What the fused kernels compute, in plain torch: the reference that they must equal."""

import torch
from torch import Tensor

from preceptor.ops.fused import Places


def add_rms_norm(x: Tensor, delta: Tensor | None, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    total = x if delta is None else x + delta
    return total, total * torch.rsqrt(total.square().mean(-1, keepdim=True) + eps) * weight


def to_rows(x_ND: Tensor, places: Places, num_heads: int, rotary: tuple[Tensor, Tensor] | None = None) -> Tensor:
    heads_NHW = x_ND.view(len(x_ND), num_heads, -1)
    if rotary is not None:
        cosine, sine = (table[places.position_N.long()][:, None].to(x_ND.dtype) for table in rotary)
        first, second = heads_NHW.chunk(2, dim=-1)
        heads_NHW = heads_NHW * cosine + torch.cat([-second, first], dim=-1) * sine
    flat = heads_NHW.new_zeros(places.num_rows * places.num_columns, *heads_NHW.shape[1:])
    flat = flat.index_put((places.place_N.long(),), heads_NHW)
    return flat.view(places.num_rows, places.num_columns, *heads_NHW.shape[1:]).transpose(1, 2)


def from_rows(x_RHLW: Tensor, places: Places) -> Tensor:
    return x_RHLW.transpose(1, 2).flatten(0, 1)[places.place_N.long()].flatten(1)


def attention(q_RHLW: Tensor, k_RGLW: Tensor, v_RGLW: Tensor, mask_R1LL: Tensor, scale: float) -> Tensor:
    repeats = q_RHLW.shape[1] // k_RGLW.shape[1]
    k_RHLW, v_RHLW = (x.repeat_interleave(repeats, dim=1) for x in (k_RGLW, v_RGLW))
    scores_RHLL = q_RHLW @ k_RHLW.transpose(2, 3) * scale
    return scores_RHLL.masked_fill(~mask_R1LL, float("-inf")).softmax(-1) @ v_RHLW


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    return torch.nn.functional.silu(gate) * up


def head_logprobs(hidden_ND: Tensor, weight_VD: Tensor, tokens_N: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    table_NV = (hidden_ND @ weight_VD.t() / temperature).log_softmax(-1)
    return table_NV.gather(1, tokens_N[:, None])[:, 0], -(table_NV.exp() * table_NV).sum(-1)
