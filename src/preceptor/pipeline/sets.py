"""Prompts shared out to the stages. They come split by user; here no prompt changes its split."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from preceptor.errors import UserError
from preceptor.pipeline.recipe import PromptsConfig, Recipe
from preceptor.prompts.few_shot import multiplied
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

    def all(self) -> list[Prompt]:
        """Every prompt of every set."""
        return [row for rows in self.named().values() for row in rows]

    def named(self) -> dict[str, list[Prompt]]:
        """The sets by their names; with several rounds those of the reward model are numbered."""
        names = [f"reward-{number}" if len(self.reward) > 1 else "reward" for number in range(1, len(self.reward) + 1)]
        return {"sft": self.sft, **dict(zip(names, self.reward, strict=True)), "rl": self.rl, "test": self.test}

    def check(self, num: int) -> None:
        """Make sure that there is something in each set; `num` prompts there were to fill them with.

        Raises:
            UserError: a set is empty.
        """
        if empty := [name for name, rows in self.named().items() if not rows]:
            raise UserError(
                f"{num} prompts, {len(self.test)} of them in the test split, leave a set empty: {', '.join(empty)}",
                field="prompts",
                remedy="add prompts of more users, or ask for smaller sets",
            )


def draw_sets(prompts: Sequence[Prompt], recipe: Recipe) -> PromptSets:
    """The sets that a recipe asks for; its few-shot prompts give several datapoints of the SFT set.

    Raises:
        UserError: a set stays empty.
    """
    sets = share_out(prompts, recipe.prompts, recipe.seed, recipe.rounds)
    return replace(sets, sft=multiplied(sets.sft, recipe.prompts.num_few_shot, recipe.seed))


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
    sets = PromptSets(filled["sft"], [filled[f"reward-{number}"] for number in range(rounds)], rl, test)
    sets.check(len(prompts))
    return sets
