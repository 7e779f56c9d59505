"""The reward model: Bradley–Terry on rankings of any K (Ouyang et al. 2022, section 3.5, Eq. 1, and appendix C.2)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from preceptor.config import BaseConfig
from preceptor.errors import UserError
from preceptor.models.adapters import LoRAConfig, add_adapters, merge_adapters
from preceptor.models.forward import max_context, set_recompute
from preceptor.models.heads import RewardModel
from preceptor.models.precision import Precision, autocast
from preceptor.models.scoring import score_responses
from preceptor.ops.losses import ranking_loss
from preceptor.records import Demonstration, Ranking
from preceptor.runs.run import Run
from preceptor.text.batches import RankingBatch, token_parts
from preceptor.text.chat import Chat
from preceptor.training.optim import OptimConfig, apply_gradients, build_optimizer, learning_rate
from preceptor.training.stream import Stream


class RewardModelConfig(BaseConfig):
    """Training of the reward model."""

    num_epochs: float = Field(default=1, gt=0)
    """Passes over the rankings. More than one overfits (Ouyang et al. 2022, appendix C.2)."""
    batch_size: int = Field(default=64, ge=1)
    """Rankings (prompts with all their K responses) per optimiser step."""
    micro_tokens: int = Field(default=4096, ge=1)
    """Tokens per forward pass, about; changes memory, not results."""
    max_tokens: int = Field(default=2048, ge=8)
    """Longest prompt + response; a ranking with a longer one loses that response, which is counted."""
    pair_weight: Literal["all", "untied"] = "all"
    """A ranking's loss is divided by all its C(K,2) pairs, as Eq. 1 is written, or by its untied ones."""
    recompute: bool = False
    """Keep only what enters each layer and compute the rest again in the backward pass: less memory, a third slower."""
    lora: LoRAConfig = LoRAConfig()
    """Train adapters instead of all weights."""
    optim: OptimConfig = OptimConfig(learning_rate=9e-6)
    """Optimiser and schedule."""
    precision: Precision = "auto"
    """Arithmetic of the forward pass: float32, bfloat16, or auto."""
    save_every: int = Field(default=20, ge=1)
    """Steps between checkpoints."""


def train_reward_model(
    config: RewardModelConfig,
    run: Run,
    reward_model: RewardModel,
    rankings: Sequence[Ranking],
    demonstrations: Sequence[Demonstration],
) -> Mapping[str, Any]:
    """Train in place on rankings, then shift the bias so that demonstrations score 0 on average.

    All pairs of a prompt are one batch element and each response is run once. Identical responses are merged, ties
    are dropped here and nowhere earlier. Returns counts of all that did not become a pair.

    Raises:
        UserError: no ranking has an untied pair.
    """
    max_tokens = min(config.max_tokens, max_context(reward_model.model) or config.max_tokens)
    usable, dropped = usable_rankings(rankings, reward_model.chat, max_tokens)
    if not usable:
        raise UserError(
            f"no ranking has an untied pair of responses that fit into {max_tokens} tokens ({dropped})",
            field="reward_model.max_tokens",
            remedy="add rankings that prefer one response to another, or raise max_tokens",
        )
    num_positions = max(1, round(config.num_epochs * len(usable)))
    num_steps = math.ceil(num_positions / config.batch_size)
    set_recompute(reward_model.model, config.recompute)
    add_adapters(reward_model, config.lora, run.rng("adapters"))
    optimizer = build_optimizer(reward_model, config.optim)
    state = run.state(reward_model=reward_model, optimizer=optimizer)
    order = Stream(len(usable), run.seed, "reward-model")
    reward_model.eval()  # dropout stays off: the score is also PPO's reward
    for step in run.steps(num_steps, state, label="Reward model"):
        rows = order.take(usable, step, config.batch_size, last=num_positions)
        metrics = accumulate(config, reward_model, rows, max_tokens)
        rate = learning_rate(step, num_steps, config.optim)
        norm = apply_gradients(optimizer, rate, config.optim.max_grad_norm)
        run.log(step, metrics | {"reward_model/grad_norm": norm, "reward_model/learning_rate": rate})
        if run.every(config.save_every, step):
            run.save(step)
    merge_adapters(reward_model)
    set_recompute(reward_model.model, False)
    shift, num_long = shift_bias(reward_model, demonstrations, max_tokens)
    dropped |= {"demonstration too long to fix the zero": num_long} if num_long else {}
    return {"num_steps": num_steps, "num_rankings": len(usable), "bias_shift": shift, "dropped": dropped}


def usable_rankings(rankings: Sequence[Ranking], chat: Chat, max_tokens: int) -> tuple[list[Ranking], dict[str, int]]:
    """Rankings that form a pair once long responses are left out and identical ones merged; and counts of the rest."""
    usable: list[Ranking] = []
    dropped = {"ranking without an untied pair": 0}
    for ranking in rankings:
        batch, counts = RankingBatch.of([ranking], chat, max_tokens)
        for reason, count in counts.items():
            dropped[reason] = dropped.get(reason, 0) + count
        if len(batch.rank_B.unique()) > 1:
            usable.append(ranking)
        else:
            dropped["ranking without an untied pair"] += 1
    return usable, {reason: count for reason, count in dropped.items() if count}


def accumulate(
    config: RewardModelConfig, reward_model: RewardModel, rankings: Sequence[Ranking], max_tokens: int
) -> dict[str, float]:
    """Gradients of the mean loss over rankings, about `micro_tokens` at a time; and the batch's metrics."""
    whole, _ = RankingBatch.of(rankings, reward_model.chat, max_tokens)
    total_loss = total_correct = 0.0
    total_pairs = 0
    scores: list[Tensor] = []
    for part in token_parts(whole.sizes, config.micro_tokens):
        batch = whole.select(part)
        with autocast(config.precision):
            scores_B = reward_model.scores(batch.tokens_BL, batch.token_mask_BL, batch.prompts).float()
        loss, correct, num_pairs = ranking_loss(
            scores_B, batch.ranking_id_B, batch.rank_B, pair_weight=config.pair_weight
        )
        (loss / len(rankings)).backward()
        total_loss += float(loss.detach())
        total_correct += float(correct)
        total_pairs += int(num_pairs)
        scores.append(scores_B.detach())
    return {
        "reward_model/loss": total_loss / len(rankings),
        "reward_model/accuracy": total_correct / total_pairs,
        "reward_model/score_std": float(torch.cat(scores).std(correction=0)),
    }


@torch.no_grad()
def shift_bias(
    reward_model: RewardModel, demonstrations: Sequence[Demonstration], max_tokens: int
) -> tuple[float, int]:
    """Move the bias so that the labelers' demonstrations have mean score 0 (Ouyang et al. 2022, appendix C.2).

    Returns the shift, and the number of demonstrations left out because they are longer than `max_tokens`.

    Raises:
        UserError: no demonstration is left.
    """
    chat = reward_model.chat
    fitting = [
        row
        for row in demonstrations
        if len(chat.prompt(row.prompt.messages) + chat.response(row.response)) <= max_tokens
    ]
    if not fitting:
        raise UserError(
            f"none of {len(demonstrations)} demonstrations fits into {max_tokens} tokens, so scores have no zero",
            field="reward_model.max_tokens",
            remedy="add demonstrations, or raise max_tokens",
        )
    scores = score_responses(
        reward_model, [(row.prompt.messages, row.response) for row in fitting], precision="float32"
    )
    mean = sum(scores) / len(scores)
    reward_model.bias = reward_model.bias - mean
    return -mean, len(demonstrations) - len(fitting)
