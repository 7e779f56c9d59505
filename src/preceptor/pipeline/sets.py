"""Prompts shared out to the stages. Importers split by user; here no prompt changes its split."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from preceptor.errors import UserError
from preceptor.pipeline.recipe import PromptsConfig
from preceptor.records import Prompt


@dataclass(frozen=True)
class PromptSets:
    """The four prompt sets (Ouyang et al. 2022, Table 6), split by user (section 3.2)."""

    sft: list[Prompt]
    """Train and valid."""
    reward: list[list[Prompt]]
    """Train and valid, one list each round."""
    rl: list[Prompt]
    """Train."""
    test: list[Prompt]


def share_out(prompts: Sequence[Prompt], sizes: PromptsConfig, seed: int, rounds: int) -> PromptSets:
    """Fill the sets in an order that only seed and ids decide. With too few prompts each set gets its proportion.

    Raises:
        UserError: a set stays empty.
    """
    order = sorted(prompts, key=lambda prompt: hashlib.sha256(f"{seed}\0{prompt.id}".encode()).digest())
    test = [prompt for prompt in order if prompt.split == "test"][: sizes.num_test]
    others = [prompt for prompt in order if prompt.split != "test"]
    wanted = {"sft": sizes.num_sft, **{f"reward-{number}": sizes.num_reward for number in range(rounds)}}
    share = min(1.0, len(others) / (sum(wanted.values()) + sizes.num_rl))
    filled, start = {}, 0
    for name, size in wanted.items():
        end = start + round(size * share)
        filled[name], start = others[start:end], end
    rl = [prompt for prompt in others[start:] if prompt.split == "train"][: sizes.num_rl]
    sets = {"test": test, "rl": rl, **filled}
    if empty := [name for name, rows in sets.items() if not rows]:
        raise UserError(
            f"{len(prompts)} prompts, {len(test)} of them in the test split, leave a set empty: {', '.join(empty)}",
            field="prompts",
            remedy="add prompts of more users, or ask for smaller sets",
        )
    return PromptSets(filled["sft"], [filled[f"reward-{number}"] for number in range(rounds)], rl, test)
