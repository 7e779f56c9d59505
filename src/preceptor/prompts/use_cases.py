"""Use cases and properties of Table 7 for prompts that nobody labeled, predicted by classifiers that labels trained.

What was predicted never passes for what was given: `Prompt.use_case` is somebody's word, and a prediction stands under
`predicted` in the metadata. How far to trust it is measured by cross-validation, no user on both sides.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import JsonValue

from preceptor.prompts.labeled import LABELS, PREDICTED, Labeled, properties_in
from preceptor.prompts.tables import Rows, Table
from preceptor.prompts.text_model import (
    MIN_EACH,
    MIN_LABELS,
    NO,
    NUM_FOLDS,
    YES,
    TextModel,
    features_of,
    fit,
    is_enough,
    out_of_fold,
)
from preceptor.prompts.texts import whole_text
from preceptor.records import USE_CASES, Prompt
from preceptor.stats.intervals import Interval, cluster_bootstrap

NEEDED = f"{MIN_LABELS} are needed, and two {{}} with {MIN_EACH} of them by {NUM_FOLDS} users"
MAX_TRAINED = 4_000
"""Labels that are learned from; of more a few are drawn by a hash of the prompts, those of labelers first."""


@dataclass(frozen=True)
class Classifier:
    """A classifier of use cases and one for each property; those for which there were too few labels are missing."""

    use_case: TextModel | None
    properties: Mapping[str, TextModel]

    def predict(self, texts: Sequence[str]) -> list[dict[str, JsonValue]]:
        """For each text its likeliest use case with its probability, and whether it has each property."""
        features = features_of(texts)
        found: list[dict[str, JsonValue]] = [{} for _ in texts]
        if self.use_case is not None:
            likely = self.use_case.probabilities(features)
            for one, row in zip(found, likely, strict=True):
                best = int(row.argmax())
                one |= {"use_case": self.use_case.names[best], "probability": round(float(row[best]), 4)}
        has = {name: _share_of_yes(model, features) >= 0.5 for name, model in self.properties.items()}
        for number, one in enumerate(found):
            if has:
                one["properties"] = {name: bool(rows[number]) for name, rows in has.items()}
        return found


@dataclass(frozen=True)
class CrossValidated:
    """How good predictions are for users whom the classifier never saw; counts are of labels."""

    num_labels: int
    num_simulated: int
    """Those of simulated labelers alone."""
    confusion: Mapping[tuple[str, str], int]
    """(given, predicted) → prompts; empty without a classifier of use cases."""
    accuracy: Interval | None
    majority: float | None
    """Accuracy of always saying the most frequent use case."""
    properties: Mapping[str, "PropertyFigures"]
    sources: Mapping[str, int]
    """Source → labels of use cases of its prompts: of others nothing was measured."""

    def summary(self) -> dict[str, JsonValue]:
        """The figures in short, for a manifest."""
        properties: dict[str, JsonValue] = {
            name: {"balanced_accuracy": round(one.balanced_accuracy, 4)} for name, one in self.properties.items()
        }
        accuracy = None if self.accuracy is None else round(self.accuracy.value, 4)
        counts: dict[str, JsonValue] = {"num_labels": self.num_labels, "num_simulated": self.num_simulated}
        return counts | {"accuracy": accuracy, "majority": self.majority, "properties": properties}

    def tables(self) -> list[Table]:
        """The confusion table and that of the properties; what has too few labels is said."""
        of_whom = f" ({self.num_simulated:,} of them simulated)" if self.num_simulated else ""
        measured = f"cross-validated on {self.num_labels:,} labels{of_whom}, no user on both sides"
        return [self._confusion_table(measured), self._properties_table(measured)]

    def _confusion_table(self, measured: str) -> Table:
        if self.accuracy is None or self.majority is None:
            title = f"Use cases are not predicted: {self.num_labels:,} labels are too few; {NEEDED.format('use cases')}"
            return Table(title, ("given", "predicted"), [])
        names = [name for name in USE_CASES if any(name in pair for pair in self.confusion)]
        rows: Rows = [
            (given, *(f"{self.confusion.get((given, predicted), 0):,}" for predicted in names)) for given in names
        ]
        title = (
            f"Use cases given (rows) and predicted (columns), {measured}: accuracy {shown(self.accuracy)} %; always "
            f"“{self.most_frequent}” has {100 * self.majority:.1f} %"
        )
        return Table(title, ("given", *names), rows)

    @property
    def most_frequent(self) -> str:
        """The use case that was given most often."""
        totals = {name: sum(num for (given, _), num in self.confusion.items() if given == name) for name in USE_CASES}
        return max(totals, key=lambda name: totals[name])

    def _properties_table(self, measured: str) -> Table:
        head = ("property", "yes", "no", "found of yes, %", "found of no, %", "balanced accuracy, %")
        rows: Rows = [
            (name, f"{one.num_yes:,}", f"{one.num_no:,}", shown(one.of_yes), shown(one.of_no),
             f"{100 * one.balanced_accuracy:.1f}")
            for name, one in self.properties.items()
        ]  # fmt: skip
        title = f"Properties predicted, {measured}; 50 % is chance"
        return Table(title if rows else f"No property is predicted; {NEEDED.format('answers')}", head, rows)


@dataclass(frozen=True)
class PropertyFigures:
    """How often a property is found where it is, and not where it is not."""

    num_yes: int
    num_no: int
    of_yes: Interval
    of_no: Interval

    @property
    def balanced_accuracy(self) -> float:
        """Mean of both: 0.5 is chance, however rare the property."""
        return (self.of_yes.value + self.of_no.value) / 2


def chosen(given: Sequence[Labeled]) -> list[Labeled]:
    """What is learned from: all labels, or `MAX_TRAINED` of them."""
    order = sorted(given, key=lambda one: (one.num_labelers == 0, one.id))  # ids of prompts are hashes
    return sorted(order[:MAX_TRAINED], key=lambda one: one.id)


def train(given: Sequence[Labeled]) -> Classifier | None:
    """Learn from labels what can be learned from so many; None where that is nothing. Their order has no part in it."""
    rows = chosen(given)
    parts = _learnable(rows)
    if not parts:
        return None
    features = features_of([one.text for one in rows])
    found = {name: fit(features[places], labels, is_balanced=name != USE_CASE) for name, places, labels in parts}
    return Classifier(found.pop(USE_CASE, None), found)


def cross_validate(given: Sequence[Labeled], seed: int) -> CrossValidated:
    """Measure what `train` learns by five folds with no user in two of them."""
    rows = chosen(given)
    parts = _learnable(rows)
    features = features_of([one.text for one in rows]) if parts else None
    confusion: dict[tuple[str, str], int] = {}
    accuracy = majority = None
    properties: dict[str, PropertyFigures] = {}
    for name, places, labels in parts:
        users = [rows[place].group for place in places]
        names, scores = out_of_fold(features[places], labels, users, seed, is_balanced=name != USE_CASE)
        predicted = [names[best] for best in scores.argmax(axis=1)]
        is_right = [one == other for one, other in zip(labels, predicted, strict=True)]
        if name == USE_CASE:
            for pair in zip(labels, predicted, strict=True):
                confusion[pair] = confusion.get(pair, 0) + 1
            accuracy = cluster_bootstrap(is_right, users, seed=seed)
            majority = max(labels.count(one) for one in names) / len(labels)
        else:
            of = {one: [place for place, label in enumerate(labels) if label == one] for one in (YES, NO)}
            found = {
                one: cluster_bootstrap([is_right[p] for p in at], [users[p] for p in at], seed=seed)
                for one, at in of.items()
            }
            properties[name] = PropertyFigures(len(of[YES]), len(of[NO]), found[YES], found[NO])
    num_simulated = sum(0 < one.num_labelers == one.num_simulated for one in rows)
    sources = Counter(one.source for one in rows if one.use_case is not None)
    return CrossValidated(len(rows), num_simulated, confusion, accuracy, majority, properties, sources)


def described(
    prompts: Sequence[Prompt], given: Mapping[str, Labeled], classifier: Classifier | None
) -> list[Prompt]:  # fmt: skip
    """Prompts with what labelers said of them; what nobody said is predicted, and stands apart."""
    spoken = [_with_labels(prompt, given[prompt.id]) if prompt.id in given else prompt for prompt in prompts]
    if classifier is None or not spoken:
        return spoken
    texts = [whole_text([message.model_dump() for message in prompt.messages]) for prompt in prompts]
    return [_with_prediction(*pair) for pair in zip(spoken, classifier.predict(texts), strict=True)]


USE_CASE = "use_case"


def _learnable(rows: Sequence[Labeled]) -> list[tuple[str, list[int], list[str]]]:
    """What there are enough labels for: `USE_CASE` or a property, the rows that have a label, and the labels."""
    found: dict[str, tuple[list[int], list[str]]] = {}
    for place, row in enumerate(rows):
        said = {name: YES if is_true else NO for name, is_true in row.properties.items()}
        if row.use_case is not None:
            said[USE_CASE] = row.use_case
        for name, label in said.items():
            places, labels = found.setdefault(name, ([], []))
            places.append(place)
            labels.append(label)
    return [
        (name, places, labels)
        for name, (places, labels) in sorted(found.items())
        if is_enough(labels, [rows[place].group for place in places])
    ]


def _share_of_yes(model: TextModel, features: Any) -> np.ndarray:
    return np.asarray(model.probabilities(features)[:, model.names.index(YES)])


def _with_labels(prompt: Prompt, said: Labeled) -> Prompt:
    """A prompt with its labelers' word; a use case that it came with is kept beside."""
    metadata = {**prompt.metadata, LABELS: said.metadata}
    if said.use_case is None:
        return prompt.model_copy(update={"metadata": metadata})
    if prompt.use_case not in (None, said.use_case):
        metadata["use_case_before"] = prompt.use_case
    return prompt.model_copy(update={"use_case": said.use_case, "metadata": metadata})


def _with_prediction(prompt: Prompt, predicted: Mapping[str, JsonValue]) -> Prompt:
    """A prompt with what is predicted of it where nobody said."""
    known = properties_in(prompt, LABELS)
    properties: Any = predicted.get("properties", {})
    kept = {name: value for name, value in predicted.items() if prompt.use_case is None and name != "properties"}
    if unknown := {name: is_true for name, is_true in properties.items() if name not in known}:
        kept["properties"] = unknown
    return prompt.model_copy(update={"metadata": {**prompt.metadata, PREDICTED: kept}}) if kept else prompt


def shown(interval: Interval) -> str:
    """A share with its interval, in per cent."""
    return f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
