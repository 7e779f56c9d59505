"""Feedback by the simulated labelers of the closed world."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from preceptor.errors import UserError
from preceptor.pipeline.feedback import Evidence
from preceptor.pipeline.imported import Imported
from preceptor.pipeline.recipe import Recipe
from preceptor.records import Candidates, Demonstration, Document, Prompt, Ranking, Record
from preceptor.records.withdrawn import LABELER
from preceptor.simulation.labeler_agreement import TARGET_AGREEMENT, calibrate
from preceptor.simulation.labelers import SimulatedLabeler, panel
from preceptor.simulation.world import World

RowT = TypeVar("RowT", Prompt, Candidates)

FRESH_PAGES = 1000
"""Added to the seed of the corpus: pages that the base model was not trained on."""
NUM_CALIBRATION_PROMPTS = 200
KNOWN = {"task", "kind", "constraint"}
"""What metadata say of a prompt of the closed world, among others."""


class SimulatedFeedback:
    """Everything the pipeline asks of people, from the closed world. Every label says 'simulated'.

    They withdraw as people do: what is theirs is left out of all that is asked for from then on, and that is said.
    """

    origin: Literal["human", "simulated"] = "simulated"

    def __init__(self, recipe: Recipe, imported: Imported) -> None:
        self._recipe = recipe
        self._imported = imported
        self._world = World()
        labels, seed = recipe.labels, recipe.seed
        self._is_calibrated = False
        self._training = panel(self._world, seed, "training", labels.num_labelers)
        self._held_out = panel(self._world, seed, "held_out", labels.num_held_out_labelers)

    def prompts(self) -> list[Prompt]:
        """What the closed world asked (`pipeline/asking.py`), as it lies in the project.

        Raises:
            UserError: there are other prompts, of which simulated labelers know nothing.
        """
        prompts = self._imported.prompts()
        if strange := next((prompt.id for prompt in prompts if not set(prompt.metadata) >= KNOWN), None):
            raise UserError(
                f"prompt '{strange}' is not of the closed world, the only one that simulated labelers know",
                field="feedback",
                remedy="set `feedback: human`, or take out what else was brought into data/ and the store",
            )
        return prompts

    def documents(self) -> list[Document]:
        """Pages of the closed world that the base model was not trained on."""
        num = self._recipe.prompts.num_documents
        return self._world.corpus(num, self._recipe.seed + FRESH_PAGES) if num else []

    def demonstrations(self, prompts: Sequence[Prompt], todo: Path) -> list[Demonstration]:
        """One per prompt, by a labeler of the training group."""
        return [labeler.demonstrate(prompt) for labeler, prompt in self.writers(prompts)]

    def rankings(self, candidates: Sequence[Candidates], todo: Path) -> list[Ranking]:
        """One per prompt; a share of the prompts goes to the held-out group, two of which rank each."""
        return [labeler.rank(row.id, row.prompt, row.responses) for labeler, row in self.rankers(candidates)]

    def _calibrate(self, candidates: Sequence[Candidates]) -> None:
        """Set how often labelers agree, once, on the first responses that they see."""
        if self._is_calibrated:
            return
        shown = [(row.prompt, [r.text for r in row.responses]) for row in candidates[:NUM_CALIBRATION_PROMPTS]]
        if all(len(set(texts)) == 1 for _, texts in shown):
            raise UserError(
                "all responses to each prompt are the same: there is nothing to rank",
                field="candidates.temperature",
                remedy="sample at a higher temperature, or train SFT for fewer epochs",
            )
        self._training = calibrate(self._training, shown, TARGET_AGREEMENT["training"])
        self._held_out = calibrate(self._held_out, shown, TARGET_AGREEMENT["held_out"])
        self._is_calibrated = True

    def evidence(self, candidates: Sequence[Candidates], todo: Path) -> Evidence:
        """Several held-out labelers rank and rate all policies' responses to each test prompt."""
        judged = self.judges(candidates)
        return Evidence(
            [labeler.rank(row.id, row.prompt, row.responses) for labeler, row in judged],
            [labeler.rate(row.prompt, response) for labeler, row in judged for response in row.responses],
        )

    def writers(self, prompts: Sequence[Prompt]) -> list[tuple[SimulatedLabeler, Prompt]]:
        """Who writes a demonstration of which prompt."""
        return self._willing("demonstrations", [(assigned(self._training, one.id)[0], one) for one in prompts])

    def rankers(self, candidates: Sequence[Candidates]) -> list[tuple[SimulatedLabeler, Candidates]]:
        """Who ranks what."""
        self._calibrate(candidates)
        share = self._recipe.labels.held_out_share
        pairs: list[tuple[SimulatedLabeler, Candidates]] = []
        for row in candidates:
            is_held_out = fraction("held-out", row.prompt.id) < share
            # Two held-out labelers each: how often they agree is the ceiling of any reward model.
            chosen = assigned(self._held_out, row.id, 2) if is_held_out else assigned(self._training, row.id)
            pairs += [(labeler, row) for labeler in chosen]
        return self._willing("rankings", pairs)

    def judges(self, candidates: Sequence[Candidates]) -> list[tuple[SimulatedLabeler, Candidates]]:
        """Who judges which test prompt's responses: several held-out labelers each."""
        num = self._recipe.labels.labelers_per_test_prompt
        pairs = [(labeler, row) for row in candidates for labeler in assigned(self._held_out, row.id, num)]
        return self._willing("evaluations", pairs)

    def _willing(self, what: str, pairs: list[tuple[SimulatedLabeler, RowT]]) -> list[tuple[SimulatedLabeler, RowT]]:
        """Without the work of labelers who withdrew. Nobody takes it over, or that of others would change, too."""
        kept = [
            (labeler, row) for labeler, row in pairs if not self._imported.withdrawn.has("labeler", labeler.labeler.id)
        ]
        if num := len(pairs) - len(kept):
            self._imported.say(f"simulated {what}: {num:,} rows are left out: {LABELER}")
        return kept

    def sources(self, rows: Sequence[Record]) -> Mapping[str, str]:
        """Place in the project → content hash of what these rows were read from: prompts alone are."""
        return self._imported.sources(rows)

    def gold(self, prompt: Prompt, text: str) -> Mapping[str, Any]:
        """The gold judge's verdict."""
        judgement = self._world.judge(prompt, text)
        return {"gold_utility": judgement.utility}

    def has_constraint(self, prompt: Prompt) -> bool:
        """Whether the request names one."""
        return prompt.metadata["constraint"] is not None


def fraction(*key: str) -> float:
    """A number in [0, 1) that only the key decides."""
    return int.from_bytes(hashlib.sha256("\0".join(key).encode()).digest()[:6]) / 2**48


def assigned(pool: Sequence[SimulatedLabeler], item: str, num: int = 1) -> list[SimulatedLabeler]:
    """The labelers who get an item: decided by their names and the item's, not by the order of work."""
    return sorted(pool, key=lambda one: fraction(one.labeler.id, item))[:num]
