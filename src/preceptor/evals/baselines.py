"""What a reward model must beat: the length of a response, and its words without their order or meaning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preceptor.evals.pairs import Pair
from preceptor.stats import accuracy, fit_logistic

Margins = Callable[[Sequence[Pair]], NDArray[np.float64]]
"""Pairs → margins: positive where the rule prefers the chosen response."""


def longer_wins(pairs: Sequence[Pair]) -> NDArray[np.float64]:
    """Difference of lengths in characters."""
    return np.array([len(pair.chosen) - len(pair.rejected) for pair in pairs], dtype=np.float64)


@dataclass(frozen=True)
class LengthRule:
    """Longer or shorter wins, whichever held on the training pairs."""

    sign: int
    """1: longer wins; −1: shorter wins."""

    @property
    def words(self) -> str:
        """The rule for people."""
        return "longer wins" if self.sign > 0 else "shorter wins"

    def __call__(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        return self.sign * longer_wins(pairs)


def learn_length(train: Sequence[Pair]) -> LengthRule:
    """The sign of length on training pairs; longer wins where they do not say."""
    balance = float(np.sign(longer_wins(train)).sum()) if train else 0.0
    return LengthRule(-1 if balance < 0 else 1)


L2_CHOICES = (0.3, 1.0, 3.0, 10.0)
MAX_PAIRS_TO_CHOOSE = 5000


def learn_tfidf(train: Sequence[Pair], *, l2: float | None = None, max_features: int = 100_000) -> Margins:
    """Bradley–Terry on TF-IDF of words and pairs of words: P(chosen) = σ(w · (x_chosen − x_rejected)).

    The prompt's words would cancel in the difference, so only responses are read. Without an `l2` it is the one of
    `L2_CHOICES` that does best on every fifth training prompt.

    Raises:
        ValueError: no training pairs, or no word in them.
    """
    if not train:
        raise ValueError("no training pairs")
    return _fit_tfidf(train, _best_l2(train, max_features) if l2 is None else l2, max_features)


def _best_l2(train: Sequence[Pair], max_features: int) -> float:
    some = train[:MAX_PAIRS_TO_CHOOSE]
    prompts = list(dict.fromkeys(pair.prompt for pair in some))
    valid = set(prompts[::5])
    rest = [pair for pair in some if pair.prompt not in valid]
    if not rest:
        return 1.0
    kept = [pair for pair in some if pair.prompt in valid]
    return max(L2_CHOICES, key=lambda l2: accuracy(_fit_tfidf(rest, l2, max_features)(kept)))


def _fit_tfidf(train: Sequence[Pair], l2: float, max_features: int) -> Margins:
    from sklearn.feature_extraction.text import TfidfVectorizer  # imported here: it takes a second

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=max_features)
    vectorizer.fit(dict.fromkeys(text for pair in train for text in (pair.chosen, pair.rejected)))

    def differences(pairs: Sequence[Pair]) -> Any:
        chosen = vectorizer.transform([pair.chosen for pair in pairs])
        return chosen - vectorizer.transform([pair.rejected for pair in pairs])

    weights = fit_logistic(differences(train), l2=l2)
    return lambda pairs: np.asarray(differences(pairs) @ weights, dtype=np.float64)
