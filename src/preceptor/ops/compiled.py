"""C++ kernels for CPUs: built once per machine in about a second per library, or done without.

Each source is compiled for fp32 and for bfloat16 with the machine's own compiler, and kept in the user's cache. Where
there is no compiler, or PRECEPTOR_KERNELS=off is set, callers take their plain torch path and get the same numbers.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

FOLDER = Path(__file__).parent / "kernels"
FLAGS = (
    "-O3",
    "--param=vect-max-peeling-for-alignment=0",
    "-fopenmp",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-shared",
    "-fPIC",
)
STORED = {torch.float32: "float", torch.bfloat16: "bf16"}
"""Types that tensors may have, and their names in the sources."""
_KINDS = {"p": ctypes.c_void_p, "i": ctypes.c_int64, "f": ctypes.c_float}


class Kernels:
    """The functions of one source, for tensors stored in one type.

    `signatures` says of each function what it takes: p a tensor (or None), i an integer, f a real number.
    """

    def __init__(self, library: Path, signatures: Mapping[str, str]) -> None:
        loaded = ctypes.CDLL(str(library))
        for name, kinds in signatures.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = None, [_KINDS[kind] for kind in kinds]
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no kernel '{name}'")


def address(tensor: Tensor | None) -> int | None:
    """Where a tensor's numbers begin.

    Raises:
        ValueError: they do not lie one after the other in the memory of the CPU.
    """
    if tensor is None:
        return None
    if not tensor.is_contiguous() or tensor.device.type != "cpu":
        raise ValueError(f"a kernel needs a contiguous tensor on the CPU, not {tensor.shape} on {tensor.device}")
    return tensor.data_ptr()


def build(source: str, dtype: torch.dtype) -> Path | None:
    """The library of `source` (a file of `kernels/`) for `dtype`: from the cache, or compiled; None where that fails.

    That is told: the results are the same without it, only later.
    """
    if os.environ.get("PRECEPTOR_KERNELS") == "off":
        return None
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        print("no C++ compiler: plain torch is used, which is slower (install g++)", file=sys.stderr)
        return None
    target = _cache() / f"{Path(source).stem}-{STORED[dtype]}-{_fingerprint(source, compiler)}.so"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=target.parent) as aside:
            built = Path(aside) / target.name
            command = [compiler, *FLAGS, _native(), f"-DT={STORED[dtype]}", "-o", str(built), str(FOLDER / source)]
            outcome = subprocess.run(command, capture_output=True, text=True, check=False)
            if outcome.returncode:
                print(f"{source} was not compiled, so plain torch is used: {outcome.stderr}", file=sys.stderr)
                return None
            built.replace(target)
    return target


@functools.cache
def _fingerprint(source: str, compiler: str) -> str:
    """Changes with the sources, the compiler, the flags and the processor."""
    parts = [path.read_bytes() for path in (FOLDER / source, FOLDER / "scalar.h")]
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    about = repr((version, FLAGS, platform.machine(), torch.backends.cpu.get_cpu_capability(), _processor()))
    return hashlib.sha256(b"\0".join([*parts, about.encode()])).hexdigest()[:16]


def _processor() -> str:
    """What the kernel says of the first core: a home folder may be shared by unlike machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "".join(line for line in lines if line.startswith(("model name", "flags", "Features")))[:10_000]


def _native() -> str:
    return "-march=native" if platform.machine() in ("x86_64", "AMD64") else "-mcpu=native"


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "preceptor" / "kernels"
