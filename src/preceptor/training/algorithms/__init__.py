"""RL algorithms: every module of this folder is imported, and each `Algorithm` in it is registered by its type."""

import importlib
import pkgutil
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from preceptor.training.algorithms.base import Algorithm, AlgorithmSettings, PolicyModel, ValueModel

__all__ = [
    "ALGORITHMS", "Algorithm", "AlgorithmConfig", "AlgorithmSettings", "PolicyModel", "ValueModel", "build_algorithm",
]  # fmt: skip


def _discover() -> dict[str, type[Algorithm]]:
    found: dict[str, type[Algorithm]] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for member in vars(module).values():
            is_algorithm = isinstance(member, type) and issubclass(member, Algorithm) and member is not Algorithm
            if not is_algorithm or member.__module__ != module.__name__:
                continue
            name = member.Config.model_fields["type"].default
            if name in found:
                raise TypeError(f"two algorithms are called '{name}': {found[name].__name__} and {member.__name__}")
            found[name] = member
    return found


ALGORITHMS = _discover()
"""Algorithm classes by the `type` of their config."""

if TYPE_CHECKING:
    AlgorithmConfig = AlgorithmSettings
else:
    AlgorithmConfig = Annotated[
        reduce(or_, (algorithm.Config for algorithm in ALGORITHMS.values())), Field(discriminator="type")
    ]


def build_algorithm(config: Any, policy: PolicyModel, value_model: ValueModel | None) -> Algorithm:
    """The algorithm that a config belongs to; it keeps the value model only when it uses one."""
    return ALGORITHMS[config.type](policy, value_model, config)
