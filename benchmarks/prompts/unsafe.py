"""How well a classifier of the screen finds unsafe texts: `python -m benchmarks.prompts.unsafe SAMPLES.jsonl.gz`.

SAMPLES are OpenAI's moderation samples (Markov et al. 2022): 1,680 texts, of which people said which of eight kinds of
undesired content they have. A text counts as unsafe when it has any. Each is scored by a classifier that was trained on
the others; the same text under two numbers is never on both sides.
"""

import argparse
import gzip
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from preceptor.prompts.text_model import NO, YES, features_of, out_of_fold
from preceptor.prompts.texts import normal_text
from preceptor.stats import wilson_interval
from preceptor.stats.intervals import Interval

KINDS: Mapping[str, str] = {
    "S": "sexual", "S3": "sexual, of minors", "H": "hate", "H2": "hate and threatening", "V": "violence",
    "V2": "violence, graphic", "HR": "harassment", "SH": "self-harm",
}  # fmt: skip
"""Label of the file → what it means; a text lacks those that nobody asked about."""
THRESHOLDS = (0.3, 0.4, 0.5, 0.7)
SIZES = (100, 200, 400, 800)
"""Numbers of labels, for what can be had with fewer than all."""


@dataclass(frozen=True)
class Sample:
    """A text, and the kinds that it has."""

    text: str
    kinds: frozenset[str]


@dataclass(frozen=True)
class Figures:
    """What a threshold finds."""

    precision: Interval
    recall: Interval
    num_flagged: int


def read(path: Path) -> list[Sample]:
    """The labelled file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Sample(row["prompt"], frozenset(kind for kind in KINDS if row.get(kind))) for row in rows]


def scores(samples: Sequence[Sample], seed: int) -> np.ndarray:
    """How unsafe each text is, by a classifier that did not see it."""
    labels = [YES if sample.kinds else NO for sample in samples]
    same = [normal_text([{"content": sample.text}]) for sample in samples]
    features = features_of([sample.text for sample in samples])
    names, found = out_of_fold(features, labels, same, seed, is_balanced=True)
    return np.asarray(found[:, names.index(YES)])


def figures(samples: Sequence[Sample], scored: np.ndarray, threshold: float) -> Figures:
    """Precision and recall at a threshold."""
    unsafe = np.array([bool(sample.kinds) for sample in samples])
    flagged = scored >= threshold
    both = int((unsafe & flagged).sum())
    num = int(flagged.sum())
    return Figures(wilson_interval(both, num), wilson_interval(both, int(unsafe.sum())), num)


def recall_by_kind(samples: Sequence[Sample], scored: np.ndarray, threshold: float) -> dict[str, tuple[int, int]]:
    """Kind → texts that have it and are flagged, and all that have it."""
    found = {}
    for kind in KINDS:
        has = np.array([kind in sample.kinds for sample in samples])
        found[kind] = int((has & (scored >= threshold)).sum()), int(has.sum())
    return found


def shown(interval: Interval) -> str:
    """In per cent."""
    return f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=Path, help="the moderation samples")
    samples = read(parser.parse_args().samples)
    scored = scores(samples, seed=0)
    print("| labels | threshold | flagged | precision | recall |\n|---|---|---|---|---|")
    for size in SIZES:
        part = random.Random(0).sample(samples, size)
        print(row(size, part, scores(part, seed=0), 0.5))
    for threshold in THRESHOLDS:
        print(row(len(samples), samples, scored, threshold))
    print("\n| kind | texts | recall at 0.5 |\n|---|---|---|")
    for kind, (found, total) in recall_by_kind(samples, scored, 0.5).items():
        print(f"| {KINDS[kind]} | {total} | {shown(wilson_interval(found, total))} |")


def row(size: int, samples: Sequence[Sample], scored: np.ndarray, threshold: float) -> str:
    """A line of the first table."""
    one = figures(samples, scored, threshold)
    return f"| {size:,} | {threshold} | {one.num_flagged} | {shown(one.precision)} | {shown(one.recall)} |"


if __name__ == "__main__":
    main()
