"""What the hardware can do at most, measured in a child process in the same run: matrix products and memory.

The quickest time counts: what a neighbour takes from a shared machine is no property of it.
"""

import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.speed.turns import Turns

SHAPES = ((2048, 2048, 2048), (8192, 512, 512), (8192, 1024, 512), (8192, 256, 256), (64, 512, 512), (64, 256, 256))
"""Tokens, inputs and outputs of a layer: square, training of small and tiny, decoding of both."""
MEGABYTES = (1, 16, 256)
"""Fits into L2, into L3, into neither."""
TRIED_S = 1.0
"""Each product and each read is tried for so long."""


def main() -> None:
    """Answer turns with everything measured."""
    turns = Turns()
    for _ in turns:
        turns.facts["limits"] = measured()


def measured() -> dict[str, Any]:
    """FLOP/s of matrix products by type and shape, and bytes per second that are read, by size."""
    flops = {
        name: {"x".join(map(str, shape)): matrix_flops(dtype, *shape) for shape in SHAPES}
        for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16))
    }
    return {
        "flops_per_s": flops,
        "peak_flops_per_s": {name: max(found.values()) for name, found in flops.items()},
        "bytes_per_s": {f"{size} MB": size * 2**20 / seconds(torch.ones(size * 2**18).sum) for size in MEGABYTES},
    }


def matrix_flops(dtype: torch.dtype, num_tokens: int, num_in: int, num_out: int) -> float:
    """FLOP/s of a linear layer."""
    states, weights = torch.randn(num_tokens, num_in).to(dtype), torch.randn(num_out, num_in).to(dtype)
    return 2 * num_tokens * num_in * num_out / seconds(lambda: torch.nn.functional.linear(states, weights))


@torch.inference_mode()
def seconds(work: Callable[[], Any]) -> float:
    """Seconds of it at the best."""
    work()
    times: list[float] = []
    while sum(times) < TRIED_S or len(times) < 5:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
