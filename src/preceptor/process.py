"""Settings of the C libraries under torch, made before it is loaded."""

import ctypes
import os

SPIN_COUNT = "5000"
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_INT = 2**31 - 1


def tune_process() -> None:
    """Make the process a good neighbour, and quicker.

    OpenMP's threads wait for each other by spinning, without end by default: beside a second program on the same cores
    a step took ten times as long. malloc gives large blocks back to the system after each use and asks for them again;
    a training step that keeps them is quicker (docs/log.md has the figures).
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return  # not glibc: its malloc has no such settings
    libc.mallopt(M_MMAP_THRESHOLD, 2**30)
    libc.mallopt(M_TRIM_THRESHOLD, LARGEST_INT)
