"""What holds of every algorithm in the folder, a new one included."""

import math
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

import preceptor.training.algorithms as package
from preceptor.config import BaseConfig, load_config
from preceptor.errors import UserError
from preceptor.text.batches import Rollout
from preceptor.training.algorithms import ALGORITHMS, Algorithm, AlgorithmConfig
from preceptor.training.algorithms.ppo import PPO
from tests.training.algorithms.tabular import (
    RESPONSES,
    gradients,
    judged,
    new_algorithm,
    new_policy,
    rollout_of,
    total_loss,
)

KL_COEF = 0.1

each_algorithm = pytest.mark.parametrize("name", sorted(ALGORITHMS))


def credited(algorithm: Algorithm, *, sampler_seed: int = 0, planted: float = 0.0, **pads: int) -> Rollout:
    rollout = judged(rollout_of(RESPONSES, **pads), new_policy(sampler_seed), planted=planted)
    return algorithm.credit(rollout, kl_coef=KL_COEF)


def loss_and_gradients(algorithm: Algorithm, rollout: Rollout) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    loss, metrics = total_loss(algorithm, rollout, int(rollout.response_mask_BT.sum()))
    loss.backward()
    return loss.detach(), metrics, gradients(algorithm)


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor], *, atol: float = 1e-12) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(
            other[name].double(), value.double(), rtol=0, atol=atol, msg=lambda m, n=name: f"{n}: {m}"
        )


@each_algorithm
def test_no_advantage_means_no_policy_gradient(name: str) -> None:
    algorithm = new_algorithm(name)
    rollout = credited(algorithm)
    assert rollout.advantages_BT is not None
    level = Rollout(**{**vars(rollout), "advantages_BT": torch.zeros_like(rollout.advantages_BT)})
    assert loss_and_gradients(algorithm, level)[2]["policy.logits"].abs().max() == 0
    assert loss_and_gradients(algorithm, rollout)[2]["policy.logits"].abs().max() > 1e-3


@each_algorithm
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_first_ratio_is_one(name: str, temperature: float) -> None:
    algorithm = new_algorithm(name, settings={"temperature": temperature})
    rollout = judged(rollout_of(RESPONSES), new_policy(), temperature=temperature)
    _, metrics, _ = loss_and_gradients(algorithm, algorithm.credit(rollout, kl_coef=KL_COEF))
    assert metrics[f"{name}/ratio_mean"].item() == pytest.approx(1.0, abs=1e-12)
    assert metrics[f"{name}/ratio_var"].item() == pytest.approx(0.0, abs=1e-12)
    assert metrics["kl/old"].item() == pytest.approx(0.0, abs=1e-12)
    assert all(value.item() == 0 for key, value in metrics.items() if key.endswith("clip_fraction"))


@each_algorithm
def test_another_temperature_shows_in_the_first_ratio(name: str) -> None:
    algorithm = new_algorithm(name, settings={"temperature": 0.7})
    rollout = judged(rollout_of(RESPONSES), new_policy(), temperature=1.0)
    _, metrics, _ = loss_and_gradients(algorithm, algorithm.credit(rollout, kl_coef=KL_COEF))
    assert metrics["kl/old"].item() > 0.01


@each_algorithm
@pytest.mark.parametrize("sampler_seed", [0, 3])
def test_padding_changes_nothing(name: str, sampler_seed: int) -> None:
    algorithm = new_algorithm(name)
    plain = loss_and_gradients(algorithm, credited(algorithm, sampler_seed=sampler_seed))
    padded_rollout = credited(algorithm, sampler_seed=sampler_seed, num_left_pads=2, num_right_pads=3)
    padded = loss_and_gradients(algorithm, padded_rollout)
    assert padded[0].item() == pytest.approx(plain[0].item(), abs=1e-12)
    assert_same(plain[1], padded[1])
    assert_same(plain[2], padded[2])


@each_algorithm
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_stands_at_masked_places_changes_nothing(name: str, value: float) -> None:
    results = []
    for planted in (0.0, value):
        algorithm = new_algorithm(name, planted=planted)
        results.append(loss_and_gradients(algorithm, credited(algorithm, sampler_seed=3, planted=planted)))
    assert results[1][0].item() == pytest.approx(results[0][0].item(), abs=1e-12)
    assert_same(results[0][1], results[1][1])
    assert_same(results[0][2], results[1][2])


@each_algorithm
@pytest.mark.parametrize("size", [1, 3])
def test_micro_batches_add_up_to_the_minibatch(name: str, size: int) -> None:
    algorithm = new_algorithm(name)
    rollout = credited(algorithm, sampler_seed=3)
    whole_loss, whole_metrics, whole_gradients = loss_and_gradients(algorithm, rollout)
    num_tokens = int(rollout.response_mask_BT.sum())
    total, totals = 0.0, {}
    for rows in torch.arange(len(rollout)).split(size):
        loss, metrics = total_loss(algorithm, rollout.select(rows), num_tokens, len(rollout))
        loss.backward()
        total += loss.item()
        totals = {key: totals.get(key, 0.0) + value for key, value in metrics.items()}
    assert total == pytest.approx(whole_loss.item(), abs=1e-12)
    assert_same(whole_metrics, totals, atol=1e-6)
    assert_same(whole_gradients, gradients(algorithm))


@each_algorithm
def test_row_order_changes_nothing(name: str) -> None:
    algorithm = new_algorithm(name)
    order = torch.tensor([5, 0, 7, 3, 1, 6, 2, 4])
    rollout = judged(rollout_of(RESPONSES), new_policy(3))
    straight = loss_and_gradients(algorithm, algorithm.credit(rollout, kl_coef=KL_COEF))
    shuffled_rollout = algorithm.credit(rollout.select(order), kl_coef=KL_COEF)
    assert shuffled_rollout.prompt_ids[0] == "prompt-5"
    shuffled = loss_and_gradients(algorithm, shuffled_rollout)
    assert shuffled[0].item() == pytest.approx(straight[0].item(), abs=1e-12)
    assert_same(straight[2], shuffled[2])


@each_algorithm
def test_credit_adds_columns_without_gradient_and_changes_nothing_else(name: str) -> None:
    algorithm = new_algorithm(name)
    before = judged(rollout_of(RESPONSES), new_policy(3))
    kept = {key: value.clone() for key, value in vars(before).items() if isinstance(value, Tensor)}
    after = algorithm.credit(before, kl_coef=KL_COEF)
    for key, value in kept.items():
        assert torch.equal(getattr(after, key), value)
        assert torch.equal(getattr(before, key), value)
    for column in ("rewards_BT", "advantages_BT", "returns_BT"):
        assert getattr(before, column) is None
        value = getattr(after, column)
        assert not value.requires_grad
        assert (value[~after.response_mask_BT] == 0).all()


@each_algorithm
def test_rewards_sum_to_score_minus_kl(name: str) -> None:
    rollout = credited(new_algorithm(name), sampler_seed=3)
    assert rollout.ref_logprobs_BT is not None
    log_ratios = (rollout.old_logprobs_BT - rollout.ref_logprobs_BT) * rollout.response_mask_BT
    expected = rollout.scores_B - KL_COEF * log_ratios.sum(dim=1)
    torch.testing.assert_close(rollout.rewards_BT.sum(dim=1), expected, rtol=0, atol=1e-12)


@each_algorithm
def test_a_response_without_end_gets_the_configured_score(name: str) -> None:
    algorithm = new_algorithm(name, settings={"missing_end_score": -1.0})
    rollout = judged(rollout_of(RESPONSES), new_policy(3))
    cut = Rollout(**{**vars(rollout), "finished_B": torch.arange(len(rollout)) != 2})
    rewards = algorithm.credit(cut, kl_coef=0.0).rewards_BT.sum(dim=1)
    expected = torch.where(cut.finished_B, rollout.scores_B, torch.tensor(-1.0, dtype=torch.float64))
    torch.testing.assert_close(rewards, expected, rtol=0, atol=1e-12)


@each_algorithm
def test_metrics_are_finite_named_by_namespace_and_hold_no_graph(name: str) -> None:
    algorithm = new_algorithm(name)
    rollout = credited(algorithm, sampler_seed=3)
    _, metrics, _ = loss_and_gradients(algorithm, rollout)
    for key, value in (metrics | algorithm.metrics(rollout)).items():
        assert key.split("/")[0] in {name, "kl", "value"}
        assert value.isfinite()
        assert not value.requires_grad


@each_algorithm
def test_what_the_loop_needs_of_it(name: str) -> None:
    algorithm = new_algorithm(name)
    assert algorithm.num_epochs >= 1
    assert algorithm.minibatch_size >= 1
    assert (algorithm.value_model is not None) == algorithm.needs_value_model
    rollout = credited(algorithm)
    parts = list(rollout.minibatches(algorithm.minibatch_size, torch.Generator().manual_seed(0)))
    assert sum(len(part) for part in parts) == len(rollout)


@each_algorithm
def test_config_is_documented_and_round_trips(name: str) -> None:
    config = ALGORITHMS[name].Config()
    assert config.type == name
    assert ALGORITHMS[name].Config.model_validate_json(config.model_dump_json()) == config
    assert all(field.description for field in ALGORITHMS[name].Config.model_fields.values())
    assert ALGORITHMS[name].__doc__


class RecipeOfTest(BaseConfig):
    """A recipe with an algorithm in it."""

    algorithm: AlgorithmConfig = PPO.Config()
    """Which algorithm."""


@each_algorithm
def test_recipes_choose_it_by_type(name: str) -> None:
    recipe = load_config(RecipeOfTest, overrides=[f"algorithm.type={name}", "algorithm.temperature=0.5"])
    assert isinstance(recipe.algorithm, ALGORITHMS[name].Config)
    assert recipe.algorithm.temperature == 0.5


def test_recipes_with_mistakes_are_told_what_there_is() -> None:
    with pytest.raises(UserError, match=r"'ppo'.*'reinforce'"):
        load_config(RecipeOfTest, overrides=["algorithm.type=nothing"])
    with pytest.raises(UserError, match="did you mean 'clip'"):
        load_config(RecipeOfTest, overrides=["algorithm.type=ppo", "algorithm.clp=0.1"])


def test_a_value_model_is_asked_for_where_it_is_needed() -> None:
    with pytest.raises(ValueError, match="value model"):
        PPO(new_policy(), None, PPO.Config())


def test_a_new_algorithm_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "doubled_reinforce.py").write_text(
        "from typing import Literal\n"
        "from preceptor.training.algorithms.reinforce import REINFORCE\n"
        "class Doubled(REINFORCE):\n"
        "    class Config(REINFORCE.Config):\n"
        "        type: Literal['doubled'] = 'doubled'\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    try:
        found = package._discover()
    finally:
        sys.modules.pop("preceptor.training.algorithms.doubled_reinforce", None)
    assert sorted(found) == sorted([*ALGORITHMS, "doubled"])
