"""The reward model's training: what it learns, what it runs through the model, where its zero is."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from preceptor.errors import UserError
from preceptor.models.heads import RewardModel
from preceptor.models.load import load_reward_model, new_reward_model
from preceptor.models.save import save_reward_model
from preceptor.models.scoring import score_responses
from preceptor.ops.losses import ranking_loss
from preceptor.records import Demonstration, Ranking, Response
from preceptor.runs.run import Run
from preceptor.runs.seeding import generator
from preceptor.text.batches import RankingBatch
from preceptor.training.optim import OptimConfig
from preceptor.training.reward_model import RewardModelConfig, train_reward_model, usable_rankings
from tests.planted import TRAINING, demonstrations, prompts, rankings

NewRun = Callable[..., Run]
DEMONSTRATIONS = demonstrations(12)


def config(**settings: Any) -> RewardModelConfig:
    optim = OptimConfig(learning_rate=settings.pop("learning_rate", 1e-2))
    values = {"batch_size": 16, "micro_tokens": 4096, "max_tokens": 64, "precision": "float32", "optim": optim}
    return RewardModelConfig(**(values | settings))


@pytest.fixture
def reward_model(model_path: Path) -> RewardModel:
    return new_reward_model(model_path, generator(0, "head")).to("cpu")


def accuracy(reward_model: RewardModel, rows: list[Ranking]) -> float:
    """Share of pairs in the labeler's order, counted one by one."""
    right = count = 0
    for row in rows:
        items = [(row.prompt.messages, response) for response in row.responses]
        scores = score_responses(reward_model, items, precision="float32")
        for chosen, rejected in row.pairs():
            right, count = right + (scores[chosen] > scores[rejected]), count + 1
    return right / count


HELD_OUT = rankings(60, seed=9, first=700, prefers="kind")


def test_it_learns_a_planted_preference(reward_model: RewardModel, new_run: NewRun) -> None:
    before = accuracy(reward_model, HELD_OUT)
    rows = rankings(160, prefers="kind")
    facts = train_reward_model(config(), new_run({}), reward_model, rows, DEMONSTRATIONS)
    assert facts["num_steps"] == 10
    assert accuracy(reward_model, HELD_OUT) > 0.9
    assert before < 0.7


def test_it_learns_nothing_from_shuffled_labels(reward_model: RewardModel, new_run: NewRun) -> None:
    train_reward_model(config(), new_run({}), reward_model, rankings(160, prefers="shuffled"), DEMONSTRATIONS)
    assert accuracy(reward_model, HELD_OUT) < 0.7


def test_each_response_goes_through_the_model_once(
    reward_model: RewardModel, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[int, ...]] = []
    real = RewardModel.scores

    def counted(self: RewardModel, tokens_BL: Tensor, mask_BL: Tensor, prompts: Any = None) -> Tensor:
        if torch.is_grad_enabled():
            shown.extend(tuple(row[mask].tolist()) for row, mask in zip(tokens_BL, mask_BL, strict=True))
        return real(self, tokens_BL, mask_BL, prompts)

    monkeypatch.setattr(RewardModel, "scores", counted)
    rows = rankings(20)
    train_reward_model(config(micro_tokens=150), new_run({}), reward_model, rows, DEMONSTRATIONS)
    chat = reward_model.chat
    expected = [
        tuple(chat.prompt(row.prompt.messages) + chat.response(response.text))
        for row in rows
        for response in row.responses
    ]
    assert sorted(shown) == sorted(expected)
    assert len(shown) == 4 * 20


def test_the_step_is_that_of_a_loop_over_pairs(reward_model: RewardModel) -> None:
    # Eq. 1: per prompt 1/C(K,2) · Σ −log σ(s_w − s_l), the mean over prompts; 2·2 of 6 pairs are untied
    rows = rankings(5)
    batch, _ = RankingBatch.of(rows, reward_model.chat, 64)
    scores_B = reward_model.scores(batch.tokens_BL, batch.token_mask_BL)
    loss, _, num_pairs = ranking_loss(scores_B, batch.ranking_id_B, batch.rank_B, pair_weight="all")
    naive, count = 0.0, 0
    for row, scores in zip(rows, scores_B.view(5, 4).tolist(), strict=True):
        for chosen, rejected in row.pairs():
            naive, count = naive + math.log1p(math.exp(scores[rejected] - scores[chosen])) / 6, count + 1
    assert int(num_pairs) == count == 20
    assert float(loss.detach()) == pytest.approx(naive, abs=1e-5)


def first_step(model_path: Path, run: Run, **settings: Any) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Weights and metrics after one step of SGD-like size on 16 rankings."""
    model = new_reward_model(model_path, generator(0, "head")).to("cpu")
    shift = settings.pop("shift", 0.0)
    model.bias = shift
    train_reward_model(config(**settings), run, model, rankings(16), DEMONSTRATIONS)
    return {name: weight.detach() for name, weight in model.named_parameters()}, run.metrics()[0]


@pytest.mark.parametrize("size", [1, 150, 400])
def test_the_split_into_micro_batches_changes_nothing(model_path: Path, new_run: NewRun, size: int) -> None:
    whole, metrics = first_step(model_path, new_run({}, "whole"))
    parts, same = first_step(model_path, new_run({}, "parts"), micro_tokens=size)
    for name, weight in whole.items():
        torch.testing.assert_close(parts[name], weight, rtol=0, atol=2e-5, msg=lambda m, n=name: f"{n}: {m}")
    assert same == pytest.approx(metrics, abs=1e-5)


def test_a_constant_added_to_all_scores_changes_nothing(model_path: Path, new_run: NewRun) -> None:
    plain, metrics = first_step(model_path, new_run({}, "plain"))
    shifted, same = first_step(model_path, new_run({}, "shifted"), shift=0.5)
    for name, weight in plain.items():
        torch.testing.assert_close(shifted[name], weight, rtol=0, atol=2e-5)
    assert same == pytest.approx(metrics, abs=1e-5)


def mean_score(reward_model: RewardModel, rows: list[Demonstration]) -> float:
    scores = score_responses(reward_model, [(row.prompt.messages, row.response) for row in rows], precision="float32")
    return sum(scores) / len(scores)


def test_demonstrations_score_zero_after_training_and_after_loading(
    reward_model: RewardModel, new_run: NewRun, tmp_path: Path
) -> None:
    facts = train_reward_model(config(), new_run({}), reward_model, rankings(64), DEMONSTRATIONS)
    assert abs(facts["bias_shift"]) > 1e-3
    assert abs(mean_score(reward_model, DEMONSTRATIONS)) < 1e-5
    save_reward_model(reward_model, tmp_path / "model", {})
    assert abs(mean_score(load_reward_model(tmp_path / "model").to("cpu"), DEMONSTRATIONS)) < 1e-5


def test_all_weights_train(model_path: Path, new_run: NewRun) -> None:
    before = new_reward_model(model_path, generator(0, "head")).to("cpu")
    after, _ = first_step(model_path, new_run({}))
    unchanged = {name for name, weight in before.named_parameters() if torch.equal(weight, after[name])}
    assert unchanged == set()


def ranking(name: str, *texts: str, groups: tuple[tuple[str, ...], ...]) -> Ranking:
    responses = tuple(Response(id=one, text=text) for one, text in zip("ABCDEFGHI", texts, strict=False))
    return Ranking(id=name, prompt=prompts(1)[0], responses=responses, groups=groups, labeler=TRAINING)


def test_what_forms_no_pair_is_counted_and_harms_nothing(reward_model: RewardModel, new_run: NewRun) -> None:
    rows = [
        ranking("tied", "dear", "fool", groups=(("A", "B"),)),
        ranking("same", "dear", "dear", groups=(("A",), ("B",))),
        ranking("long", "dear", "fool " * 70, groups=(("A",), ("B",))),
        ranking("merged", "dear", "dear", "fool", groups=(("A", "B"), ("C",))),
    ]
    facts = train_reward_model(config(micro_tokens=1), new_run({}), reward_model, [*rows, *rankings(8)], DEMONSTRATIONS)
    assert facts["num_rankings"] == 9
    assert facts["dropped"]["ranking without an untied pair"] == 3
    assert facts["dropped"]["response longer than max_tokens"] == 1
    assert facts["dropped"]["identical response merged"] == 2
    assert facts["dropped"]["identical responses ranked apart"] == 1


def test_a_ranking_of_two_alone_in_its_micro_batch(reward_model: RewardModel, new_run: NewRun) -> None:
    run = new_run({})
    train_reward_model(
        config(micro_tokens=1),
        run,
        reward_model,
        [ranking("two", "a", "b", groups=(("B",), ("A",)))],
        DEMONSTRATIONS,
    )
    assert set(run.metrics()[0]) >= {"reward_model/loss", "reward_model/accuracy", "reward_model/score_std"}


@pytest.mark.parametrize("num", [2, 3, 9])
def test_rankings_of_any_number_of_responses(reward_model: RewardModel, new_run: NewRun, num: int) -> None:
    names = "ABCDEFGHI"[:num]
    rows = [ranking("any", *(f"dear {'red ' * n}cat" for n in range(num)), groups=tuple((name,) for name in names))]
    facts = train_reward_model(config(), new_run({}), reward_model, rows, DEMONSTRATIONS)
    assert facts["num_rankings"] == 1


def test_what_is_longer_than_the_context_is_dropped_whatever_max_tokens_says(
    reward_model: RewardModel, new_run: NewRun
) -> None:
    rows = [ranking("long", "dear", "fool " * 70, "fool", groups=(("A",), ("B",), ("C",))), *rankings(4)]
    long = DEMONSTRATIONS[0].model_copy(update={"id": "long", "response": "dear " * 70})
    facts = train_reward_model(config(max_tokens=2000), new_run({}), reward_model, rows, [*DEMONSTRATIONS, long])
    assert facts["dropped"]["response longer than max_tokens"] == 1
    assert facts["dropped"]["demonstration too long to fix the zero"] == 1


def test_nothing_to_train_on_or_no_zero_is_said(reward_model: RewardModel, new_run: NewRun) -> None:
    tied = [ranking("tied", "dear", "fool", groups=(("A", "B"),))]
    with pytest.raises(UserError, match="no ranking has an untied pair"):
        train_reward_model(config(), new_run({}), reward_model, tied, DEMONSTRATIONS)
    with pytest.raises(UserError, match="scores have no zero"):
        train_reward_model(config(), new_run({}, "other"), reward_model, rankings(4), [])


def test_usable_rankings_are_those_that_the_batch_keeps(reward_model: RewardModel) -> None:
    rows = rankings(10)
    usable, dropped = usable_rankings(rows, reward_model.chat, 64)
    assert usable == rows
    assert dropped == {}
