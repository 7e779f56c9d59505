"""What lies between the matrix products of one step of decoding, without gradients.

The kernels are those of `kernels/decoding.cpp`, where each says what it computes; they take addresses, which the caller
keeps, because a step of a small model is as short as a few calls of torch. Each equals the plain torch that stands in
`tests/ops/test_decoding.py`.
"""

import functools

import torch

from preceptor.ops.compiled import STORED, Kernels, build

LANES = 16
"""Places of a key block, and the multiple to which a head's width is padded where it is stored."""
_SIGNATURES = {
    "add_norm": "ppppiif",
    "keep_prompts": "pppppppiiiii",
    "attend": "ppppppppppppppiiiiiiff",
    "swiglu_rows": "ppii",
    "draw": "ppppiifi",
}


@functools.cache
def kernels(dtype: torch.dtype) -> Kernels | None:
    """The kernels for tensors of `dtype` on the CPU; None where they could not be built."""
    library = build("decoding.cpp", dtype) if dtype in STORED else None
    return None if library is None else Kernels(library, _SIGNATURES)


def whole_lanes(num: int) -> int:
    """The number rounded up to a multiple of `LANES`."""
    return -(-num // LANES) * LANES
