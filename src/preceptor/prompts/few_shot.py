"""Few-shot prompts: an instruction, solved examples, and one that is left to solve.

A prompt is one where its last part is left open after a label or an arrow (`A:`, `->`), and at least two parts before
it are built like it and are not left open. What cannot be told apart is left whole.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from preceptor.records import Message, Prompt

SEPARATORS = ("\n\n", "\n###\n", "\n---\n", "\n")
LABEL = re.compile(r"^([A-Z]\w*(?: \w+){0,2}):", re.MULTILINE)
ARROWS = ("->", "=>", "→")
LEAST_EXAMPLES = 2


@dataclass(frozen=True)
class FewShot:
    """A few-shot prompt in its parts."""

    head: tuple[str, ...]
    """The instruction; may be nothing."""
    examples: tuple[str, ...]
    last: str
    """What is to be solved."""
    separator: str

    def text(self, examples: Sequence[str]) -> str:
        """The prompt with these examples."""
        return self.separator.join((*self.head, *examples, self.last))


def few_shot_in(text: str) -> FewShot | None:
    """The parts of a few-shot prompt; None where a text is none."""
    for separator in SEPARATORS:
        *before, last = text.split(separator)
        form = _form(last)
        start = len(before)
        while form and start and _form(before[start - 1]) == form and not _is_open(before[start - 1]):
            start -= 1
        if form and _is_open(last) and len(before) - start >= LEAST_EXAMPLES:
            return FewShot(tuple(before[:start]), tuple(before[start:]), last, separator)
    return None


def shortened(prompt: Prompt, fits: Callable[[Prompt], bool]) -> Prompt | None:
    """A few-shot prompt with as many of its last examples as fit, at least one; None where that does not help."""
    parts = few_shot_in(prompt.text)
    for start in range(1, len(parts.examples) if parts else 0):
        shorter = _with_text(prompt, parts.text(parts.examples[start:])) if parts else prompt
        if fits(shorter):
            return shorter
    return None


def multiplied(prompts: Sequence[Prompt], num: int, seed: int) -> list[Prompt]:
    """Each few-shot prompt of the train split up to `num` times: as it is, and with other sets of its examples."""
    made: list[Prompt] = []
    for prompt in prompts:
        made.append(prompt)
        parts = few_shot_in(prompt.text) if num > 1 and prompt.split == "train" else None
        if parts is None:
            continue
        texts = _sampled(parts, num - 1, int.from_bytes(hashlib.sha256(f"{seed}\0{prompt.id}".encode()).digest()[:8]))
        metadata = {**prompt.metadata, "few_shot_of": prompt.id}
        for number, text in enumerate(texts, start=1):
            changed = {"id": f"{prompt.id}+{number}", "metadata": metadata}
            made.append(_with_text(prompt, text).model_copy(update=changed))
    return made


def _sampled(parts: FewShot, num: int, seed: int) -> list[str]:
    """Texts with different sets of at least one example, fewer than all; not more than there are."""
    generator = np.random.default_rng(seed)
    total = len(parts.examples)
    chosen: dict[tuple[int, ...], None] = {}
    for _ in range(10 * num):
        if len(chosen) == min(num, 2**total - 2):
            break
        size = int(generator.integers(1, total))
        chosen[tuple(sorted(generator.choice(total, size, replace=False).tolist()))] = None
    return [parts.text([parts.examples[place] for place in places]) for places in chosen]


def _form(part: str) -> tuple[str, ...]:
    """How a part is built: its labels, or the arrow in it; nothing when it has neither."""
    labels = tuple(LABEL.findall(part))
    if len(labels) > 1:
        return labels
    return next(((arrow,) for arrow in ARROWS if arrow in part), ())


def _is_open(part: str) -> bool:
    return part.rstrip().endswith((":", *ARROWS))


def _with_text(prompt: Prompt, text: str) -> Prompt:
    last = Message(role=prompt.messages[-1].role, content=text)
    return prompt.model_copy(update={"messages": (*prompt.messages[:-1], last)})
