"""What the report of the prompts is told, checked by hand."""

from preceptor.pipeline.prompt_facts import prompt_facts
from preceptor.pipeline.recipe import PromptsConfig
from preceptor.prompts.private import PrivacyConfig, treat
from preceptor.prompts.private_report import privacy_report
from preceptor.prompts.tables import Table
from preceptor.records import Message, Prompt
from preceptor.reporting.prompt_data import PromptFacts


def prompt(name: str, user: str | None, split: str = "train", **more: object) -> Prompt:
    fields = {"id": name, "user": user, "split": split, "source": "customer", **more}
    return Prompt.model_validate({**fields, "messages": (Message(role="user", content=name),)})


def predicted(use_case: str) -> dict[str, object]:
    return {"predicted": {"use_case": use_case, "probability": 0.6}}


LABELED = {"labels": {"use_case": "chat", "num_labelers": 2, "num_simulated": 1}, "unsafe": {"score": 0.9}}


def made() -> PromptFacts:
    sets = {
        "sft": [prompt("a", "ann", use_case="chat"), prompt("bb", "ann", metadata=predicted("extract")),
                prompt("ccc", "ben", "valid", use_case="rewrite", metadata=predicted("chat"))],
        "reward-2": [prompt("dddd", None, source="labeler"), prompt("eeeee", "ann", use_case="chat", metadata=LABELED)],
    }  # fmt: skip
    config = PrivacyConfig()
    text = "write to jane@example.org"
    report = privacy_report([(text, treat(text, config)), ("nothing", treat("nothing", config))], config)
    steps = [("exact duplicate", 9, 3), ("language", 6, 1)]
    tables = {"steps": [Table("Steps", ("step", "read"), [("exact duplicate", "9")])]}
    return prompt_facts(
        sets, steps, {"en": 5}, report, None, lambda row: len(row.text), "words",
        PromptsConfig(num_sft=7, num_reward=8), tables,
    )  # fmt: skip


def test_parts_and_sizes() -> None:
    facts = made()
    assert [(part.name, part.num_prompts, part.per_user) for part in facts.parts] == [
        ("sft train", 2, (2,)), ("sft valid", 1, (1,)), ("reward-2 train", 2, (1,)),
    ]  # fmt: skip
    assert facts.wanted == {"sft": 7, "reward-2": 8}
    assert facts.per_user == (3, 1)
    assert facts.parts[2].by_source == {"labeler": 1, "customer": 1}
    assert facts.num_prompts == 5


def test_given_use_cases_and_predicted_ones_stand_apart() -> None:
    given, guessed = made().use_cases()
    assert given == {"chat": 2, "rewrite": 1}
    assert guessed == {"extract": 1}, "where somebody said it, what was predicted does not count"


def test_what_is_flagged_and_who_labeled() -> None:
    facts = made()
    assert [part.num_unsafe for part in facts.parts] == [0, 0, 1]
    assert facts.num_labeled_by_simulated == 1
    assert facts.screened_by is None


def test_lengths_steps_and_personal_data() -> None:
    facts = made()
    assert [part.lengths for part in facts.parts] == [(1, 2), (3,), (4, 5)]
    assert facts.lengths_by_use_case["chat"] == (1, 5)
    assert facts.lengths_by_source == {"customer": (1, 2, 3, 5), "labeler": (4,)}
    assert facts.num_raw == 9
    assert [(step.num_left, step.finds_duplicates) for step in facts.steps] == [(6, True), (5, False)]
    assert (facts.num_messages, facts.num_with_private) == (2, 1)
    email = next(one for one in facts.private if one.kind == "email")
    assert (email.action, email.num_found, email.examples) == ("mask", 1, ("write to [EMAIL]",))
    assert facts.tables["steps"][0].rows == (("exact duplicate", "9"),)
