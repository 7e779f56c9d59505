"""Raw prompts of the closed world as somebody's log has them, with planted duplicates, users and personal data."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prompts.private_values import VALUES
from preceptor.simulation.language import pick
from preceptor.simulation.requests import draw_request

DUPLICATES = ("exact duplicate", "long common prefix", "near duplicate")
PLANTED = (*DUPLICATES, "personal data")
SHARE = 0.05
"""Of all rows, each kind of planted ones."""
PRIVATE = ("card", "email", "iban", "ip", "national_id", "url_credentials")
"""Kinds that are found without a word before them."""
FRAME = " ".join(f"rule {number}: keep the answer short;" for number in range(8))
"""More than 40 words that many prompts have in common, as those of one application have."""
BUSY = 0.005
"""Share of the rows that one busy user asks."""


def write_planted(path: Path, num: int, seed: int) -> None:
    """A file of `num` rows; `metadata.planted` is the kind of a row, `metadata.pair` names two that belong together."""
    with path.open("w", encoding="utf-8") as file:
        for number, row in enumerate(rows(num, seed)):
            file.write(json.dumps({"id": f"row-{number}", **row}) + "\n")


def rows(num: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows, each planted duplicate some time after what it is a duplicate of."""
    generator, draw = np.random.default_rng((31, seed)), random.Random(seed)
    waiting: list[dict[str, Any]] = []
    made = 0
    while made < num:
        text = draw_request(generator).messages[-1].content
        kind = PLANTED[int(generator.integers(len(PLANTED)))] if generator.random() < len(PLANTED) * SHARE else ""
        first, second = _pair(kind, text, f"{seed}-{made}", draw, generator)
        yield _row(first, kind if second is None else "", generator, f"{seed}-{made}" if second else None)
        made += 1
        if second is not None:
            waiting.append(_row(second, kind, generator, f"{seed}-{made - 1}"))
        if len(waiting) > min(500, num // 20) and made < num:
            yield waiting.pop(int(generator.integers(len(waiting))))
            made += 1


def _pair(
    kind: str, text: str, name: str, draw: random.Random, generator: np.random.Generator
) -> tuple[str, str | None]:
    """A text, and its duplicate where one is planted."""
    if kind == "exact duplicate":
        return text, text.upper().replace(" ", "  ", 1)
    if kind == "long common prefix":
        return f"Case {name}. {FRAME} {text}", f"Case {name}. {FRAME} Now something else: {text[::-1]}"
    if kind == "near duplicate":
        long = f"{text} Think of case {name} while you write, and of all who will read it some day."
        return long, f"{long[:-4]}time."
    if kind == "personal data":
        value = VALUES[pick(generator, PRIVATE)]
        return f"{text} Write it to {value(draw)} please.", None
    return text, None


def _row(text: str, planted: str, generator: np.random.Generator, pair: str | None) -> dict[str, Any]:
    user = "busy" if generator.random() < BUSY else f"user-{int(generator.integers(1 << 40)) % 50_000}"
    return {
        "messages": [{"role": "user", "content": text}], "user": user, "source": "customer",
        "metadata": {"planted": planted, "pair": pair},
    }  # fmt: skip
