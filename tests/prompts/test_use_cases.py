"""Use cases and properties from labels: what can be learned is learned, what cannot is not, and the two never mix."""

import pickle
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.prompts.use_cases import figures
from preceptor.prompts.labeled import LABELS, PREDICTED, Labeled, labeled_prompts
from preceptor.prompts.text_model import MIN_LABELS, NO, YES, features_of, is_enough, out_of_fold
from preceptor.prompts.use_cases import Classifier, cross_validate, described, train
from preceptor.records import Message, Prompt, write_artifact
from preceptor.stats import wilson_interval

WORDS = {"rewrite": "rephrase", "summarization": "summarize", "brainstorming": "ideas"}
FILLING = [
    "the", "of", "a", "letter", "house", "garden", "about", "which", "green", "morning", "people", "under", "seven",
]  # fmt: skip


def labels(num: int = 120, *, num_users: int = 20, seed: int = 0, is_shuffled: bool = False) -> list[Labeled]:
    """Prompts whose use case one word tells, and one of whose properties another word tells."""
    draw = random.Random(seed)
    rows = []
    for number in range(num):
        use_case = draw.choice(list(WORDS))
        is_sensitive = draw.random() < 0.3
        said = [WORDS[use_case], *draw.sample(FILLING, 6), *(["murder"] if is_sensitive else [])]
        draw.shuffle(said)
        properties = {"sensitive": is_sensitive, "ambiguous": False}
        user = f"u{draw.randrange(num_users)}"
        rows.append(Labeled(f"{number:04}", " ".join(said), user, use_case, properties, 1))
    if is_shuffled:
        given = [(row.use_case, row.properties) for row in rows]
        draw.shuffle(given)
        pairs = zip(rows, given, strict=True)
        rows = [replace(row, use_case=use_case, properties=said) for row, (use_case, said) in pairs]
    return rows


def add_labels(project: Path, group: str = "training", origin: str = "human") -> None:
    """What labelers said of prompts, in the project as the room exports it."""
    said = {"labeler": "l1", "labeler_group": group, "origin": origin}
    rows = [
        prompt(row.id, row.text, labels={"use_case": row.use_case, "properties": dict(row.properties), **said})
        for row in labels()
    ]
    notes = {"labeler_group": group, "labeler_origin": origin}
    write_artifact(project / "data" / f"labels-prompts-{group}-{origin}", rows, "prompts", notes=notes)


def learned(rows: Sequence[Labeled]) -> Classifier:
    classifier = train(rows)
    assert classifier is not None
    return classifier


def prompt(id: str, text: str, use_case: str | None = None, **metadata: object) -> Prompt:
    said = (Message(role="user", content=text),)
    return Prompt.model_validate({"id": id, "messages": said, "use_case": use_case, "metadata": metadata})


def labeled_row(id: str, use_case: str, labeler: str = "l1", origin: str = "human", **properties: bool) -> Prompt:
    said = {"use_case": use_case, "properties": properties, "labeler": labeler, "origin": origin}
    return prompt(id, f"text of {id}", use_case, labels=said)


def test_what_words_tell_is_learned() -> None:
    found = cross_validate(labels(), seed=0)
    assert found.accuracy is not None
    assert found.accuracy.value > 0.97
    sensitive = found.properties["sensitive"]
    assert sensitive.balanced_accuracy > 0.95
    assert "ambiguous" not in found.properties, "nobody ever said yes"
    (one,) = learned(labels()).predict(["Please summarize how the murder came about"])
    assert one["use_case"] == "summarization"
    assert one["properties"] == {"sensitive": True}
    assert 0.5 < float(str(one["probability"])) <= 1


def test_what_nothing_tells_is_not_learned() -> None:
    """The negative control: the same texts under each other's labels."""
    found = cross_validate(labels(400, is_shuffled=True), seed=0)
    assert found.accuracy is not None
    assert found.majority is not None
    assert found.accuracy.value < found.majority + 0.06
    assert found.properties["sensitive"].of_yes.low < 0.5
    assert abs(found.properties["sensitive"].balanced_accuracy - 0.5) < 0.08


def test_no_user_is_on_both_sides() -> None:
    """Each user has a word of their own and asks for one thing: known users are guessed, unknown ones cannot be."""
    draw = random.Random(3)
    wanted = draw.sample([YES, NO] * 20, 40)
    users = [number % 40 for number in range(400)]
    texts = [f"user{user} {' '.join(draw.sample(FILLING, 3))}" for user in users]
    names = [wanted[user] for user in users]

    def accuracy(groups: Sequence[int]) -> float:
        told, scores = out_of_fold(features_of(texts), names, groups, 0, is_balanced=False)
        return float(np.mean([told[best] == name for best, name in zip(scores.argmax(axis=1), names, strict=True)]))

    assert accuracy(range(400)) > 0.95, "the negative control: with users on both sides they are guessed"
    assert accuracy(users) < 0.65


def test_the_table_counts_every_label_and_its_diagonal_is_the_accuracy() -> None:
    rows = labels(150, is_shuffled=True)
    found = cross_validate(rows, seed=1)
    assert sum(found.confusion.values()) == 150 == found.num_labels
    right = sum(num for (given, predicted), num in found.confusion.items() if given == predicted)
    assert found.accuracy is not None
    assert found.accuracy.value == pytest.approx(right / 150)
    assert wilson_interval(right, 150).low < found.accuracy.value
    for given in WORDS:
        of = sum(num for (one, _), num in found.confusion.items() if one == given)
        assert of == sum(row.use_case == given for row in rows)
    assert found.majority == max(sum(row.use_case == given for row in rows) for given in WORDS) / 150
    confusion, properties = found.tables()
    assert "cross-validated on 150 labels, no user on both sides" in confusion.title
    assert f"always “{found.most_frequent}” has" in confusion.title
    assert sum(int(cell) for row in confusion.rows for cell in row[1:]) == 150
    assert [row[0] for row in properties.rows] == ["sensitive"]


def test_simulated_stands_beside_what_simulated_labelers_taught() -> None:
    rows = [replace(row, num_simulated=int(number < 30)) for number, row in enumerate(labels())]
    assert all("120 labels (30 of them simulated)" in table.title for table in cross_validate(rows, seed=0).tables())


def test_too_few_labels_teach_nothing_and_that_is_said() -> None:
    few = labels(MIN_LABELS - 1)
    assert train(few) is None
    assert train([]) is None
    confusion, properties = cross_validate(few, seed=0).tables()
    needed = "50 are needed, and two use cases with 10 of them by 5 users"
    assert confusion.title == f"Use cases are not predicted: 49 labels are too few; {needed}"
    assert properties.title == "No property is predicted; 50 are needed, and two answers with 10 of them by 5 users"


@pytest.mark.parametrize(
    ("names", "users", "enough"),
    [
        ([YES] * 40 + [NO] * 10, range(50), True),
        ([YES] * 39 + [NO] * 10, range(49), False),
        ([YES] * 41 + [NO] * 9, range(50), False),
        ([YES] * 40 + [NO] * 10, [*range(40), *[100, 101, 102, 103, 104] * 2], True),
        ([YES] * 40 + [NO] * 10, [*range(40), *[100, 101, 102, 103, 103] * 2], False),
        ([YES] * 60, range(60), False),
    ],
)
def test_what_is_enough(names: list[str], users: Sequence[int], enough: bool) -> None:
    assert is_enough(names, users) is enough


def test_the_same_labels_teach_the_same_in_any_order_and_through_a_pickle() -> None:
    rows = labels()
    texts = [row.text for row in labels(30, seed=5)]
    first = learned(rows).predict(texts)
    assert learned(rows[::-1]).predict(texts) == first
    assert pickle.loads(pickle.dumps(learned(rows))).predict(texts) == first
    assert cross_validate(rows, 0) == cross_validate(rows[::-1], 0)


def test_what_was_given_and_what_was_predicted_stand_apart() -> None:
    given = {"b": Labeled("b", "", None, "chat", {"sensitive": False}, 2, 1)}
    rows = [
        prompt("a", "rephrase the green letter"), prompt("b", "rephrase the murder", "other"),
        prompt("c", "summarize this", "closed_qa", mine=1),
    ]  # fmt: skip
    nobodys, labeled, came = described(rows, given, learned(labels()))
    assert nobodys.use_case is None
    assert nobodys.metadata[PREDICTED]["use_case"] == "rewrite"
    assert nobodys.metadata[PREDICTED]["properties"] == {"sensitive": False}
    assert labeled.use_case == "chat", "labelers' word goes before what it came with"
    assert labeled.metadata == {
        LABELS: {"use_case": "chat", "properties": {"sensitive": False}, "num_labelers": 2, "num_simulated": 1},
        "use_case_before": "other",
    }, "nothing is predicted where everything was said"
    assert came.use_case == "closed_qa"
    assert came.metadata == {"mine": 1, PREDICTED: {"properties": {"sensitive": False}}}
    assert described(rows, {}, None) == rows


def test_the_word_of_most_labelers_holds() -> None:
    rows = [
        labeled_row("a", "chat", "l1", sensitive=True), labeled_row("a", "rewrite", "l2", sensitive=True),
        labeled_row("a", "chat", "l3", "simulated", sensitive=False, ambiguous=True),
        labeled_row("b", "chat", "l1", sensitive=True), labeled_row("b", "rewrite", "l2", sensitive=False),
        prompt("c", "never labeled", "chat"), prompt("d", "a source's own", "chat", labels=["chat"]),
    ]  # fmt: skip
    found = labeled_prompts(rows)
    assert set(found) == {"a", "b"}
    assert found["a"].use_case == "chat"
    assert found["a"].properties == {"sensitive": True, "ambiguous": True}
    assert (found["a"].num_labelers, found["a"].num_simulated) == (3, 1)
    assert found["b"].use_case is None, "as many say one thing as the other"
    assert found["b"].properties == {}


def test_on_real_labels_it_stays_above_its_floor(shared_data: Path) -> None:
    """A floor below the figure of docs/prompts.md, with other folds than its."""
    found = figures(shared_data / "self-instruct", seed=1).properties["classification"]
    assert (found.num_yes, found.num_no) == (26, 149)
    assert found.balanced_accuracy > 0.6
