"""Prompts as training sees them, out of the raw rows that the steps left in."""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from preceptor.prompts.raw import Raw
from preceptor.prompts.steps import SPLITS, Decisions, prompt_id
from preceptor.records import Message, Prompt


def made_prompts(rows: Iterable[Raw], decisions: Decisions, counts: Counter[str]) -> Iterator[Prompt]:
    """The prompts that are kept, each in its split; what else is worth knowing is counted while they pass."""
    for row in rows:
        place = int(np.searchsorted(decisions.keys, row.key.encode()))
        # A row that came in after the steps were taken is for the next build.
        if place == len(decisions.keys) or decisions.keys[place] != row.key.encode() or decisions.split[place] < 0:
            continue
        split = SPLITS[decisions.split[place]]
        counts[split] += 1
        yield Prompt(
            id=prompt_id(row.key),
            messages=tuple(Message(**message) for message in row.messages),
            source=row.source,
            user=row.user,
            use_case=row.use_case,
            split=split,
            metadata=row.details,
        )
