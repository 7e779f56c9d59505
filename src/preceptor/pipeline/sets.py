"""Prompts shared out to the stages, user by user: no user is on both sides of a split."""

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
    """train and valid"""
    reward: list[list[Prompt]]
    """train and valid, one list each round"""
    rl: list[Prompt]
    """train"""
    test: list[Prompt]


def share_out(prompts: Sequence[Prompt], sizes: PromptsConfig, seed: int, rounds: int) -> PromptSets:
    """Fill the sets from shuffled users. With fewer prompts than asked for, each set gets its proportion.

    Raises:
        UserError: too few prompts or users to fill four sets.
    """
    users: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        users.setdefault(prompt.user or prompt.id, []).append(prompt)
    order = sorted(users, key=lambda user: hashlib.sha256(f"{seed}\0{user}".encode()).digest())
    wanted = {"test": sizes.num_test, "sft": sizes.num_sft, "rl": sizes.num_rl}
    wanted |= {f"reward-{number}": sizes.num_reward for number in range(rounds)}
    share = min(1.0, len(prompts) / sum(wanted.values()))
    filled: dict[str, list[Prompt]] = {name: [] for name in wanted}
    remaining = iter(order)
    for name, size in wanted.items():
        target = max(1, round(size * share))
        for user in remaining:
            split = "test" if name == "test" else _split(user, seed, sizes.valid_share if name != "rl" else 0.0)
            filled[name] += [prompt.model_copy(update={"split": split}) for prompt in users[user]]
            if len(filled[name]) >= target:
                break
        filled[name] = filled[name][:target]
    empty = [name for name, rows in filled.items() if not rows]
    if empty:
        raise UserError(
            f"{len(prompts)} prompts of {len(users)} users do not fill the sets ({', '.join(empty)} stay empty)",
            field="prompts",
            remedy="add prompts of more users, or ask for smaller sets",
        )
    rewards = [filled[f"reward-{number}"] for number in range(rounds)]
    return PromptSets(filled["sft"], rewards, filled["rl"], filled["test"])


def _split(user: str, seed: int, valid_share: float) -> str:
    digest = hashlib.sha256(f"{seed}\0valid\0{user}".encode()).digest()
    return "valid" if int.from_bytes(digest[:6]) / 2**48 < valid_share else "train"
