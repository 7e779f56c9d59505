"""Models to Hugging Face directories: weights, tokenizer, chat template, lineage and card, all of it or nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel

from preceptor.errors import UserError
from preceptor.models.card import model_card
from preceptor.models.heads import RewardModel
from preceptor.models.policy import Policy
from preceptor.models.quiet import quiet
from preceptor.runs.disk import folder_written_aside


def save_policy(policy: Policy, path: Path, lineage: Mapping[str, Any] | BaseModel, card: str | None = None) -> None:
    """Write what `AutoModelForCausalLM` and `AutoTokenizer` read, with `lineage.json` and a model card beside it.

    Raises:
        UserError: a weight is NaN or infinite (nothing is written), or the disk is full.
    """
    _save(policy, path, lineage, card)


def save_reward_model(
    reward_model: RewardModel, path: Path, lineage: Mapping[str, Any] | BaseModel, card: str | None = None
) -> None:
    """Write what `AutoModelForSequenceClassification` reads; its score + `config.reward_bias` is ours.

    Raises:
        UserError: a weight is NaN or infinite (nothing is written), or the disk is full.
    """
    reward_model.model.config.reward_bias = reward_model.bias
    _save(reward_model, path, lineage, card)


def _save(actor: Policy | RewardModel, path: Path, lineage: Mapping[str, Any] | BaseModel, card: str | None) -> None:
    _refuse_nan(actor, path)
    facts = lineage.model_dump(mode="json") if isinstance(lineage, BaseModel) else dict(lineage)
    path.parent.mkdir(parents=True, exist_ok=True)
    with folder_written_aside(path) as aside, quiet():
        actor.model.save_pretrained(aside)
        actor.chat.tokenizer.save_pretrained(aside)
        (aside / "lineage.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        (aside / "README.md").write_text(card or model_card(path.name, facts, actor), encoding="utf-8")


def _refuse_nan(actor: Policy | RewardModel, path: Path) -> None:
    for name, parameter in actor.model.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise UserError(
                "the weights hold NaN or infinity and are not saved",
                file=path,
                field=name,
                remedy="lower the learning rate, or go on from an earlier checkpoint",
            )
