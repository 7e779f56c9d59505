"""Simulated labelers: same seed same labels, agreement as published, biases near the chosen ones, negative controls."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import stats

from preceptor.records import Prompt, Response
from preceptor.simulation.judge import Judgement
from preceptor.simulation.labeler_agreement import TARGET_AGREEMENT, calibrate, measure_agreement
from preceptor.simulation.labeler_habits import TASTES, Group, features
from preceptor.simulation.labelers import SimulatedLabeler, latent_flags, panel, tied_ranks
from preceptor.simulation.world import FLAWS, World
from preceptor.stats import (
    Agreement,
    accuracy,
    agreement_measures,
    fit_logistic,
    kendall_tau_b,
    pairwise_agreement,
    ranking_table,
)

WORLD = World()
JUDGED: dict[tuple[str, str, str], Judgement] = {}
SIZES: dict[Group, int] = {"training": 10, "held_out": 8}
TOLERANCE: dict[Group, float] = {"training": 0.015, "held_out": 0.013}
Candidates = list[tuple[Prompt, list[str]]]


@cache
def candidates(seed: int, num: int) -> Candidates:
    """Prompts with 4–9 responses each, like those of a policy trained on flawed demonstrations."""
    generator = np.random.default_rng((3, seed))
    rows = []
    for prompt in WORLD.prompts(num, seed):
        possible = [flaw for flaw in WORLD.applicable_flaws(prompt) if flaw != "missing_item"]
        texts = []
        for _ in range(int(generator.integers(4, 10))):
            num_flaws = int(generator.choice(4, p=(0.4, 0.35, 0.15, 0.1)))
            flaws = generator.choice(possible, size=num_flaws, replace=False)
            texts.append(WORLD.answer(prompt, generator, frozenset(map(str, flaws))))
        rows.append((prompt, list(dict.fromkeys(texts))))
    return [(prompt, texts) for prompt, texts in rows if len(texts) > 1]


def gold(prompt: Prompt, text: str) -> Judgement:
    key = (prompt.id, prompt.text, text)
    if key not in JUDGED:
        JUDGED[key] = WORLD.judge(prompt, text)
    return JUDGED[key]


def pool_of(group: Group, seed: int, size: int) -> list[SimulatedLabeler]:
    """A panel whose gold judgements are remembered from test to test."""
    return [replace(labeler, judged=JUDGED) for labeler in panel(WORLD, seed, group, size)]


@cache
def calibrated(group: Group, seed: int = 0) -> tuple[SimulatedLabeler, ...]:
    pool = pool_of(group, seed, SIZES[group])
    return tuple(calibrate(pool, candidates(100 + seed, 150), TARGET_AGREEMENT[group]))


def as_responses(texts: Sequence[str]) -> list[Response]:
    return [Response(id=f"r{place}", text=text) for place, text in enumerate(texts)]


def with_habits(labeler: SimulatedLabeler, **changes: object) -> SimulatedLabeler:
    return replace(labeler, habits=replace(labeler.habits, **changes))


def everything(labeler: SimulatedLabeler, rows: Candidates) -> list[str]:
    """All labels of all kinds for some prompts, as JSON."""
    labels = []
    for number, (prompt, texts) in enumerate(rows):
        responses = as_responses(texts)
        labels.append(labeler.rank(f"task-{number}", prompt, responses).model_dump_json())
        labels += [labeler.rate(prompt, response).model_dump_json() for response in responses]
        labels.append(labeler.demonstrate(prompt).model_dump_json())
        labels.append(labeler.prefers(prompt, texts[0], texts[1]))
    return labels


def test_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    rows = candidates(1, 12)
    first, again = panel(World(), 5, "training", 3), panel(World(), 5, "training", 3)
    other = panel(World(), 6, "training", 3)
    for one, same, different in zip(first, again, other, strict=True):
        assert everything(one, rows) == everything(same, rows)
        assert everything(one, rows) != everything(different, rows)


def test_order_of_service_does_not_matter() -> None:
    rows = candidates(1, 12)
    (labeler,), (again,) = pool_of("held_out", 5, 1), pool_of("held_out", 5, 1)
    alone = {prompt.id: labeler.demonstrate(prompt).model_dump_json() for prompt, _ in rows}
    for number, (prompt, texts) in reversed(list(enumerate(rows))):
        assert again.demonstrate(prompt).model_dump_json() == alone[prompt.id]
        there = labeler.rank(f"task-{number}", prompt, as_responses(texts))
        back = again.rank(f"task-{number}", prompt, as_responses(texts)[::-1])
        assert there.ranks() == back.ranks()


def test_a_pool_is_the_beginning_of_a_larger_one() -> None:
    small, large = pool_of("training", 0, 4), pool_of("training", 0, 11)
    assert [labeler.habits for labeler in small] == [labeler.habits for labeler in large[:4]]
    ids = [labeler.labeler.id for labeler in large]
    assert len(set(ids)) == 11
    assert ids[:6] == [f"training-{name}" for name in ("a00", "b00", "c00", "d00", "e00", "a01")]


def test_every_label_says_simulated_and_its_group() -> None:
    prompt, texts = candidates(1, 3)[0]
    for group in SIZES:
        labeler = pool_of(group, 0, 1)[0]
        response = as_responses(texts)[0]
        for label in (
            labeler.rank("t", prompt, as_responses(texts)),
            labeler.rate(prompt, response),
            labeler.demonstrate(prompt),
        ):
            assert (label.labeler.origin, label.labeler.group) == ("simulated", group)


def in_couples(pool: Sequence[SimulatedLabeler], rows: Candidates) -> list[dict[str, dict[str, int]]]:
    """Each prompt ranked by two labelers, as when a part of the tasks is given out twice."""
    items = []
    for number, (prompt, texts) in enumerate(rows):
        turn = 1 + number // len(pool) % (len(pool) - 1)
        couple = (pool[number % len(pool)], pool[(number + turn) % len(pool)])
        responses = as_responses(texts)
        items.append({one.labeler.id: one.rank(f"t{number}", prompt, responses).ranks() for one in couple})
    return items


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("group", ["training", "held_out"])
def test_calibrated_agreement_is_that_of_the_paper(group: Group, seed: int) -> None:
    pool, rows = calibrated(group, seed), candidates(100 + seed, 150)
    assert len({one.habits.gap_scale for one in pool}) == 1
    found = measure_agreement(pool, rows)
    assert found.num_untied_pairs > 3989  # what ± 1.3 % asks for, were it a 95 % interval
    assert found.ties_excluded == pytest.approx(TARGET_AGREEMENT[group], abs=0.01)


@pytest.mark.parametrize("group", ["training", "held_out"])
def test_agreement_on_other_prompts_is_that_of_the_paper_within_its_interval(group: Group) -> None:
    items = in_couples(calibrated(group), candidates(7, 250))
    rankings = ranking_table(items)
    assert pairwise_agreement(rankings).num_untied_pairs >= 1038  # what ± 1.3 % asks for, were it a standard error
    interval = agreement_measures(rankings, seed=0, clusters="items and labelers").ties_excluded.interval()
    assert interval is not None
    assert interval.high - interval.low < 0.16
    assert interval.low - TOLERANCE[group] < TARGET_AGREEMENT[group] < interval.high + TOLERANCE[group]


def test_calibration_is_a_function_of_its_arguments() -> None:
    again = calibrate(panel(WORLD, 0, "held_out", 8), candidates(100, 150), TARGET_AGREEMENT["held_out"])
    assert [one.habits for one in again] == [one.habits for one in calibrated("held_out")]


@pytest.mark.parametrize(("group", "tolerance"), [("training", 0.05), ("held_out", 0.03)])
def test_default_scale_is_near_the_paper(group: Group, tolerance: float) -> None:
    found = measure_agreement(pool_of(group, 0, SIZES[group]), candidates(7, 120))
    assert found.ties_excluded == pytest.approx(TARGET_AGREEMENT[group], abs=tolerance)


def test_calibration_of_responses_that_are_alike_takes_the_best_it_finds() -> None:
    prompt, texts = candidates(1, 3)[0]
    pool = pool_of("training", 0, 4)
    with pytest.raises(ValueError, match="two different responses"):
        calibrate(pool, [(prompt, [texts[0], texts[0]])], 0.726)
    with pytest.raises(ValueError, match="two labelers"):
        calibrate(pool[:1], [(prompt, texts)], 0.726)
    unattainable = calibrate(pool, candidates(1, 30), 1.0)
    reached = measure_agreement(unattainable, candidates(1, 30)).ties_excluded
    assert reached is not None
    assert reached > 0.726


def test_identical_texts_tie_in_every_task() -> None:
    labeler = with_habits(calibrated("training")[0], tie_threshold=1e-9, position_bias=1.0)
    for lapse_rate in (0.0, 1.0):
        careless = with_habits(labeler, lapse_rate=lapse_rate)
        for number, (prompt, texts) in enumerate(candidates(1, 20)):
            shown = [texts[0], *texts[1:], texts[0]]
            ranks = careless.rank(f"t{number}", prompt, as_responses(shown)).ranks()
            assert ranks["r0"] == ranks[f"r{len(shown) - 1}"]
            assert careless.prefers(prompt, texts[0], texts[0]) == "tie"
            assert len(set(ranks.values())) == len(texts)


def test_ties_by_threshold() -> None:
    utilities = np.array([[3.0, 2.8, 2.4, 0.0], [3.0, 2.8, 2.4, 0.0]])
    ranks = tied_ranks(utilities, np.array([0.5, 0.7]))
    # 2.4 lies within 0.5 of 2.8, but not of 3.0, the best of the group.
    assert ranks.tolist() == [[0, 0, 1, 2], [0, 0, 0, 1]]


def test_a_malicious_labeler_agrees_by_chance_only() -> None:
    honest = calibrated("held_out")[0]
    random_one = with_habits(pool_of("held_out", 99, 2)[1], lapse_rate=1.0)
    found = measure_agreement([honest, random_one], candidates(7, 250))
    assert found.num_untied_pairs > 3000
    assert found.ties_excluded == pytest.approx(0.5, abs=0.03)


def test_noise_alone_makes_nobody_agree() -> None:
    taste = (0.0,) * len(TASTES)
    deaf = [with_habits(labeler, gap_scale=1e-9, taste=taste) for labeler in pool_of("training", 0, 4)]
    assert measure_agreement(deaf, candidates(7, 150)).ties_excluded == pytest.approx(0.5, abs=0.02)


def preference(pool: Sequence[SimulatedLabeler], rows: Candidates, is_counted, is_hit) -> tuple[float, int]:
    """Share of untied duels, of those that count, that come out as told."""
    generator = np.random.default_rng(0)
    hits = num = 0
    for prompt, texts in rows:
        for labeler in pool:
            first, second = (texts[i] for i in generator.choice(len(texts), 2, replace=False))
            verdict = labeler.prefers(prompt, first, second)
            if verdict != "tie" and is_counted(prompt, first, second):
                winner, loser = (first, second) if verdict == "first" else (second, first)
                hits += is_hit(verdict, winner, loser)
                num += 1
    return hits / num, num


def test_the_response_shown_first_has_a_small_advantage() -> None:
    pool = [*calibrated("training"), *calibrated("held_out")]
    share, num = preference(pool, candidates(7, 250), lambda *_: True, lambda verdict, *_: verdict == "first")
    assert num > 3000
    assert share == pytest.approx(0.52, abs=0.03)
    biased = [with_habits(labeler, position_bias=2.0) for labeler in pool]
    share, _ = preference(biased, candidates(7, 100), lambda *_: True, lambda verdict, *_: verdict == "first")
    assert share > 0.6


def test_the_longer_of_two_equally_good_responses_has_an_advantage() -> None:
    def length(text: str) -> int:
        return len(re.findall(r"\w+", text))

    def is_counted(prompt: Prompt, first: str, second: str) -> bool:
        if max(length(first), length(second)) < 1.5 * min(length(first), length(second)):
            return False
        return abs(gold(prompt, first).utility - gold(prompt, second).utility) < 0.05

    pool = [*calibrated("training"), *calibrated("held_out")]
    share, num = preference(
        pool, candidates(8, 400), is_counted, lambda _, winner, loser: length(winner) > length(loser)
    )
    assert num > 200
    assert 0.53 < share < 0.7
    place = TASTES.index("length")
    indifferent = [
        with_habits(labeler, taste=(*labeler.habits.taste[:place], -0.2, *labeler.habits.taste[place + 1 :]))
        for labeler in pool
    ]
    opposed, _ = preference(
        indifferent, candidates(8, 400), is_counted, lambda _, winner, loser: length(winner) > length(loser)
    )
    assert opposed < 0.45


def test_the_longest_rule_does_not_beat_a_labeler() -> None:
    pool = calibrated("training")
    rows = candidates(7, 150)
    rule = right = num = 0.0
    for number, (prompt, texts) in enumerate(rows):
        judge, other = pool[number % 10], pool[(number + 3) % 10]
        ranks = judge.rank(f"t{number}", prompt, as_responses(texts)).ranks()
        theirs = other.rank(f"u{number}", prompt, as_responses(texts)).ranks()
        for i in range(len(texts)):
            for j in range(i):
                gap = ranks[f"r{i}"] - ranks[f"r{j}"]
                if gap and theirs[f"r{i}"] != theirs[f"r{j}"] and len(texts[i]) != len(texts[j]):
                    num += 1
                    rule += (gap < 0) == (len(texts[i]) > len(texts[j]))
                    right += (gap < 0) == (theirs[f"r{i}"] < theirs[f"r{j}"])
    assert num > 1500
    assert right / num > rule / num + 0.05


def test_ratings_follow_rankings_but_not_slavishly() -> None:
    taus, inversions, used = [], 0, set()
    for number, (prompt, texts) in enumerate(candidates(7, 150)):
        labeler = calibrated("training")[number % 10]
        responses = as_responses(texts)
        ranks = labeler.rank(f"t{number}", prompt, responses).ranks()
        likert = {response.id: labeler.rate(prompt, response).likert for response in responses}
        used |= set(likert.values())
        inversions += any(ranks[a] < ranks[b] and likert[a] < likert[b] for a in likert for b in likert)
        if len(set(ranks.values())) > 1 and len(set(likert.values())) > 1:
            names = list(ranks)
            rho = stats.spearmanr([-ranks[name] for name in names], [likert[name] for name in names]).statistic
            taus.append(float(rho))
    assert used == set(range(1, 8))
    assert 0.75 < np.mean(taus) < 0.98
    assert inversions > 0


def test_flags_have_the_sensitivity_and_specificity_of_their_labeler() -> None:
    labeler = with_habits(pool_of("training", 0, 1)[0], sensitivity=0.8, specificity=0.95)
    there, not_there = [], []
    for prompt, texts in candidates(7, 250):
        for response in as_responses(texts):
            flags = labeler.rate(prompt, response).flags
            for flag, is_there in latent_flags(gold(prompt, response.text)).items():
                (there if is_there else not_there).append(flag in flags)
    assert np.mean(there) == pytest.approx(0.8, abs=0.03)
    assert 1 - np.mean(not_there) == pytest.approx(0.95, abs=0.015)


def test_constraint_flag_only_where_there_is_a_constraint() -> None:
    labeler = with_habits(pool_of("training", 0, 1)[0], sensitivity=1.0, specificity=1.0)
    seen = set()
    for prompt, texts in candidates(7, 80):
        for response in as_responses(texts):
            kept = gold(prompt, response.text).constraint_satisfied
            assert ("satisfies_constraint" in labeler.rate(prompt, response).flags) == bool(kept)
            seen.add(kept)
    assert seen == {None, True, False}


def test_about_half_of_the_demonstrations_are_flawed_each_labeler_in_its_own_way() -> None:
    pool = pool_of("training", 0, 10)
    quality = np.array([
        [gold(prompt, labeler.demonstrate(prompt).response).utility for prompt in WORLD.prompts(120, 11)]
        for labeler in pool
    ])  # fmt: skip
    assert np.mean(quality < 0.99) == pytest.approx(0.5, abs=0.06)
    assert np.std((quality < 0.99).mean(axis=1)) > 0.05
    assert all(len(labeler.habits.flaw_weights) == len(FLAWS) for labeler in pool)
    assert len({labeler.habits.flaw_weights for labeler in pool}) == 10


def test_cohorts_differ_and_cancel_out() -> None:
    pool = pool_of("training", 4, 1000)
    tastes = np.array([labeler.habits.taste for labeler in pool])
    cohorts = np.array([labeler.habits.cohort for labeler in pool])
    centres = np.array([tastes[cohorts == cohort].mean(axis=0) for cohort in range(5)])
    assert np.abs(centres - centres.mean(axis=0)).max() > 0.2
    length = TASTES.index("length")
    assert centres.mean(axis=0)[length] == pytest.approx(0.12, abs=0.01)
    assert np.abs(np.delete(centres.mean(axis=0), [length, length + 1, length + 2])).max() < 0.02


def test_cross_validation_over_cohorts_finds_a_gap() -> None:
    # A reward model that could see everything the labelers see, 5 folds over the cohorts, as in section 4.1.
    gaps = []
    for seed in (0, 1, 2):
        pool = calibrated("training", seed)
        train, test = candidates(7, 200), candidates(8, 200)
        for fold in range(5):
            inside = [labeler for labeler in pool if labeler.habits.cohort != fold]
            outside = [labeler for labeler in pool if labeler.habits.cohort == fold]
            weights = fit_logistic(differences(inside, train), l2=1.0)
            gaps.append(accuracy(differences(inside, test) @ weights) - accuracy(differences(outside, test) @ weights))
    assert 0.003 < np.mean(gaps) < 0.05


def differences(pool: Sequence[SimulatedLabeler], rows: Candidates) -> np.ndarray:
    found = []
    for number, (prompt, texts) in enumerate(rows):
        known = []
        for text in texts:
            judgement = gold(prompt, text)
            known.append(np.array([judgement.utility, *features(text, judgement)]))
        for turn in range(2):
            labeler = pool[(number + turn * 3) % len(pool)]
            ranking = labeler.rank(f"t{number}-{turn}", prompt, as_responses(texts))
            found += [known[chosen] - known[rejected] for chosen, rejected in ranking.pairs()]
    return np.array(found)


def test_gold_utility_decides_in_the_end() -> None:
    # Loud quality and no taste: the ranking is that of the gold judge.
    labeler = with_habits(
        pool_of("held_out", 0, 1)[0], gap_scale=1e6, taste=(0.0,) * len(TASTES), lapse_rate=0.0, tie_threshold=1e-9
    )
    for number, (prompt, texts) in enumerate(candidates(7, 40)):
        best = {f"r{i}": -round(gold(prompt, text).utility, 4) for i, text in enumerate(texts)}
        if len(set(best.values())) == len(best):
            tau = kendall_tau_b(labeler.rank(f"t{number}", prompt, as_responses(texts)).ranks(), best)
            assert tau == pytest.approx(1.0)


def test_agreement_is_told_three_ways() -> None:
    found: Agreement = measure_agreement(calibrated("training"), candidates(7, 60))
    assert found.ties_excluded is not None
    assert found.tie_as_class is not None
    assert found.kendall_tau_b is not None
    assert found.tie_as_class < found.ties_excluded
    assert 0.3 < found.kendall_tau_b < 0.6
    assert found.num_untied_pairs < found.num_pairs
