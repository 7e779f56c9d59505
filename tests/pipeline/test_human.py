"""What counts as people's feedback, and which prompts there are."""

from pathlib import Path

import pytest

from preceptor.errors import UserError
from preceptor.pipeline.human import HumanFeedback
from preceptor.pipeline.recipe import Recipe
from preceptor.records import Demonstration, Labeler, Message, Prompt, Record, write_artifact

ANNA, HANA = Labeler(id="anna"), Labeler(id="hana", group="held_out")


def feedback(data: Path) -> tuple[HumanFeedback, list[str]]:
    said: list[str] = []
    return HumanFeedback(data, Recipe(feedback="human"), said.append), said


def prompt(name: str, **fields: object) -> Prompt:
    return Prompt.model_validate({"id": name, "messages": (Message(role="user", content=f"Ask {name}"),), **fields})


def demonstrated(asked: Prompt, labeler: Labeler) -> Demonstration:
    return Demonstration(id=asked.id, prompt=asked, response="Yes.", labeler=labeler)


def ids(rows: list[Prompt]) -> list[str]:
    return [row.id for row in rows]


def test_a_prompt_that_was_labeled_counts_once_with_its_label(tmp_path: Path) -> None:
    labeled = prompt("b", use_case="chat")
    write_artifact(tmp_path / "labels-prompts", [labeled], "prompts", notes={"labeler_origin": "human"})
    write_artifact(tmp_path / "mine", [prompt("a"), prompt("b")], "prompts")
    found = feedback(tmp_path)[0].prompts()
    assert sorted(ids(found)) == ["a", "b"]
    assert {row.use_case for row in found if row.id == "b"} == {"chat"}


def test_prompts_of_simulated_labelers_are_none_of_people_s(tmp_path: Path) -> None:
    write_artifact(tmp_path / "mine", [prompt("a")], "prompts")
    notes: dict[str, object] = {"labeler_origin": "simulated"}
    write_artifact(tmp_path / "labels-prompts-simulated", [prompt("s")], "prompts", notes=notes)  # type: ignore[arg-type]
    people, said = feedback(tmp_path)
    assert ids(people.prompts()) == ids(people.prompts()) == ["a"]
    assert said == [
        "data/labels-prompts-simulated: 1 rows by simulated labelers are left out, since `feedback` is human"
    ]


def test_what_held_out_labelers_asked_is_no_prompt(tmp_path: Path) -> None:
    """In a conversation they write the prompt, too; a user's prompt that they responded to is as good as any."""
    rows: list[Record] = [
        demonstrated(prompt("held out", source="labeler"), HANA), demonstrated(prompt("a user's"), HANA),
        demonstrated(prompt("anna's", source="labeler"), ANNA),
    ]  # fmt: skip
    write_artifact(tmp_path / "talks", rows, "demonstrations")
    assert ids(feedback(tmp_path)[0].prompts()) == ["a user's", "anna's"]


def test_without_prompts_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no prompts yet"):
        feedback(tmp_path)[0].prompts()
