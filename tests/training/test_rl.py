"""THE loop: what it starts from, what it changes, what it leaves, and that it reaches for the reward."""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from preceptor.errors import UserError
from preceptor.models.adapters import LoRAConfig
from preceptor.models.heads import RewardModel
from preceptor.models.load import load_policy, new_reward_model
from preceptor.models.policy import Policy
from preceptor.records import Sampling
from preceptor.runs.run import Run
from preceptor.runs.seeding import generator
from preceptor.text.batches import Rollout
from preceptor.training.algorithms.ppo import PPO
from preceptor.training.algorithms.reinforce import REINFORCE
from preceptor.training.optim import MovingAverage, OptimConfig
from preceptor.training.rl import train_rl
from preceptor.training.rl_config import KLConfig, PretrainingMixConfig, RLConfig
from preceptor.training.rl_parts import Actors
from tests.planted import documents, prompts
from tests.tiny import write_model

NewActors = Callable[..., Actors]
NewRun = Callable[..., Run]
PROMPTS = prompts(40)
LUCKY = 180
"""Tokens below this are rewarded: about half of the vocabulary."""


class Lucky(RewardModel):
    """A reward that is known: the share of lucky tokens, −1 … 1."""

    def rollout_scores(self, rollout: Rollout) -> Tensor:
        is_lucky = ((rollout.response_tokens_BT < LUCKY) & rollout.response_mask_BT).sum(dim=1)
        return 2 * is_lucky / rollout.response_mask_BT.sum(dim=1) - 1


class NoNumber(RewardModel):
    """A reward that is NaN from the third rollout on."""

    num_calls = 0

    def rollout_scores(self, rollout: Rollout) -> Tensor:
        self.num_calls += 1
        return super().rollout_scores(rollout) * (math.nan if self.num_calls > 2 else 1.0)


def config(**settings: Any) -> RLConfig:
    rate = settings.pop("learning_rate", 1e-3)
    values = {
        "num_steps": 3, "batch_size": 16, "micro_tokens": 4096, "precision": "float32",
        "sampling": Sampling(max_tokens=6), "algorithm": PPO.Config(minibatch_size=8), "ema_decay": 0.5,
        "optim": OptimConfig(learning_rate=rate, schedule="constant"),
        "value_optim": OptimConfig(learning_rate=rate, schedule="constant"),
    }  # fmt: skip
    return RLConfig(**(values | settings))


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in module.state_dict().items()}


def changed(module: nn.Module, before: Mapping[str, Tensor]) -> set[str]:
    return {name for name, weight in module.state_dict().items() if not torch.equal(weight, before[name])}


def assert_same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    assert [name for name, weight in one.items() if not torch.equal(weight, other[name])] == []


@pytest.fixture
def rollouts(monkeypatch: pytest.MonkeyPatch) -> list[Rollout]:
    """Each rollout of a PPO run, as credited."""
    kept: list[Rollout] = []
    real = PPO.credit

    def credit(self: PPO, rollout: Rollout, kl_coef: float) -> Rollout:
        kept.append(real(self, rollout, kl_coef))
        return kept[-1]

    monkeypatch.setattr(PPO, "credit", credit)
    return kept


# ── step 0 ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_before_the_first_update_ratio_is_one_and_kl_zero(
    new_actors: NewActors, new_run: NewRun, rollouts: list[Rollout]
) -> None:
    run = new_run({})
    train_rl(config(algorithm=PPO.Config(minibatch_size=16), num_steps=1), run, new_actors(), PROMPTS)
    first, metrics = rollouts[0], run.metrics()[0]
    torch.testing.assert_close(first.old_logprobs_BT, first.ref_logprobs_BT, rtol=0, atol=1e-4)
    assert metrics["kl/reference"] == pytest.approx(0, abs=1e-4)
    assert metrics["ppo/ratio_mean"] == pytest.approx(1, abs=1e-4)
    assert metrics["ppo/clip_fraction"] == 0
    assert metrics["kl/old"] == pytest.approx(0, abs=1e-6)


def test_the_value_model_begins_as_the_reward_model_and_scores_are_raw(
    new_actors: NewActors, new_run: NewRun, rollouts: list[Rollout]
) -> None:
    actors = new_actors()
    value_model = copy.deepcopy(actors.value_model)
    train_rl(config(num_steps=1), new_run({}), actors, PROMPTS)
    first = rollouts[0]
    with torch.no_grad():
        scores_B = value_model.rollout_scores(first)
    assert first.scores_B is not None
    torch.testing.assert_close(scores_B, first.scores_B, rtol=0, atol=1e-5)
    assert first.scores_B.std() > 1e-3


def test_everything_that_should_be_is_logged(new_actors: NewActors, new_run: NewRun) -> None:
    run = new_run({})
    settings = config(pretraining=PretrainingMixConfig(coef=1.0, max_tokens=16))
    train_rl(settings, run, new_actors(), PROMPTS, pretraining=documents(9))
    assert set(run.metrics()[0]) >= {
        "rollout/score", "rollout/score_std", "rollout/reward", "rollout/length", "rollout/end_rate", "rollout/entropy",
        "kl/reference", "kl/coef", "kl/old", "ppo/ratio_mean", "ppo/ratio_var", "ppo/clip_fraction", "ppo/policy_loss",
        "ppo/entropy", "value/loss", "value/clip_fraction", "value/explained_variance", "value/grad_norm",
        "rl/grad_norm", "rl/learning_rate", "ptx/loss",
    }  # fmt: skip


# ── what changes ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("algorithm", [PPO.Config(minibatch_size=8), REINFORCE.Config()])
def test_policy_and_value_model_change_and_nothing_else(new_actors: NewActors, new_run: NewRun, algorithm: Any) -> None:
    actors = new_actors()
    before = {name: weights(getattr(actors, name)) for name in ("policy", "reference", "reward_model", "value_model")}
    train_rl(config(algorithm=algorithm), new_run({}), actors, PROMPTS)
    assert changed(actors.policy, before["policy"]) == set(before["policy"])
    trained = {name for name, _ in actors.value_model.named_parameters()} if algorithm.type == "ppo" else set()
    assert changed(actors.value_model, before["value_model"]) == trained
    assert changed(actors.reference, before["reference"]) == set()
    assert changed(actors.reward_model, before["reward_model"]) == set()


def test_one_optimizer_step_per_minibatch_with_and_without_text(
    new_actors: NewActors, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, mix in (("plain", PretrainingMixConfig()), ("ptx", PretrainingMixConfig(coef=1.0, max_tokens=16))):
        steps: list[int] = []
        with monkeypatch.context() as patch:
            real = torch.optim.AdamW.step
            patch.setattr(torch.optim.AdamW, "step", lambda self, s=steps, r=real: (s.append(id(self)), r(self))[1])
            algorithm = PPO.Config(minibatch_size=8, num_epochs=2)
            settings = config(algorithm=algorithm, pretraining=mix, micro_tokens=60)
            train_rl(settings, new_run({}, name), new_actors(), PROMPTS, pretraining=documents(9))
        assert len(set(steps)) == 2
        assert [steps.count(one) for one in set(steps)] == [3 * 2 * 2] * 2


def trained(actors: Actors, run: Run, settings: RLConfig, **options: Any) -> dict[str, Tensor]:
    train_rl(settings, run, actors, PROMPTS, **options)
    return weights(actors.policy)


def test_no_weight_on_text_is_plain_ppo_bit_for_bit(new_actors: NewActors, new_run: NewRun) -> None:
    plain = trained(new_actors(), new_run({}, "plain"), config())
    mix = PretrainingMixConfig(coef=0.0, examples_per_episode=3)
    none = trained(new_actors(), new_run({}, "none"), config(pretraining=mix), pretraining=documents(9))
    assert_same(plain, none)
    mix = PretrainingMixConfig(coef=1.0, examples_per_episode=1, max_tokens=16)
    some = trained(new_actors(), new_run({}, "some"), config(pretraining=mix), pretraining=documents(9))
    assert any(not torch.equal(some[name], plain[name]) for name in plain)


def test_the_same_seed_is_the_same_run_and_another_is_not(new_actors: NewActors, new_run: NewRun) -> None:
    one = trained(new_actors(), new_run({}, "one"), config())
    assert_same(one, trained(new_actors(), new_run({}, "again"), config()))
    other = trained(new_actors(), new_run({}, "other", seed=1), config())
    assert any(not torch.equal(one[name], other[name]) for name in one)


# ── the reward ──────────────────────────────────────────────────────────────────────────────────────────────────────

ALGORITHMS = [PPO.Config(minibatch_size=16, num_epochs=2), REINFORCE.Config(baseline="mean")]


def mean_scores(run: Run) -> tuple[float, float]:
    scores = [row["rollout/score"] for row in run.metrics()]
    return sum(scores[:3]) / 3, sum(scores[-3:]) / 3


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda algorithm: algorithm.type)
def test_it_raises_a_known_reward(new_actors: NewActors, new_run: NewRun, algorithm: Any) -> None:
    run = new_run({})
    settings = config(
        algorithm=algorithm, num_steps=20, batch_size=32, micro_tokens=4096, learning_rate=1e-2,
        kl=KLConfig(coef=0.01),
    )  # fmt: skip
    train_rl(settings, run, new_actors(Lucky), PROMPTS)
    first, last = mean_scores(run)
    assert abs(first) < 0.5
    assert last > first + 0.5


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda algorithm: algorithm.type)
def test_at_no_learning_rate_it_does_not(new_actors: NewActors, new_run: NewRun, algorithm: Any) -> None:
    run = new_run({})
    settings = config(
        algorithm=algorithm, num_steps=20, batch_size=32, micro_tokens=4096, learning_rate=1e-12,
        kl=KLConfig(coef=0.01),
    )  # fmt: skip
    train_rl(settings, run, new_actors(Lucky), PROMPTS)
    first, last = mean_scores(run)
    assert abs(last - first) < 0.2


def test_the_kl_penalty_keeps_the_policy_near_its_reference(new_actors: NewActors, new_run: NewRun) -> None:
    last = {}
    for coef in (0.0, 1.0):
        run = new_run({}, f"kl-{coef}")
        settings = config(num_steps=15, batch_size=32, learning_rate=1e-2, kl=KLConfig(coef=coef))
        train_rl(settings, run, new_actors(Lucky), PROMPTS)
        last[coef] = run.metrics()[-1]["kl/reference"]
    assert last[0.0] > 1.0
    assert last[1.0] < 0.5 * last[0.0]


def test_a_response_that_did_not_end_has_exactly_the_configured_score(
    new_actors: NewActors, new_run: NewRun, rollouts: list[Rollout]
) -> None:
    actors = new_actors()
    settings = config(
        algorithm=PPO.Config(minibatch_size=64, missing_end_score=-1.5), batch_size=64, micro_tokens=4096,
        num_steps=1, kl=KLConfig(coef=0.3), sampling=Sampling(max_tokens=40),
    )  # fmt: skip
    train_rl(settings, new_run({}), actors, PROMPTS)
    first = rollouts[0]
    assert first.rewards_BT is not None
    assert first.scores_B is not None
    assert first.ref_logprobs_BT is not None
    drift_B = ((first.old_logprobs_BT - first.ref_logprobs_BT) * first.response_mask_BT).sum(dim=1)
    found_B = first.rewards_BT.sum(dim=1) + 0.3 * drift_B
    assert 0 < first.finished_B.sum() < 64
    torch.testing.assert_close(found_B[~first.finished_B], torch.full_like(found_B[~first.finished_B], -1.5))
    torch.testing.assert_close(found_B[first.finished_B], first.scores_B[first.finished_B])
    ends = [row[mask][-1] == actors.policy.chat.end_id for row, mask in zip(
        first.response_tokens_BT, first.response_mask_BT, strict=True)]  # fmt: skip
    assert [bool(end) for end in ends] == first.finished_B.tolist()


# ── the average and resuming ────────────────────────────────────────────────────────────────────────────────────────


def test_the_average_is_what_is_evaluated_and_shipped(
    new_actors: NewActors, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    actors, raw, seen = new_actors(), [], []
    name = "model.model.norm.weight"
    start = weights(actors.policy)[name]
    real = MovingAverage.observe

    def observe(self: MovingAverage) -> None:
        raw.append(weights(actors.policy)[name])
        real(self)

    def evaluate(policy: Policy, step: int) -> dict[str, float]:
        seen.append(weights(policy)[name])
        return {"eval/seen": float(step)}

    monkeypatch.setattr(MovingAverage, "observe", observe)
    train_rl(config(ema_decay=0.75, eval_every=1), new_run({}), actors, PROMPTS, evaluate=evaluate)
    average = start
    for step in range(3):
        average = 0.75 * average + 0.25 * raw[step]
        torch.testing.assert_close(seen[step], average, rtol=0, atol=1e-6)
    torch.testing.assert_close(weights(actors.policy)[name], average, rtol=0, atol=1e-6)
    assert not torch.allclose(raw[-1], average, rtol=0, atol=1e-5)


class Interrupted(Exception):
    """Stands in for a crash."""


def crash(policy: Policy, step: int) -> dict[str, float]:
    if step == 5:
        raise Interrupted
    return {}


def calm(policy: Policy, step: int) -> dict[str, float]:
    return {}


def test_a_resumed_run_has_its_average_and_its_coefficient_back(new_actors: NewActors, new_run: NewRun) -> None:
    settings = config(
        num_steps=7, save_every=2, eval_every=1, ema_decay=0.9,
        kl=KLConfig(coef=0.1, type="adaptive", target=0.01, horizon=50),
        pretraining=PretrainingMixConfig(coef=1.0, examples_per_episode=1, max_tokens=16),
    )  # fmt: skip
    options = {"pretraining": documents(9)}
    whole_run = new_run({}, "whole")
    whole = trained(new_actors(), whole_run, settings, evaluate=calm, **options)
    with pytest.raises(Interrupted):
        trained(new_actors(), new_run({}, "broken"), settings, evaluate=crash, **options)
    again = new_run({}, "broken")
    assert_same(trained(new_actors(), again, settings, evaluate=calm, **options), whole)
    assert again.notes == ["RL goes on after step 4"]
    assert again.metrics() == whole_run.metrics()
    assert len({row["kl/coef"] for row in whole_run.metrics()}) > 3


# ── adapters ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_with_adapters_the_reference_costs_nothing_and_stays(new_actors: NewActors, new_run: NewRun) -> None:
    settings = config(lora=LoRAConfig(rank=4), num_steps=6, learning_rate=1e-2, save_every=2, eval_every=1)
    whole_run, free = new_run({}, "whole"), replace(new_actors(), reference=None)
    whole = trained(free, whole_run, settings, evaluate=calm)
    kept_run = new_run({}, "kept")  # the same with a reference of its own
    assert_same(trained(new_actors(), kept_run, settings, evaluate=calm), whole)
    assert kept_run.metrics() == whole_run.metrics()
    assert abs(whole_run.metrics()[-1]["kl/reference"]) > 1e-3  # it has moved, and the reference has not
    assert set(whole) == set(weights(new_actors().policy))  # merged: a plain model again
    with pytest.raises(Interrupted):
        trained(replace(new_actors(), reference=None), new_run({}, "broken"), settings, evaluate=crash)
    again = new_run({}, "broken")
    assert_same(trained(replace(new_actors(), reference=None), again, settings, evaluate=calm), whole)


def test_layers_computed_again_change_no_weight(new_actors: NewActors, new_run: NewRun) -> None:
    kept = trained(new_actors(), new_run({}, "kept"), config())
    assert_same(trained(new_actors(), new_run({}, "again"), config(recompute=True)), kept)


def test_without_adapters_no_policy_is_its_own_reference(new_actors: NewActors, new_run: NewRun) -> None:
    with pytest.raises(ValueError, match="its own reference"):
        train_rl(config(), new_run({}), replace(new_actors(), reference=None), PROMPTS)


# ── health ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sound_run_writes_its_findings_down(new_actors: NewActors, new_run: NewRun) -> None:
    run = new_run({})
    train_rl(config(num_steps=1), run, new_actors(), PROMPTS)
    text = (run.directory / "health.json").read_text()
    assert text.count('"ok": true') >= 7
    assert '"ok": false' not in text


def test_fewer_responses_than_a_mean_needs_are_no_obstacle(new_actors: NewActors, new_run: NewRun) -> None:
    train_rl(config(num_steps=2, batch_size=3), new_run({}), new_actors(), PROMPTS)
    train_rl(config(num_steps=2, batch_size=1), new_run({}, "one"), new_actors(), PROMPTS)


def test_a_reference_that_is_another_model_is_found(new_actors: NewActors, new_run: NewRun) -> None:
    actors, run = new_actors(), new_run({})
    with torch.no_grad():
        actors.reference.model.model.norm.weight.mul_(1.3)
    with pytest.raises(UserError, match=r"'policy starts as the reference' failed: .*the reference is another model"):
        train_rl(config(), run, actors, PROMPTS)
    assert '"ok": false' in (run.directory / "health.json").read_text()


def test_dropout_is_found(new_run: NewRun, tmp_path: Path) -> None:
    path = write_model(tmp_path / "gpt2", "gpt2")
    reward_model = new_reward_model(path, generator(0, "head")).to("cpu")
    policy, reference = load_policy(path).to("cpu"), load_policy(path).to("cpu")
    train_rl(config(num_steps=1), new_run({}, "sound"), Actors(policy, reference, reward_model, reward_model), PROMPTS)
    policy = load_policy(path).to("cpu").train()
    for module in policy.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.3
    with pytest.raises(UserError, match=r"health check .* failed"):
        train_rl(config(), new_run({}), Actors(policy, reference, reward_model, reward_model), PROMPTS)


def test_a_reward_model_that_gives_no_number_is_found(new_actors: NewActors, new_run: NewRun) -> None:
    actors = new_actors()
    actors.reward_model.bias = math.nan
    with pytest.raises(UserError, match="'finite numbers' failed"):
        train_rl(config(), new_run({}), actors, PROMPTS)


def test_a_run_that_diverges_later_stops_and_keeps_its_checkpoints(new_actors: NewActors, new_run: NewRun) -> None:
    run = new_run({})
    with pytest.raises(UserError, match=r"is nan at step 3: the training has diverged"):
        train_rl(config(num_steps=9, save_every=1), run, new_actors(NoNumber), PROMPTS)
    kept = sorted(path.name for path in (run.directory / "checkpoints").iterdir())
    assert kept == ["step-000001", "step-000002"]
    assert [row["step"] for row in run.metrics()] == [1, 2]
