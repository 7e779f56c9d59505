"""How often the language of a prompt is found, by its length: `python -m benchmarks.prompts.language SELF_INSTRUCT`.

English are the instructions of self-instruct's seed tasks, real ones by its authors; the other languages are the
sentences of `sentences.py`. Each is cut to windows of 1, 2, 3, 5 and 8 words, drawn by seed, and taken whole.
"""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.prompts.sentences import SENTENCES
from preceptor.prompts.language import language_of
from preceptor.stats import wilson_interval

NUM_WORDS = (1, 2, 3, 5, 8)
SIGNS_OF_A_WORD = {"ja": 3, "zh": 2}
"""Languages without spaces are cut by signs."""
CLASSES = ((1, 9), (10, 19), (20, 39), (40, 79), (80, 10_000))
"""Lengths in letters, from and to."""


@dataclass(frozen=True)
class Labelled:
    """A text with its language."""

    text: str
    code: str

    @property
    def num_letters(self) -> int:
        """Letters, without spaces, digits and signs."""
        return sum(map(str.isalpha, self.text))


def labelled(english: Iterable[str], seed: int = 0) -> Iterator[Labelled]:
    """The labelled file: every sentence whole, and one window of each length."""
    draw = random.Random(seed)
    for code, sentences in {"en": tuple(english), **SENTENCES}.items():
        for sentence in sentences:
            yield Labelled(sentence, code)
            for num_words in NUM_WORDS:
                if part := window(sentence, code, num_words, draw):
                    yield Labelled(part, code)


def window(sentence: str, code: str, num_words: int, draw: random.Random) -> str | None:
    """So many words in a row; None where the sentence has no more, or the words have no letter."""
    size = SIGNS_OF_A_WORD.get(code)
    words = sentence.split() if size is None else [sentence[i : i + size] for i in range(0, len(sentence), size)]
    if len(words) <= num_words:
        return None
    first = draw.randrange(len(words) - num_words + 1)
    part = (" " if size is None else "").join(words[first : first + num_words])
    return part if any(map(str.isalpha, part)) else None


def class_of(num_letters: int) -> tuple[int, int]:
    """The class of lengths that a number of letters falls into."""
    return next(bounds for bounds in CLASSES if bounds[0] <= num_letters <= bounds[1])


def accuracy(rows: Iterable[Labelled]) -> dict[tuple[str, tuple[int, int]], tuple[int, int]]:
    """(group, class of lengths) → right ones and all; the groups are English, other Latin script, and other scripts."""
    counts: dict[tuple[str, tuple[int, int]], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        cell = counts[group_of(row.code), class_of(row.num_letters)]
        cell[0] += language_of(row.text).code == row.code
        cell[1] += 1
    return {key: (right, total) for key, (right, total) in counts.items()}


def group_of(code: str) -> str:
    """How a language stands to the script rule."""
    if code == "en":
        return "English"
    return "other scripts" if code in {"ru", "el", "ar", "ja", "zh", "ko"} else "other Latin script"


def seed_instructions(folder: Path) -> list[str]:
    """Instructions of the seed tasks of a self-instruct folder; never of its held-out tasks."""
    lines = (folder / "data" / "seed_tasks.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["instruction"] for line in lines]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of self-instruct")
    found = accuracy(labelled(seed_instructions(parser.parse_args().folder)))
    print("| letters | " + " | ".join(groups := ["English", "other Latin script", "other scripts"]) + " |")
    print("|---" * 4 + "|")
    for bounds in CLASSES:
        cells = []
        for group in groups:
            right, total = found.get((group, bounds), (0, 0))
            if total:
                share = wilson_interval(right, total)
                cells.append(f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}] of {total}")
            else:
                cells.append("–")
        name = f"{bounds[0]}–{bounds[1]}" if bounds[1] < 10_000 else f"{bounds[0]} and more"
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
