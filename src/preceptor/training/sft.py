"""Supervised fine-tuning on demonstrations (Ouyang et al. 2022, section 3.5 and appendix C)."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from pydantic import Field

from preceptor.config import BaseConfig
from preceptor.errors import UserError
from preceptor.models.adapters import LoRAConfig, add_adapters, merge_adapters
from preceptor.models.forward import set_recompute
from preceptor.models.load import set_dropout
from preceptor.models.policy import Policy
from preceptor.models.precision import Precision, autocast
from preceptor.records import Demonstration, Document, Message
from preceptor.runs.run import Run
from preceptor.runs.seeding import seed_everything_for_step
from preceptor.text.batches import SFTBatch, pack, token_parts
from preceptor.text.chat import Chat
from preceptor.training.optim import BestWeights, OptimConfig, apply_gradients, build_optimizer, learning_rate
from preceptor.training.stream import Stream

Example = tuple[list[int], list[bool]]
"""Tokens of one conversation, and which of them are learned."""


class SFTConfig(BaseConfig):
    """Supervised fine-tuning."""

    num_epochs: float = Field(default=16, gt=0)
    """Passes over the demonstrations. The paper trains for 16 and chooses the checkpoint by reward-model score."""
    batch_size: int = Field(default=32, ge=1)
    """Demonstrations per optimiser step."""
    max_tokens: int = Field(default=2048, ge=8)
    """Length of a packed row; a longer conversation is dropped and counted."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Residual dropout while training (0.2 in the paper), where the architecture has it."""
    pretraining_share: float = Field(default=0.0, ge=0, lt=1)
    """Share of each batch that is pretraining text (0.1 in the paper for PPO's initial policy)."""
    micro_tokens: int = Field(default=4096, ge=1)
    """Tokens per forward pass, about; changes memory, not results."""
    recompute: bool = False
    """Keep only what enters each layer and compute the rest again in the backward pass: less memory, a third slower."""
    lora: LoRAConfig = LoRAConfig()
    """Train adapters instead of all weights."""
    optim: OptimConfig = OptimConfig()
    """Optimiser and schedule."""
    precision: Precision = "auto"
    """Arithmetic of the forward pass: float32, bfloat16, or auto (bfloat16 where the hardware multiplies it faster)."""
    save_every: int = Field(default=50, ge=1)
    """Steps between checkpoints."""


def encode(
    demonstrations: Sequence[Demonstration], chat: Chat, max_tokens: int, max_context: int | None = None
) -> tuple[list[Example], dict[str, int]]:
    """Tokens and loss masks of whole conversations; those longer than `max_tokens` are dropped and counted."""
    examples = []
    for row in demonstrations:
        examples.append(chat.conversation((*row.prompt.messages, Message(role="assistant", content=row.response))))
    short = [example for example in examples if len(example[0]) <= max_tokens]
    kept = [example for example in short if len(example[0]) <= (max_context or max_tokens)]
    counts = {
        "conversation longer than max_tokens": len(examples) - len(short),
        "conversation longer than the model's context": len(short) - len(kept),
    }
    return kept, {reason: count for reason, count in counts.items() if count}


def encode_documents(documents: Sequence[Document], chat: Chat, max_tokens: int) -> list[Example]:
    """Pretraining text, every token learned, cut into pieces of at most `max_tokens`."""
    pieces = []
    for document in documents:
        tokens = chat.document(document.text)
        pieces += [tokens[i : i + max_tokens] for i in range(0, len(tokens), max_tokens)]
    return [(piece, [True] * len(piece)) for piece in pieces if len(piece) > 1]


def train_sft(
    config: SFTConfig,
    run: Run,
    policy: Policy,
    train: Sequence[Demonstration],
    valid: Sequence[Demonstration],
    *,
    pretraining: Sequence[Document] = (),
    score: Callable[[Policy], float] | None = None,
) -> Mapping[str, Any]:
    """Fine-tune `policy` in place, and leave the best epoch's weights in it.

    The epoch is chosen by `score` (mean reward-model score of samples, as in the paper) when it is given, by
    validation loss otherwise. Returns counts of dropped rows and what was chosen.

    Raises:
        UserError: no demonstration fits into `max_tokens`.
    """
    max_tokens = min(config.max_tokens, policy.max_context or config.max_tokens)
    examples, dropped = encode(train, policy.chat, config.max_tokens, policy.max_context)
    held_out, held_out_dropped = encode(valid, policy.chat, config.max_tokens, policy.max_context)
    _refuse_none(examples, train, dropped, "train on")
    _refuse_none(held_out, valid, held_out_dropped, "validate with")
    documents = encode_documents(pretraining, policy.chat, max_tokens)
    num_positions = max(1, round(config.num_epochs * len(examples)))
    num_steps = math.ceil(num_positions / config.batch_size)
    steps_per_epoch = math.ceil(len(examples) / config.batch_size)
    num_documents = (
        round(config.batch_size * config.pretraining_share / (1 - config.pretraining_share)) if documents else 0
    )

    set_dropout(policy.model, config.dropout)
    set_recompute(policy.model, config.recompute)
    add_adapters(policy, config.lora, run.rng("adapters"))
    optimizer = build_optimizer(policy, config.optim)
    best = BestWeights(policy)
    state = run.state(policy=policy, optimizer=optimizer, best=best)
    order = Stream(len(examples), run.seed, "sft")
    text_order = Stream(len(documents), run.seed, "sft-pretraining") if num_documents else None
    for step in run.steps(num_steps, state, label="SFT"):
        rows = order.take(examples, step, config.batch_size, last=num_positions)
        if text_order is not None:
            rows += text_order.take(documents, step, num_documents)
        policy.train()
        with seed_everything_for_step(run.seed, step):
            loss = accumulate(config, policy, rows)
        rate = learning_rate(step, num_steps, config.optim)
        norm = apply_gradients(optimizer, rate, config.optim.max_grad_norm)
        run.log(step, {"sft/loss": loss, "sft/grad_norm": norm, "sft/learning_rate": rate})
        if step % steps_per_epoch == 0 or step == num_steps:
            policy.eval()
            metrics = {"sft/valid_loss": mean_nll(policy, held_out, max_tokens, config.precision)}
            if score is not None:
                metrics["sft/valid_score"] = score(policy)
            best.offer(metrics.get("sft/valid_score", -metrics["sft/valid_loss"]), step)
            run.log(step, metrics)
        if run.every(config.save_every, step):
            run.save(step)
    best.restore()
    merge_adapters(policy)
    set_recompute(policy.model, False)
    policy.eval()
    set_dropout(policy.model, 0.0)
    return {
        "num_steps": num_steps,
        "chosen_step": best.step,
        "chosen_by": "validation loss" if score is None else "reward-model score",
        "chosen_value": best.value,
        "dropped": {"train": dropped, "valid": held_out_dropped},
    }


def _refuse_none(
    examples: Sequence[Example], rows: Sequence[Demonstration], dropped: Mapping[str, int], what: str
) -> None:
    if not examples:
        counted = "".join(f", {number} dropped: {reason}" for reason, number in dropped.items())
        raise UserError(
            f"no demonstration to {what} ({len(rows)} given{counted})",
            field="sft.max_tokens",
            remedy="add demonstrations of more users, of which some become the validation set, or raise max_tokens",
        )


def accumulate(config: SFTConfig, policy: Policy, examples: Sequence[Example]) -> float:
    """Gradient of the mean loss per learned token, about `micro_tokens` at a time; returns that loss in nats."""
    parts = _parts(examples, config.max_tokens, config.micro_tokens)
    num_tokens = sum(int(batch.is_learned_N.sum()) for batch in parts)
    total = 0.0
    for batch in parts:
        with autocast(config.precision):
            nll, _ = policy.nll(batch)
        (nll / num_tokens).backward()
        total += float(nll.detach())
    return total / num_tokens


def _parts(examples: Sequence[Example], max_tokens: int, micro_tokens: int) -> list[SFTBatch]:
    parts = token_parts([len(tokens) for tokens, _ in examples], micro_tokens)
    return [pack([examples[i] for i in part], max_tokens=max_tokens) for part in parts]


@torch.no_grad()
def mean_nll(
    policy: Policy, examples: Sequence[Example], max_tokens: int, precision: Precision, micro_tokens: int = 8192
) -> float:
    """Mean negative log-likelihood per learned token, in nats."""
    total, count = 0.0, 0
    for batch in _parts(examples, max_tokens, micro_tokens):
        with autocast(precision):
            total_nll, num_tokens = policy.nll(batch)
        total, count = total + float(total_nll), count + int(num_tokens)
    return total / count
