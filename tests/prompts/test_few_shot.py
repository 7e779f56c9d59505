"""Few-shot prompts are known as such, cut only between examples, and multiplied by sampling examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preceptor.prompts.few_shot import few_shot_in, multiplied, shortened
from preceptor.records import Message, Prompt

EXAMPLES = [f"Review: film {number}\nMood: good" for number in range(5)]
LABELED = "\n\n".join(["Say the mood.", *EXAMPLES, "Review: film 9\nMood:"])
ARROWS = "Translate.\ncat -> Katze\ndog -> Hund\ncow ->"


def prompt(text: str, split: str = "train") -> Prompt:
    return Prompt.model_validate(
        {"id": "p", "messages": (Message(role="user", content=text),), "split": split}
    )  # fmt: skip


def test_the_parts_of_a_few_shot_prompt() -> None:
    parts = few_shot_in(LABELED)
    assert parts
    assert (parts.head, parts.examples, parts.last) == (("Say the mood.",), tuple(EXAMPLES), "Review: film 9\nMood:")
    arrows = few_shot_in(ARROWS)
    assert arrows
    assert arrows.examples == ("cat -> Katze", "dog -> Hund")


@pytest.mark.parametrize(
    "text",
    ["What is it?", "Note: this.\n\nAlso:", "Q: a\nA: b\n\nQ: c\nA:", LABELED + " good", "", "a:\n\nb:\n\nc:"],
    ids=["plain", "notes", "one example", "nothing left open", "empty", "only open"],
)
def test_what_is_none_is_left_whole(text: str) -> None:
    assert few_shot_in(text) is None


@given(st.text())
def test_the_parts_make_the_whole_again(text: str) -> None:
    for whole in (text, f"{text}\n\n{LABELED}"):
        parts = few_shot_in(whole)
        assert parts is None or parts.text(parts.examples) == whole


@pytest.mark.parametrize("limit", range(20, 200, 7))
def test_a_long_one_loses_whole_examples_only(limit: int) -> None:
    shorter = shortened(prompt(LABELED), lambda one: len(one.text) <= limit)
    possible = ["\n\n".join(["Say the mood.", *EXAMPLES[start:], "Review: film 9\nMood:"]) for start in range(1, 5)]
    fitting = [text for text in possible if len(text) <= limit]
    assert (shorter.text if shorter else None) == (fitting[0] if fitting else None)


def test_one_that_is_no_few_shot_prompt_is_never_cut() -> None:
    assert shortened(prompt("word " * 100), lambda one: len(one.text) < 20) is None


def test_several_datapoints_with_different_examples() -> None:
    made = multiplied([prompt(LABELED), prompt("plain"), prompt(LABELED, "valid")], 4, 0)
    assert [one.id for one in made] == ["p", "p+1", "p+2", "p+3", "p", "p"]
    assert len({one.text for one in made[:4]}) == 4
    for one in made[1:4]:
        parts = few_shot_in(one.text) or few_shot_in(LABELED)
        assert parts
        assert one.text.startswith("Say the mood.\n\n")
        assert one.text.endswith("\n\nReview: film 9\nMood:")
        inside = one.text.removeprefix("Say the mood.\n\n").removesuffix("\n\nReview: film 9\nMood:").split("\n\n")
        assert set(inside) <= set(EXAMPLES)
        assert one.metadata["few_shot_of"] == "p"
    assert made == multiplied([prompt(LABELED), prompt("plain"), prompt(LABELED, "valid")], 4, 0)
    assert multiplied([prompt(LABELED)], 1, 0) == [prompt(LABELED)]
    assert len(multiplied([prompt(ARROWS)], 50, 0)) == 3, "two examples have two parts that are neither all nor none"
