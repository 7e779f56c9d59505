"""The named parts of a run that must survive a crash, and their lossless split into tensors and JSON."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from pydantic import JsonValue
from torch import Tensor, nn

from preceptor.errors import UserError


@runtime_checkable
class Part(Protocol):
    """Anything with a state: a module, an optimizer, a schedule, an average, a controller, a stream of prompts."""

    def state_dict(self) -> Mapping[str, Any]:
        """Everything that the next step depends on."""
        ...

    def load_state_dict(self, state: Any, /) -> Any:
        """Take it back."""
        ...


class State:
    """The parts by name: `state.policy`, `state.optimizer`, …"""

    def __init__(self, **parts: Part) -> None:
        for name, part in parts.items():
            if not isinstance(part, Part):
                raise TypeError(f"'{name}' has no state_dict() and load_state_dict(), so a resumed run would forget it")
        self._parts = dict(parts)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._parts:
            raise AttributeError(name)
        return self._parts[name]

    def flat(self) -> tuple[dict[str, Tensor], JsonValue]:
        """All parts' states as tensors by name and a JSON tree that says where they belong."""
        return flatten_state({name: dict(part.state_dict()) for name, part in self._parts.items()})

    def load(self, tensors: Mapping[str, Tensor], scalars: JsonValue) -> None:
        """Give each part its state back.

        Raises:
            UserError: the checkpoint has other parts, or a part does not accept its state.
        """
        states = unflatten_state(tensors, scalars)
        remedy = "it comes from another version of the code: remove the run's folder, or take the version that wrote it"
        if set(states) != set(self._parts):
            raise UserError(f"the checkpoint holds {sorted(states)}, the run has {sorted(self._parts)}", remedy=remedy)
        for name, part in self._parts.items():
            try:
                part.load_state_dict(states[name])
            except (RuntimeError, KeyError, ValueError) as error:
                raise UserError(f"'{name}' does not fit the checkpoint: {error}", remedy=remedy) from error

    def first_bad_weight(self) -> str | None:
        """The name of the first parameter that holds NaN or infinity; None when all are finite."""
        for name, part in self._parts.items():
            if isinstance(part, nn.Module):
                for weight, values in part.named_parameters():
                    if values.is_floating_point() and not bool(torch.isfinite(values).all()):
                        return f"{name}.{weight}"
        return None


def flatten_state(state: Mapping[Any, Any]) -> tuple[dict[str, Tensor], JsonValue]:
    """Split nested dicts, lists and tuples into {name: tensor} and a JSON tree; `unflatten_state` is the inverse.

    Keys may be of any type a value may be (optimizers use whole numbers); NaN and infinity survive.

    Raises:
        TypeError: a value is neither tensor, number, text, None nor a container of these; names its place.
    """
    tensors: dict[str, Tensor] = {}
    return tensors, _pack(dict(state), "", tensors)


def unflatten_state(tensors: Mapping[str, Tensor], scalars: JsonValue) -> dict[Any, Any]:
    """The state that `flatten_state` split."""
    state = _unpack(scalars, tensors)
    if not isinstance(state, dict):
        raise TypeError("not the JSON tree of a state")
    return state


def _pack(value: Any, place: str, tensors: dict[str, Tensor]) -> JsonValue:
    if isinstance(value, Tensor):
        name = place
        while name in tensors:  # keys "a.b" and "a" → "b" would meet
            name += "'"
        tensors[name] = value.detach()
        return {"$tensor": name}
    if value is None or type(value) in (bool, int, str):
        return value  # type: ignore[no-any-return]
    if type(value) is float:
        return value if abs(value) < float("inf") else {"$float": str(value)}
    if isinstance(value, Mapping):
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: _pack(child, _join(place, key), tensors) for key, child in value.items()}
        return {"$dict": [[_pack(key, place, tensors), _pack(child, _join(place, key), tensors)]
                          for key, child in value.items()]}  # fmt: skip
    if type(value) in (list, tuple):
        children = [_pack(child, _join(place, index), tensors) for index, child in enumerate(value)]
        return children if type(value) is list else {"$tuple": children}
    raise TypeError(f"'{place}' is a {type(value).__name__}: a checkpoint holds tensors, numbers, text and containers")


def _join(place: str, key: Any) -> str:
    return f"{place}.{key}" if place else str(key)


def _unpack(value: JsonValue, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpack(child, tensors) for child in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"$tensor": str(name)}:
            return tensors[name]
        case {"$float": str(text)}:
            return float(text)
        case {"$tuple": list(children)}:
            return tuple(_unpack(child, tensors) for child in children)
        case {"$dict": list(pairs)}:
            return dict(_unpack(pair, tensors) for pair in pairs)
    return {key: _unpack(child, tensors) for key, child in value.items()}
