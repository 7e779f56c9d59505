"""Model cards: what a model is, what it was made from, how good it is, and what it is not for."""

from collections.abc import Mapping
from typing import Any

import yaml

KINDS = {
    "sft": "a policy fine-tuned on demonstrations",
    "ppo": "a policy trained by PPO against a reward model",
    "ppo_ptx": "a policy trained by PPO against a reward model, with pretraining text mixed in",
    "reinforce": "a policy trained by REINFORCE against a reward model",
    "reward_model": "a reward model: one score per response, from Bradley–Terry on labelers' rankings",
    "base": "a base model, trained to continue text",
}


def model_card(name: str, lineage: Mapping[str, Any], actor: Any) -> str:
    """The README of a model directory, from its lineage."""
    kind = str(lineage.get("kind", "model"))
    is_reward = hasattr(actor, "bias")
    num_parameters = sum(parameter.numel() for parameter in actor.parameters())
    front = {
        "library_name": "transformers",
        "pipeline_tag": "text-classification" if is_reward else "text-generation",
        "tags": ["preceptor", "rlhf", kind.replace("_", "-")],
    }
    sections = [
        f"---\n{yaml.safe_dump(front, sort_keys=False)}---",
        f"# {lineage.get('name', name)}",
        f"This is {KINDS.get(kind, f'a model of kind {kind!r}')}, made with Preceptor {lineage.get('version', '')}. "
        f"Architecture: {actor.model.config.model_type}, {num_parameters:,} parameters.",
        "## How to use it\n\n" + (_USE_REWARD if is_reward else _USE_POLICY),
        "## What it was made from\n\n" + _made_from(lineage),
    ]
    if metrics := lineage.get("metrics"):
        sections.append("## Measured\n\n" + _table(metrics))
    sections.append("## Chat\n\n" + _chat(actor.chat))
    sections.append("## Limits\n\n" + (_LIMITS_REWARD if is_reward else _LIMITS_POLICY))
    return "\n\n".join(sections) + "\n"


_USE_POLICY = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModelForCausalLM.from_pretrained(path)
messages = [{"role": "user", "content": "…"}]
inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=100)[0]))
```"""

_USE_REWARD = """```python
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModelForSequenceClassification.from_pretrained(path)
score = model(**tokenized_prompt_and_response).logits[0, 0] + model.config.reward_bias
```"""

_LIMITS_POLICY = (
    "It follows the wishes of the labelers whose judgements it was trained on, on prompts like theirs. It can state "
    "falsehoods and do harm when asked to. Judge it on your own prompts before you rely on it."
)

_LIMITS_REWARD = (
    "It scores responses by policies like those whose responses were ranked, to prompts like those ranked. Far from "
    "them, and under strong optimisation against it, its score and what people want come apart. Scores of different "
    "prompts are not comparable."
)


def _made_from(lineage: Mapping[str, Any]) -> str:
    lines = [f"- parent `{parent}`" for parent in lineage.get("parents", ())] or ["- no recorded parents"]
    lines += [f"- {key}: {lineage[key]}" for key in ("seed", "version", "commit") if lineage.get(key) is not None]
    if lineage.get("forced"):
        lines.append(f"- **the gate was forced**: {lineage['forced']}")
    return "\n".join([*lines, "", "`lineage.json` has the whole recipe."])


def _table(metrics: Mapping[str, Any]) -> str:
    rows = ["| what | value |", "|---|---|"]
    for name, value in metrics.items():
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        rows.append(f"| {name} | {shown.replace('|', '/')} |")
    return "\n".join(rows)


def _chat(chat: Any) -> str:
    lines = [f"The assistant's turn ends with token {chat.end_id}; padding is token {chat.pad_id}."]
    return "\n".join([*lines, *(f"- {note}" for note in chat.notes)])
