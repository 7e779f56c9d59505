"""Facts about prompts, invented; for tests and for looking at."""

from itertools import chain
from typing import Any

import numpy as np

from preceptor.records import USE_CASES
from preceptor.reporting.prompt_data import PrivateCount, PromptFacts, SetPart, StepCount, TableText
from tests.reporting.example_report import HOSTILE

SHARES = (0.456, 0.124, 0.112, 0.084, 0.066, 0.042, 0.035, 0.035, 0.026, 0.02)
"""Table 1 of Ouyang et al. 2022."""
SIZES = {("sft", "train"): 1200, ("sft", "valid"): 150, ("reward", "train"): 3300, ("reward", "valid"): 420,
         ("rl", "train"): 3100, ("test", "test"): 320}  # fmt: skip


def part(generator: np.random.Generator, name: str, split: str, num: int) -> SetPart:
    """One part, three quarters of whose use cases somebody said."""
    given = generator.multinomial(num * 3 // 4, np.array(SHARES) / sum(SHARES)).tolist()
    guessed = generator.multinomial(num - num * 3 // 4, np.full(10, 0.1)).tolist()
    users = np.sort(np.maximum(1, generator.geometric(0.12, size=num // 8)))[::-1]
    users = users[np.cumsum(users) <= num * 0.9]
    return SetPart(
        set=name, split=split, by_source={"customer": num - num // 3, "labeler": num // 3 - 5, HOSTILE: 5},
        per_user=tuple(users.tolist()), use_cases=dict(zip(USE_CASES, given, strict=True)),
        predicted=dict(zip(USE_CASES, guessed, strict=True)),
        num_unsafe=num // 100,
        lengths=tuple(np.clip(generator.lognormal(4.1, 1.1, num).astype(int), 1, 1000).tolist()),
    )  # fmt: skip


def example_prompts(**changes: Any) -> PromptFacts:
    """Facts about which nothing is wrong."""
    generator = np.random.default_rng(0)
    parts = tuple(part(generator, name, split, num) for (name, split), num in SIZES.items())
    lengths = list(chain.from_iterable(one.lengths for one in parts))
    steps, left = [], 20_000
    for name, num in (("exact duplicate", 5200), ("long common prefix", 1900), ("near duplicate", 1100),
                      ("more prompts of one user", 640), ("personal data", 90), ("language", 0)):  # fmt: skip
        steps.append(
            StepCount(name=name, num_read=left, num_dropped=num, finds_duplicates="dup" in name or "prefix" in name)
        )
        left -= num
    counts = [tuple(f"{num:,}" for num in (one.num_read, one.num_dropped, one.num_left)) for one in steps]
    private = (
        PrivateCount(kind="iban", action="drop", num_found=41, num_messages=40, examples=("to [IBAN] please",)),
        PrivateCount(kind="email", action="mask", num_found=212, num_messages=180, examples=(f"at [EMAIL] {HOSTILE}",)),
        PrivateCount(kind="phone", action="mask", num_found=96, num_messages=90, examples=("…call [PHONE]…",)),
        PrivateCount(kind="name", action="mask", num_found=0, num_messages=0),
    )
    data = PromptFacts(
        num_raw=20_000, steps=tuple(steps), parts=parts, unit="tokens", max_tokens=1024,
        wanted={"sft": 1350, "reward": 3720, "rl": 3100, "test": 320},
        lengths_by_use_case={case: tuple(lengths[place::10]) for place, case in enumerate(USE_CASES)},
        lengths_by_source={"customer": tuple(lengths[::2]), "labeler": tuple(lengths[1::2]), HOSTILE: (3, 4)},
        languages={"en": 9000, "de": 310, "es": 240, "ja": 41, "und": 12},
        screened_by="labels", private=private, num_messages=7600, num_with_private=310,
        per_user=tuple(sorted(chain.from_iterable(one.per_user for one in parts), reverse=True)),
        tables={
            "steps": (TableText(title="Steps", head=("step", "read", "dropped", "left"),
                                rows=tuple((one.name, *row) for one, row in zip(steps, counts, strict=True))),),
            "sizes": (TableText(title="Sizes by source (like Table 6)", head=("set", HOSTILE, "customer", "total"),
                                rows=(("sft train", "5", "800", "1,200"), (HOSTILE, "0", "1", "1"))),),
        },
        config={"num_sft": 1350, "note": HOSTILE}, version="0.1.0",
    )  # fmt: skip
    return data.model_copy(update=changes)
