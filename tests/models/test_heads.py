"""Scores: where they are read, what moves them and what does not."""

import copy
from pathlib import Path

import pytest
import torch

from preceptor.models.heads import RewardModel, init_head
from preceptor.models.load import new_reward_model
from preceptor.models.precision import autocast
from preceptor.models.scoring import score_responses
from preceptor.records import Message
from preceptor.text.batches import pad_right
from tests.models.test_policy import rollout_of, rows
from tests.tiny import ARCHITECTURES, write_model


@pytest.fixture(params=ARCHITECTURES, scope="module")
def reward_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RewardModel:
    path = write_model(tmp_path_factory.mktemp("rm") / "model", request.param)
    return new_reward_model(path, torch.Generator().manual_seed(0))


@torch.no_grad()
def test_padding_on_either_side_moves_no_score(reward_model: RewardModel) -> None:
    rollout = rollout_of(rows(), reward_model)
    scores_B = reward_model.rollout_scores(rollout)
    real = [rollout.tokens_BL[b][rollout.token_mask_BL[b]].tolist() for b in range(len(rollout))]
    assert torch.allclose(reward_model.scores(*pad_right(real, reward_model.chat.pad_id)), scores_B, atol=1e-5)
    more = [[*row] for row in real]
    tokens_BL, mask_BL = pad_right([*more, [1] * 60], reward_model.chat.pad_id)
    assert torch.allclose(reward_model.scores(tokens_BL, mask_BL)[:-1], scores_B, atol=1e-5)
    for b, row in enumerate(real):
        alone = reward_model.scores(torch.tensor([row]), torch.ones(1, len(row), dtype=torch.bool))
        assert alone.item() == pytest.approx(scores_B[b].item(), abs=1e-5)
    assert scores_B.std() > 1e-3


@torch.no_grad()
def test_values_are_read_before_each_token(reward_model: RewardModel) -> None:
    pairs = rows()
    rollout = rollout_of(pairs, reward_model)
    values_BT = reward_model.values(rollout)
    for b, (prompt, response) in enumerate(pairs):
        for t in range(len(response)):
            seen = torch.tensor([prompt + response[:t]])
            expected = reward_model.scores(seen, torch.ones_like(seen, dtype=torch.bool))
            assert values_BT[b, t].item() == pytest.approx(expected.item(), abs=1e-5)
    assert (values_BT[~rollout.response_mask_BT] == 0).all()


def test_a_response_without_a_prompt_has_no_first_state(reward_model: RewardModel) -> None:
    with pytest.raises(ValueError, match="no state before its first token"):
        reward_model.values(rollout_of([([], [5, 6])], reward_model))


def test_the_bias_is_added_survives_copies_and_does_not_train(reward_model: RewardModel) -> None:
    rollout = rollout_of(rows(4), reward_model)
    other = copy.deepcopy(reward_model)
    other.bias = 2.5
    assert torch.allclose(other.rollout_scores(rollout), reward_model.rollout_scores(rollout) + 2.5, atol=1e-5)
    assert reward_model.bias == 0.0
    third = copy.deepcopy(reward_model)
    third.load_state_dict(other.state_dict())
    assert third.bias == 2.5
    assert not any("bias" in name.split(".")[0] for name, _ in other.named_parameters())


def test_everything_in_the_reward_model_trains(reward_model: RewardModel) -> None:
    model = copy.deepcopy(reward_model)
    model.rollout_scores(rollout_of(rows(), model)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_head_initialisation_has_the_right_width() -> None:
    head = torch.nn.Linear(4095, 1)
    init_head(head, torch.Generator().manual_seed(0))
    assert head.weight.std().item() == pytest.approx(1 / 64, rel=0.05)
    assert head.bias.item() == 0.0
    same = torch.nn.Linear(4095, 1)
    init_head(same, torch.Generator().manual_seed(0))
    assert torch.equal(head.weight, same.weight)


@torch.no_grad()
def test_scores_are_fp32_under_autocast(reward_model: RewardModel) -> None:
    rollout = rollout_of(rows(), reward_model)
    with autocast("bfloat16"):
        scores_B = reward_model.rollout_scores(rollout)
    assert scores_B.dtype == torch.float32
    assert not torch.equal(scores_B.bfloat16().float(), scores_B)


@torch.no_grad()
def test_no_rows_no_scores(reward_model: RewardModel) -> None:
    assert reward_model.scores(*pad_right([], 0)).shape == (0,)


def test_scoring_texts_keeps_their_order(reward_model: RewardModel) -> None:
    prompt = [Message(role="user", content="What is a moon?")]
    items = [(prompt, text) for text in ("A moon goes around a planet.", "A moon.", "No idea what that is.", "No")]
    together = score_responses(reward_model, items, precision="float32", micro_tokens=40)
    apart = [score_responses(reward_model, [item], precision="float32")[0] for item in items]
    assert together == pytest.approx(apart, abs=1e-5)
    assert len(set(together)) == 4


def test_a_reward_model_of_an_unsuitable_architecture(tmp_path: Path) -> None:
    from transformers import CodeGenConfig

    from preceptor.errors import UserError
    from tests.tiny import byte_tokenizer

    config = CodeGenConfig(vocab_size=340, n_embd=32, n_layer=1, n_head=4, n_positions=64, rotary_dim=4)
    path = write_model(tmp_path / "codegen", "codegen", byte_tokenizer(), config)
    with pytest.raises(UserError, match="cannot become a reward model"):
        new_reward_model(path, torch.Generator())
