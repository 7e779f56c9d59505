"""States split into tensors and JSON and put together again without loss."""

import json
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from preceptor.errors import UserError
from preceptor.runs import State, flatten_state, unflatten_state

Leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
Keys = st.text(max_size=4) | st.sampled_from(["$tensor", "$dict", "a.b", "a", "0"]) | st.integers() | st.booleans()
Tensors = st.builds(lambda n, dtype: torch.arange(n).to(dtype), st.integers(0, 3),
                    st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.bool]))  # fmt: skip
Values = st.recursive(
    Leaves | Tensors,
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(Keys, inner),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Equal in type, order and value, tensors bit by bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, dict):
        keys = zip(one, other, strict=True) if len(one) == len(other) else [(0, "")]
        return all(same(a, b) and same(one[a], other[b]) for a, b in keys)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


@given(st.dictionaries(Keys, Values, max_size=4))
def test_any_state_comes_back(state: dict[Any, Any]) -> None:
    tensors, scalars = flatten_state(state)
    text = json.dumps(scalars, allow_nan=False)
    assert same(unflatten_state(tensors, json.loads(text)), state)


def test_infinity_and_nan_survive() -> None:
    tensors, scalars = flatten_state({"best": math.inf, "worst": -math.inf, "none": math.nan})
    state = unflatten_state(tensors, json.loads(json.dumps(scalars, allow_nan=False)))
    assert (state["best"], state["worst"]) == (math.inf, -math.inf)
    assert math.isnan(state["none"])


def test_tensors_are_named_by_their_place() -> None:
    tensors, _ = flatten_state({"optimizer": {"state": {0: {"exp_avg": torch.zeros(1)}}}})
    assert list(tensors) == ["optimizer.state.0.exp_avg"]


def test_an_unknown_type_is_named_by_its_place() -> None:
    with pytest.raises(TypeError, match=r"'a\.1' is a set"):
        flatten_state({"a": [1, {2}]})


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad])
def test_optimizers_continue_exactly(kind: type[torch.optim.Optimizer]) -> None:
    def make() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        return model, kind([{"params": [model.weight], "lr": 0.1}, {"params": [model.bias], "lr": 0.01}])  # type: ignore[call-arg]

    def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        model(torch.ones(1, 3)).square().sum().backward()
        optimizer.step()

    model, optimizer = make()
    step(model, optimizer)
    tensors, scalars = State(model=model, optimizer=optimizer).flat()
    kept = {name: tensor.clone() for name, tensor in tensors.items()}
    other_model, other = make()
    State(model=other_model, optimizer=other).load(kept, json.loads(json.dumps(scalars)))
    for _ in range(3):
        step(model, optimizer)
        step(other_model, other)
    assert same(optimizer.state_dict(), other.state_dict())
    assert same(dict(model.state_dict()), dict(other_model.state_dict()))


def test_a_part_without_a_state_is_refused_before_training() -> None:
    with pytest.raises(TypeError, match="'ema' has no state_dict"):
        State(ema=object())  # type: ignore[arg-type]


def test_other_parts_or_shapes_are_named() -> None:
    tensors, scalars = State(model=nn.Linear(2, 2)).flat()
    with pytest.raises(UserError, match=r"holds \['model'\], the run has \['ema', 'model'\]"):
        State(model=nn.Linear(2, 2), ema=nn.Linear(2, 2)).load(tensors, scalars)
    with pytest.raises(UserError, match=r"'model' does not fit the checkpoint(.|\n)*size mismatch"):
        State(model=nn.Linear(3, 2)).load(tensors, scalars)


def test_parts_are_attributes() -> None:
    model = nn.Linear(1, 1)
    state = State(model=model)
    assert state.model is model
    with pytest.raises(AttributeError):
        _ = state.optimizer


def test_a_bad_weight_is_found() -> None:
    model = nn.Linear(2, 2)
    assert State(model=model).first_bad_weight() is None
    with torch.no_grad():
        model.bias[1] = math.nan
    assert State(model=model).first_bad_weight() == "model.bias"
