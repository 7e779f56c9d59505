"""Arithmetic of forward passes. Weights, losses and log-probabilities are fp32 always."""

import functools
from contextlib import AbstractContextManager
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16", "auto"]


@functools.cache
def default_device() -> torch.device:
    """The GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@functools.cache
def has_fast_bfloat16(device_type: str) -> bool:
    """Whether the hardware multiplies bfloat16 faster than fp32: AMX or AVX512-BF16 on CPU, Ampere or later on GPU."""
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def resolve(precision: Precision, device_type: str | None = None) -> Literal["float32", "bfloat16"]:
    """What "auto" means on this machine."""
    if precision != "auto":
        return precision
    return "bfloat16" if has_fast_bfloat16(device_type or default_device().type) else "float32"


def autocast(precision: Precision, device_type: str | None = None) -> AbstractContextManager[None]:
    """Context in which matrix products run in `precision`; "auto" takes bfloat16 where the hardware is made for it."""
    device_type = device_type or default_device().type
    return torch.autocast(device_type, dtype=torch.bfloat16, enabled=resolve(precision, device_type) == "bfloat16")


def product_dtype(x: torch.Tensor) -> torch.dtype:
    """The type in which `x` is multiplied here: autocast's inside of it, its own outside."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
