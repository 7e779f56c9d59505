"""The gate before reinforcement learning: first make sure that the reward model works."""

import math
from dataclasses import dataclass

from preceptor.evals.reward_accuracy import AccuracyReport
from preceptor.stats import Interval

CHANCE = 0.5
MAX_FACTOR = 10
"""Beyond so many times the labels, more certainty is no sensible advice."""


@dataclass(frozen=True)
class Gate:
    """Whether reinforcement learning may start, and why in plain words."""

    open: bool
    message: str
    reasons: tuple[str, ...] = ()
    """What stands in the way, one sentence each."""


def check_gate(report: AccuracyReport) -> Gate:
    """Open when held-out accuracy is above chance and above both baselines, each by its whole interval.

    Against a baseline the interval is that of the paired difference over the same pairs: two intervals that overlap
    may still differ for certain.
    """
    accuracy, baselines = report.accuracy, report.baselines
    names = {
        "length": f"the length of the response alone ({report.length_rule}: {_percent(baselines['length'].value)})",
        "tfidf": f"counting its words (TF-IDF: {_percent(baselines['tfidf'].value)})",
    }
    found = f"Held-out accuracy is {_percent(accuracy.value)} ({_percent(accuracy.low)} to {_percent(accuracy.high)}, "
    found += f"{report.num_pairs:,} pairs of {report.num_prompts:,} prompts)"
    above_chance = Interval(accuracy.value - CHANCE, accuracy.low - CHANCE, accuracy.high - CHANCE)
    reasons = _reasons("chance (50 %)", above_chance)
    for name, words in names.items():
        reasons += _reasons(words, report.gains[name])
    if not reasons:
        return Gate(True, f"{found}: above chance, {names['length']} and {names['tfidf']}. The gate is open.")
    remedy = _remedy(above_chance, [report.gains[name] for name in names])
    return Gate(False, f"{found}. {' '.join(reasons)} {remedy}", tuple(reasons))


def _reasons(rival: str, gain: Interval) -> list[str]:
    if gain.is_above(0):
        return []
    if gain.value <= 0:
        return [f"It does not beat {rival}."]
    interval = f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f}"
    return [f"It beats {rival} by {100 * gain.value:.1f} points, which may be luck ({interval})."]


def _remedy(above_chance: Interval, gains: list[Interval]) -> str:
    """What to do: label more held-out prompts where only certainty is missing, else teach the reward model more."""
    unsure = [gain for gain in [above_chance, *gains] if not gain.is_above(0)]
    if not above_chance.is_above(0) and above_chance.value < 0.02:
        return (
            "It has learned next to nothing: check that the labels belong to their responses (shuffled or swapped "
            "columns look like this), then collect more rankings or use a larger model."
        )
    # The half-width of an interval shrinks with the square root of the number of prompts.
    factor = max(((gain.value - gain.low) / gain.value) ** 2 if gain.value > 0 else math.inf for gain in unsure)
    if factor <= MAX_FACTOR:
        return (
            f"Collect more rankings: with about {max(2, math.ceil(factor))} times as many held-out prompts this "
            "difference would be certain, and more training rankings widen it. A larger model may help, too."
        )
    return (
        "Collect more training rankings, or use a larger model: policies would learn the shortcut instead of the task."
    )


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
