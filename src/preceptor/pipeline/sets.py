"""Prompts shared out to the stages. They come split by user; here no prompt changes its split."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from itertools import chain

from preceptor.errors import UserError
from preceptor.pipeline.recipe import PromptsConfig, Recipe
from preceptor.prompts.few_shot import multiplied
from preceptor.records import Prompt, Split


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


def draw_sets(known: Mapping[str, Split], read: Callable[[Set[str]], Iterable[Prompt]], recipe: Recipe) -> PromptSets:
    """The sets that a recipe asks for; its few-shot prompts give several datapoints of the SFT set.

    `known` has the split of each prompt's id; of the prompts themselves only those that are drawn are read.

    Raises:
        UserError: a set stays empty.
    """
    drawn = share_out(known, recipe.prompts, recipe.seed, recipe.rounds)
    found = {prompt.id: prompt for prompt in read(frozenset(chain.from_iterable(drawn.values())))}
    sft, *rewards, rl, test = ([found[one] for one in ids] for ids in drawn.values())
    sets = PromptSets(sft, rewards, rl, test)
    sets.check(len(known))
    return replace(sets, sft=multiplied(sets.sft, recipe.prompts.num_few_shot, recipe.seed))


def share_out(known: Mapping[str, Split], sizes: PromptsConfig, seed: int, rounds: int) -> dict[str, list[str]]:
    """Ids of each set, in an order that only seed and ids decide. With too few prompts each set gets its proportion."""
    order = sorted(known, key=lambda one: hashlib.sha256(f"{seed}\0{one}".encode()).digest())
    others = [one for one in order if known[one] != "test"]
    wanted = {"sft": sizes.num_sft, **{f"reward-{number}": sizes.num_reward for number in range(rounds)}}
    share = min(1.0, len(others) / (sum(wanted.values()) + sizes.num_rl))
    drawn, start = {}, 0
    for name, size in wanted.items():
        end = start + round(size * share)
        drawn[name], start = others[start:end], end
    rl = [one for one in others[start:] if known[one] == "train"][: sizes.num_rl]
    test = [one for one in order if known[one] == "test"][: sizes.num_test]
    return {**drawn, "rl": rl, "test": test}
