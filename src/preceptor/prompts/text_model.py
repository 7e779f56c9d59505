"""A classifier of texts, trained in seconds and the same each time: words and parts of words, and logistic regression.

Words and runs of two to four characters are hashed, so that nothing has to be learned before they are counted, and
weighted by their rarity (TF-IDF). A bag of words does not understand a text; it knows which words go with which name.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NUM_FEATURES = 2**16
"""Of words, and as many of runs of characters."""
STRENGTH = 3.0
"""How far the weights may go: scikit-learn's C. Between 1 and 10 it hardly matters."""
MAX_CHARACTERS = 4_000
"""Of a longer text so many are read, half of them at its beginning and half at its end."""
YES, NO = "yes", "no"
"""Names of a classifier of what is so or is not."""
NUM_FOLDS = 5
MIN_LABELS = 50
"""With fewer there is no classifier."""
MIN_EACH = 10
"""Labels that a name needs, of at least `NUM_FOLDS` users, to be one that can be learned; two such names are needed."""


@dataclass(frozen=True)
class TextModel:
    """A trained classifier; it can be pickled."""

    names: tuple[str, ...]
    """What it tells apart, in the order of the columns of `probabilities`."""
    columns: np.ndarray
    """Features that the texts had which it learned from."""
    fitted: Any

    def probabilities(self, features: "csr_matrix") -> np.ndarray:
        """How likely each name is for each text, of shape (texts, names)."""
        found: np.ndarray = self.fitted.predict_proba(features[:, self.columns])
        return found


def features_of(texts: Sequence[str]) -> "csr_matrix":
    """Counts of words and of runs of characters, of shape (texts, 2 · `NUM_FEATURES`)."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import HashingVectorizer  # imported here: it takes a second

    kept = {"n_features": NUM_FEATURES, "norm": None, "alternate_sign": False}
    words = HashingVectorizer(token_pattern=r"\w+|[^\w\s]", **kept)
    runs = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), **kept)
    half = MAX_CHARACTERS // 2
    cut = [text[:half] + text[half:][-half:] for text in texts]
    return hstack([words.transform(cut), runs.transform(cut)], format="csr")


def fit(features: "csr_matrix", labels: Sequence[str], *, is_balanced: bool) -> TextModel:
    """Learn a name for each text. Balanced, a rare name weighs as much as a frequent one; else it is told less often.

    With one name alone it gives that one.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    learner: Any = DummyClassifier()
    if len(set(labels)) > 1:
        weight = "balanced" if is_balanced else None
        learner = LogisticRegression(C=STRENGTH, max_iter=2000, class_weight=weight)
    columns = np.unique(features.indices)
    fitted = make_pipeline(TfidfTransformer(sublinear_tf=True), learner).fit(features[:, columns], list(labels))
    return TextModel(tuple(map(str, fitted.classes_)), columns, fitted)


def out_of_fold(
    features: "csr_matrix", labels: Sequence[str], users: Sequence[Hashable], seed: int, *, is_balanced: bool
) -> tuple[tuple[str, ...], np.ndarray]:
    """What is predicted of each text by a classifier that saw no text of its user: names, and (texts, names)."""
    from sklearn.model_selection import StratifiedGroupKFold

    names = tuple(sorted(set(labels)))
    found = np.zeros((len(labels), len(names)))
    numbers = {user: number for number, user in enumerate(dict.fromkeys(users))}
    groups = [numbers[user] for user in users]
    folds = StratifiedGroupKFold(NUM_FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A name with fewer labels than folds is missing in some of them, and counts as missed there.
        warnings.filterwarnings("ignore", message="The least populated class")
        parts = list(folds.split(features, list(labels), groups))
    for train, test in parts:
        model = fit(features[train], [labels[row] for row in train], is_balanced=is_balanced)
        columns = [names.index(name) for name in model.names]
        found[np.ix_(test, columns)] = model.probabilities(features[test])
    return names, found


def is_enough(labels: Sequence[str], users: Sequence[Hashable]) -> bool:
    """Whether there is enough to learn from and to measure it by: two names at least, each by several users."""
    by_name: dict[str, set[Hashable]] = defaultdict(set)
    for label, user in zip(labels, users, strict=True):
        by_name[label].add(user)
    common = [name for name, num in Counter(labels).items() if num >= MIN_EACH and len(by_name[name]) >= NUM_FOLDS]
    return len(labels) >= MIN_LABELS and len(common) >= 2
