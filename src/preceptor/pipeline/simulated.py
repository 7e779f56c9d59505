"""Feedback by the simulated labelers of the closed world."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from preceptor.pipeline.feedback import Evidence
from preceptor.pipeline.recipe import Recipe
from preceptor.records import Candidates, Demonstration, Document, Prompt, Ranking, Rating
from preceptor.simulation.labelers import SimulatedLabeler, panel
from preceptor.simulation.world import World

TYPICAL_NUM_PROMPTS = 1.15
"""Prompts drawn for each one needed: the split by user leaves a remainder."""


class SimulatedFeedback:
    """Everything the pipeline asks of people, from the closed world. Every label says 'simulated'."""

    origin = "simulated"

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._world = World()
        labels, seed = recipe.labels, recipe.seed
        self._training = panel(self._world, seed, "training", labels.num_labelers)
        self._held_out = panel(self._world, seed, "held_out", labels.num_held_out_labelers)

    def prompts(self) -> list[Prompt]:
        """As many as the recipe's sets need."""
        sizes = self._recipe.prompts
        needed = sizes.num_sft + sizes.num_rl + sizes.num_test + sizes.num_reward * self._recipe.rounds
        return self._world.prompts(round(needed * TYPICAL_NUM_PROMPTS), self._recipe.seed)

    def documents(self) -> list[Document]:
        """Pages of the closed world that the base model has not seen word by word."""
        num = self._recipe.prompts.num_documents
        return [Document(id=f"page-{i}", text=text, source="world") for i, text in enumerate(self._world.corpus(num, self._recipe.seed))]

    def demonstrations(self, prompts: Sequence[Prompt], todo: Path) -> list[Demonstration]:
        """One per prompt, by a labeler of the training group."""
        return [assigned(self._training, prompt.id)[0].demonstrate(prompt) for prompt in prompts]

    def rankings(self, candidates: Sequence[Candidates], todo: Path) -> list[Ranking]:
        """One per prompt; a share of the prompts goes to the held-out group."""
        share = self._recipe.labels.held_out_share
        rows = []
        for row in candidates:
            pool = self._held_out if fraction("held-out", row.prompt.id) < share else self._training
            rows.append(assigned(pool, row.id)[0].rank(row.id, row.prompt, row.responses))
        return rows

    def evidence(self, candidates: Sequence[Candidates], todo: Path) -> Evidence:
        """Several held-out labelers rank and rate all policies' responses to each test prompt."""
        rankings: list[Ranking] = []
        ratings: list[Rating] = []
        for row in candidates:
            for labeler in assigned(self._held_out, row.id, self._recipe.labels.labelers_per_test_prompt):
                rankings.append(labeler.rank(row.id, row.prompt, row.responses))
                ratings.extend(labeler.rate(row.prompt, response) for response in row.responses)
        return Evidence(rankings, ratings)

    def gold(self, prompt: Prompt, text: str) -> Mapping[str, Any]:
        """The gold judge's verdict."""
        judgement = self._world.judge(prompt, text)
        return {"gold_utility": judgement.utility}


def fraction(*key: str) -> float:
    """A number in [0, 1) that only the key decides."""
    return int.from_bytes(hashlib.sha256("\0".join(key).encode()).digest()[:6]) / 2**48


def assigned(pool: Sequence[SimulatedLabeler], item: str, num: int = 1) -> list[SimulatedLabeler]:
    """The labelers who get an item: decided by their names and the item's, not by the order of work."""
    return sorted(pool, key=lambda one: fraction(one.labeler.id, item))[:num]
