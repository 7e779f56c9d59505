"""The screen: scorers are exchanged by name, what is flagged stays, and a labeler's word goes before a score."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from benchmarks.prompts.unsafe import figures, read, scores
from preceptor.errors import UserError
from preceptor.prompts.labeled import LABELS
from preceptor.prompts.unsafe import UNSAFE, Screen, UnsafeConfig, screen_of
from preceptor.prompts.use_cases import train
from preceptor.records import Message, Prompt
from tests.prompts.test_use_cases import labels

MODULE = """
def loud(texts):
    return [sum(map(str.isupper, text)) / len(text) for text in texts]

def too_few(texts):
    return [0.5]

def too_much(texts):
    return [3.0] * len(texts)
"""


@pytest.fixture(autouse=True)
def scorers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_scorers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "my_scorers", raising=False)


def prompts(*texts: str, said: bool | None = None) -> list[Prompt]:
    metadata: dict[str, Any] = {} if said is None else {LABELS: {"properties": {"sensitive": said}}}
    return [
        Prompt(id=str(place), messages=(Message(role="user", content=text),), metadata=metadata)
        for place, text in enumerate(texts)
    ]


def screen(scorer: str, threshold: float = 0.5) -> Screen:
    found = screen_of(UnsafeConfig(scorer=scorer, threshold=threshold), None)
    assert found is not None
    return found


def test_a_function_of_ones_own() -> None:
    mine = pickle.loads(pickle.dumps(screen("python:my_scorers:loud")))
    quiet, loud = mine.screened(prompts("quiet", "LOud"))
    assert not quiet.is_unsafe
    assert quiet.metadata == {}
    assert loud.metadata == {UNSAFE: {"score": 0.5, "scorer": "python:my_scorers:loud"}}
    assert loud.is_unsafe
    assert not any(one.is_unsafe for one in screen("python:my_scorers:loud", 0.51).screened(prompts("LOud")))
    assert mine.screened([]) == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("detoxify", "there is no scorer 'detoxify'"),
        ("python:my_scorers:silent", "there is no scorer 'python:my_scorers:silent'"),
        ("python:not_there:loud", "No module named 'not_there'"),
        ("python:", "there is no scorer 'python:'"),
    ],
)
def test_a_name_that_is_wrong_is_told_at_once(name: str, problem: str) -> None:
    with pytest.raises(UserError) as told:
        screen(name)
    assert problem in told.value.problem
    assert told.value.field == "prompts.build.unsafe.scorer"


@pytest.mark.parametrize(
    ("name", "problem"), [("too_few", "gave 1 scores for 2 texts"), ("too_much", "gave the score 3.0")]
)
def test_scores_that_are_none_are_refused(name: str, problem: str) -> None:
    with pytest.raises(UserError) as told:
        screen(f"python:my_scorers:{name}").screened(prompts("a", "b"))
    assert problem in told.value.problem


def test_a_labelers_word_goes_before_the_score() -> None:
    mine = screen("python:my_scorers:loud")
    (harmless,) = mine.screened(prompts("LOUD", said=False))
    (unsafe,) = mine.screened(prompts("quiet", said=True))
    assert not harmless.is_unsafe
    assert unsafe.metadata[UNSAFE] == {"score": 1.0, "scorer": "labeler"}


def test_labels_teach_the_scorer_that_is_the_default() -> None:
    classifier = train(labels())
    assert classifier is not None
    mine = screen_of(UnsafeConfig(), classifier.properties["sensitive"])
    assert mine is not None
    flagged = [one.is_unsafe for one in mine.screened(prompts("summarize the murder", "summarize the garden"))]
    assert flagged == [True, False]


def test_with_too_few_labels_only_what_labelers_said_is_flagged() -> None:
    mine = screen("labels")
    assert [one.is_unsafe for one in mine.screened([*prompts("murder"), *prompts("murder", said=True)])] == [
        False,
        True,
    ]
    assert screen_of(UnsafeConfig(scorer=None), None) is None


def test_on_real_texts_it_stays_above_its_floors(shared_data: Path) -> None:
    """Floors below the figures of docs/prompts.md, with other folds than theirs."""
    samples = read(shared_data / "openai-moderation" / "data" / "samples-1680.jsonl.gz")
    scored = scores(samples, seed=1)
    middle, low = figures(samples, scored, 0.5), figures(samples, scored, 0.3)
    assert len(samples) == 1680
    assert middle.precision.value > 0.69
    assert middle.recall.value > 0.62
    assert low.recall.value > 0.89
    share = sum(bool(sample.kinds) for sample in samples) / len(samples)
    by_chance = figures(samples, scored[::-1], 0.5)
    assert abs(by_chance.precision.value - share) < 0.1, "the negative control: the scores of other texts"
