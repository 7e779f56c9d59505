"""From a config to what samples."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preceptor.generation.base import Generate
from preceptor.generation.config import EngineConfig


@contextmanager
def open_engine(config: EngineConfig, log: Path) -> Iterator[Generate]:
    """The engine of a config; it starts when it first samples, and ends with the block.

    Nothing is imported for an engine that is not asked for. A server of our own writes what it says to `log`.
    """
    if config.type == "vllm":
        from preceptor.generation.vllm import VLLM

        with VLLM(config, log) as engine:
            yield engine
    elif config.type == "remote":
        from preceptor.generation.remote import Remote

        with Remote(config) as engine:
            yield engine
    else:
        from preceptor.generation.native import generate

        yield generate
