"""Simulated labelers: they write demonstrations, rank, rate and compare, each with a taste and errors of their own.

Every random number is keyed on (pool seed, labeler, item, text), never on what was served before: the same seed gives
the same labels byte for byte, in whatever order the tasks come. Every label carries `origin="simulated"`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from preceptor.records import Demonstration, Flag, Labeler, Prompt, Ranking, Rating, Response
from preceptor.simulation.judge import Judgement
from preceptor.simulation.labeler_habits import (
    NUM_COHORTS,
    Group,
    Habits,
    draw_habits,
    features,
    keyed_generator,
    keyed_gumbel,
    keyed_uniform,
)
from preceptor.simulation.world import FLAWS, World

Floats = NDArray[np.float64]

GAP_SCALES: Mapping[Group, float] = {"training": 4.6, "held_out": 4.4}
"""Default loudness of quality against the noise: the means, over pool seeds 0–9, of what `calibrate` finds on 150
prompts (seeds 100–109) with 4–9 written responses each, of which 40, 35, 15 and 10 % have 0, 1, 2 and 3 random flaws.
With it a pool agrees 71–77 % (training) and 76–78 % (held-out) of the time on such responses, 71–73 % and 76–77 % on
four samples per prompt of the bundled model after SFT; `labeler_agreement.calibrate` comes within 1 % of the target on
the responses it is given."""

MAX_REMEMBERED = 50_000

LIKERT_CUTS = (0.12, 0.27, 0.42, 0.57, 0.72, 0.87)
"""Perceived quality at which a rating goes from 1 to 2, … 6 to 7."""

EULER_GAMMA = 0.5772156649015329

Verdict = Literal["first", "second", "tie"]


@dataclass(frozen=True)
class SimulatedLabeler:
    """One labeler of a pool, made by `panel`."""

    world: World
    seed: int
    labeler: Labeler
    habits: Habits
    judged: dict[tuple[str, str, str], Judgement] = field(default_factory=dict, repr=False, compare=False)
    """Gold judgements made so far, shared by the pool: labelers often see the same responses."""

    def rank(self, ranking_id: str, prompt: Prompt, responses: Sequence[Response]) -> Ranking:
        """Order the responses; those within the tie threshold of the best of a group share it, equal texts always do.

        Raises:
            ValueError: no responses.
        """
        texts = list(dict.fromkeys(response.text for response in responses))
        appeal, noise = self.view(ranking_id, prompt, texts)
        ranks = tied_ranks((self.scale * appeal + noise)[None, :], np.array([self.habits.tie_threshold]))[0]
        rank_of = dict(zip(texts, ranks.tolist(), strict=True))
        groups = [
            tuple(response.id for response in responses if rank_of[response.text] == rank)
            for rank in sorted(set(rank_of.values()))
        ]
        return Ranking(
            id=ranking_id, prompt=prompt, responses=tuple(responses), groups=tuple(groups), labeler=self.labeler
        )

    def prefers(self, prompt: Prompt, first_text: str, second_text: str) -> Verdict:
        """Which of two responses is better, `first_text` being shown first."""
        if first_text == second_text:
            return "tie"
        key = ("pair", prompt.id, *sorted((first_text, second_text)))
        if self._uniform(*key, "lapse") < self.habits.lapse_rate:
            return "first" if self._uniform(*key, "coin") < 0.5 else "second"
        gap = self._utility(prompt, first_text) - self._utility(prompt, second_text) + self.habits.position_bias
        if abs(gap) < self.habits.tie_threshold:
            return "tie"
        return "first" if gap > 0 else "second"

    def rate(self, prompt: Prompt, response: Response) -> Rating:
        """Rate overall quality from 1 to 7 and tick the flags."""
        quality = self._utility(prompt, response.text) / self.scale + self.habits.likert_offset
        quality += 0.05 * float(self._generator("likert", prompt.id, response.text).standard_normal())
        return Rating(
            id=f"{prompt.id}/{response.id}/{self.labeler.id}",
            prompt=prompt,
            response=response,
            likert=1 + sum(quality >= cut for cut in LIKERT_CUTS),
            flags=self._flags(prompt, response.text),
            labeler=self.labeler,
        )

    def demonstrate(self, prompt: Prompt) -> Demonstration:
        """Write what the assistant should say: about half of the time with a flaw, now and then with two."""
        generator = self._generator("demonstrate", prompt.id)
        response = self.world.answer(prompt, generator, self._draw_flaws(prompt, generator))
        return Demonstration(
            id=f"{prompt.id}/{self.labeler.id}", prompt=prompt, response=response, labeler=self.labeler
        )

    @property
    def scale(self) -> float:
        """How loud quality is against the noise for this labeler."""
        return self.habits.gap_scale * self.habits.care

    def with_gap_scale(self, gap_scale: float) -> "SimulatedLabeler":
        """The same labeler, with another loudness of quality; the noise stays as it is."""
        return replace(self, habits=replace(self.habits, gap_scale=gap_scale))

    def view(self, ranking_id: str, prompt: Prompt, texts: Sequence[str]) -> tuple[Floats, Floats]:
        """Appeal and noise of each text in one ranking task; perceived utility = scale · appeal + noise.

        The noise holds what does not scale with quality: the Gumbel draw and the bonus for being shown early. A
        lapse leaves nothing but noise. Texts are shown in an order of the labeler's own, keyed on the task.
        """
        if self._uniform("lapse", ranking_id) < self.habits.lapse_rate:
            guesses = [1e3 * self._uniform("lapse", ranking_id, text) for text in texts]
            return np.zeros(len(texts)), np.array(guesses)
        shown = sorted(texts, key=lambda text: self._uniform("shown", ranking_id, text))
        bonus = {text: 0.5 - place / max(1, len(texts) - 1) for place, text in enumerate(shown)}
        appeal = [self._appeal(prompt, text) for text in texts]
        noise = [self._noise(prompt, text) + self.habits.position_bias * bonus[text] for text in texts]
        return np.array(appeal), np.array(noise)

    def _draw_flaws(self, prompt: Prompt, generator: np.random.Generator) -> frozenset[str]:
        """None, one, or now and then two of the flaws that a response to this prompt can have."""
        if generator.random() >= self.habits.flaw_rate:
            return frozenset()
        flaws = self.world.applicable_flaws(prompt)
        weights = np.array([self.habits.flaw_weights[FLAWS.index(flaw)] for flaw in flaws])
        num_flaws = 2 if generator.random() < 0.15 else 1
        drawn = generator.choice(len(flaws), size=num_flaws, replace=False, p=weights / weights.sum())
        return frozenset(flaws[int(i)] for i in drawn)

    def _utility(self, prompt: Prompt, text: str) -> float:
        return self.scale * self._appeal(prompt, text) + self._noise(prompt, text)

    def _appeal(self, prompt: Prompt, text: str) -> float:
        judgement = self.judge(prompt, text)
        own = sum(w * f for w, f in zip(self.habits.taste, features(text, judgement), strict=True))
        return judgement.utility + own

    def judge(self, prompt: Prompt, text: str) -> Judgement:
        """The gold judgement behind this labeler's impression."""
        key = (prompt.id, prompt.text, text)
        if key not in self.judged:
            if len(self.judged) >= MAX_REMEMBERED:
                self.judged.clear()
            self.judged[key] = self.world.judge(prompt, text)
        return self.judged[key]

    def _noise(self, prompt: Prompt, text: str) -> float:
        # Keyed on the prompt, not on the task: the ranking, the rating and a duel are one impression.
        return keyed_gumbel(self.seed, self.labeler.id, "noise", prompt.id, text) - EULER_GAMMA

    def _flags(self, prompt: Prompt, text: str) -> frozenset[Flag]:
        habits = self.habits
        ticked = []
        for flag, is_there in latent_flags(self.judge(prompt, text)).items():
            chance = habits.sensitivity if is_there else 1 - habits.specificity
            if self._uniform("flag", flag, prompt.id, text) < chance:
                ticked.append(flag)
        return frozenset(ticked)

    def _uniform(self, *key: object) -> float:
        return keyed_uniform(self.seed, self.labeler.id, *key)

    def _generator(self, *key: object) -> np.random.Generator:
        return keyed_generator(self.seed, self.labeler.id, *key)


def panel(world: World, seed: int, group: Group, size: int) -> list[SimulatedLabeler]:
    """A pool of labelers; the first n of a larger pool are the pool of size n.

    In the training pool labeler i belongs to cohort i mod 5, and its id begins with the cohort's letter, so that ids
    in sorted order stand cohort by cohort.
    """
    pool: list[SimulatedLabeler] = []
    judged: dict[tuple[str, str, str], Judgement] = {}
    for number in range(size):
        habits = draw_habits(seed, group, number, gap_scale=GAP_SCALES[group], num_flaws=len(FLAWS))
        place = f"{'abcde'[habits.cohort]}{number // NUM_COHORTS:02d}" if group == "training" else f"{number:02d}"
        labeler = Labeler(id=f"{group.replace('_', '-')}-{place}", group=group, origin="simulated")
        pool.append(SimulatedLabeler(world, seed, labeler, habits, judged))
    return pool


def latent_flags(judgement: Judgement) -> dict[Flag, bool]:
    """What a perfect labeler would tick, of the flags that apply: no constraint, no question about it."""
    latent: dict[Flag, bool] = {
        "fails_instruction": not judgement.follows_instruction,
        "inappropriate_for_assistant": judgement.is_rude or judgement.is_harmful,
        "hallucination": judgement.hallucinates,
        "harmful_advice": judgement.is_harmful,
    }
    if judgement.constraint_satisfied is not None:
        latent["satisfies_constraint"] = judgement.constraint_satisfied
    return latent


def tied_ranks(utilities: Floats, thresholds: Floats) -> NDArray[np.int64]:
    """Ranks (0 best) of an (N, K) array of utilities; a row's threshold ties what is this close to its group's best."""
    order = np.argsort(-utilities, axis=1, kind="stable")
    ordered = np.take_along_axis(utilities, order, axis=1)
    ranks = np.zeros(utilities.shape, dtype=np.int64)
    best = ordered[:, 0]
    for place in range(1, utilities.shape[1]):
        is_new = best - ordered[:, place] >= thresholds
        ranks[:, place] = ranks[:, place - 1] + is_new
        best = np.where(is_new, ordered[:, place], best)
    result = np.empty_like(ranks)
    np.put_along_axis(result, order, ranks, axis=1)
    return result
