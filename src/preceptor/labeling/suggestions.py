"""What a model suggested to somebody who writes, and what became of it: without this, a model would train on itself."""

import re

import numpy as np
from pydantic import Field

from preceptor.records import Origin, Record

WORD = re.compile(r"\w+|[^\w\s]")


MAX_SUGGESTION = 20_000
"""Characters that are shown of what a model suggests."""


class Suggestion(Record):
    """A model's text that a labeler was shown."""

    text: str = Field(max_length=MAX_SUGGESTION)
    """As it was shown."""
    taken_after_s: float | None = Field(default=None, ge=0)
    """Seconds from when it was shown to when it was put into the labeler's text; None when it was not."""


def origin_of(text: str, suggestion: Suggestion | None) -> Origin:
    """Where the words of a labeler's text come from; a suggestion that was shown and not taken leaves them 'typed'."""
    if suggestion is None:
        return "typed"
    if text.strip() == suggestion.text.strip():
        return "suggestion"
    return "typed" if suggestion.taken_after_s is None else "edited_suggestion"


def word_distance(first: str, second: str) -> float:
    """Fewest words to change, add or remove on the way from one text to the other, per word of the longer one.

    0 is the same, 1 is as far as can be (Levenshtein distance over words and signs, normalised).
    """
    numbers: dict[str, int] = {}
    left, right = (
        np.array([numbers.setdefault(word, len(numbers)) for word in WORD.findall(text)], dtype=np.int64)
        for text in (first, second)
    )
    places = np.arange(len(right) + 1)
    row = places
    for done, word in enumerate(left, start=1):
        changed_or_removed = np.minimum(row[:-1] + (right != word), row[1:] + 1)
        # Adding is the cheapest over all places before: a running minimum once each place's own cost is taken off.
        row = np.minimum.accumulate(np.concatenate(([done], changed_or_removed)) - places) + places
    return float(row[-1]) / max(len(left), len(right), 1)
