"""The report of the prompts: complete, escaped, self-contained, and loud where something looks wrong, there only."""

import re
from pathlib import Path

import pytest

from preceptor.reporting.prompt_data import PrivateCount, SetPart, StepCount
from preceptor.reporting.prompt_figures import draw
from preceptor.reporting.prompt_findings import Finding, findings
from preceptor.reporting.prompt_report import SECTIONS, render
from preceptor.reporting.words import share_of
from tests.reporting.example_prompts import example_prompts
from tests.reporting.example_report import HOSTILE
from tests.reporting.pages import Page


def plain(found: list[Finding]) -> str:
    return " ".join(one.text for one in found).replace("\N{NO-BREAK SPACE}", " ")


def warned(section: str, **changes: object) -> str:
    """What the facts, so changed, are warned of in a section."""
    return plain([one for one in findings(example_prompts(**changes))[section] if one.is_warning])


def one_part(num: int, *, per_user: tuple[int, ...] = ()) -> tuple[SetPart, ...]:
    return (SetPart(set="sft", split="train", by_source={"a": num}, per_user=per_user, lengths=(5,) * num),)


def test_page_nests_and_loads_nothing(prompts_path: Path) -> None:
    text = prompts_path.read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "img", "iframe", "object", "embed"} & set(page.tags)
    loads = [value or "" for name, value in page.attributes if name in ("src", "href", "xlink:href", "data", "action")]
    assert all(value.startswith("#") or value == "data:," for value in loads)
    assert not re.search(r"url\((?!#)|@import", text)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value[1:] for value in loads if value.startswith("#")} <= set(ids)


def test_hostile_text_is_escaped_everywhere(prompts_path: Path) -> None:
    text = prompts_path.read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 5  # figures, head and row of a table, an example, configuration


def test_every_section_has_its_sentence_its_table_and_its_figures(prompts_path: Path) -> None:
    text = prompts_path.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    for anchor, name in SECTIONS.items():
        section = text[text.index(f'<section id="{anchor}">') :]
        section = section[: section.index("</section>")]
        assert f"<h2>{name}</h2>" in section
        assert '<p class="text">' in section
        assert "<figure>" in section
    assert "41 % of what came in was a duplicate (8,200 prompts); for other reasons 730 were left out." in text
    assert "Nothing looks wrong." in text
    assert "at [EMAIL] &lt;script&gt;" in text


def test_the_steps_and_the_tables_say_the_same(prompts_path: Path) -> None:
    drawing = draw(example_prompts())["steps"][0]
    assert "exact duplicate leaves 14,800" in drawing.svg
    assert ">14,800  (−5,200)<" in drawing.svg
    assert "<td>5,200</td><td>14,800</td>" in prompts_path.read_text(encoding="utf-8")


def test_nothing_is_wrong_with_the_example() -> None:
    assert [one for found in findings(example_prompts()).values() for one in found if one.is_warning] == []


def test_a_step_that_takes_most_is_warned_of() -> None:
    def steps(num: int) -> tuple[StepCount, ...]:
        return (StepCount(name="language", num_read=1000, num_dropped=num),)

    assert "‘language’ left out 51 % of what it read" in warned("steps", steps=steps(510))
    assert warned("steps", steps=steps(490)) == ""


def test_a_set_far_below_the_size_asked_for_is_warned_of() -> None:
    assert "sft has 99 of 200" in warned("sizes", parts=one_part(99), wanted={"sft": 200})
    assert "asks for" not in warned("sizes", parts=one_part(100), wanted={"sft": 200})


def test_one_user_with_half_of_a_split_is_warned_of() -> None:
    assert "One user wrote 50 % of sft train" in warned("sizes", parts=one_part(40, per_user=(20, 20)))
    assert "One user" not in warned("sizes", parts=one_part(40, per_user=(19, 19, 2)))
    assert "One user" not in warned("sizes", parts=one_part(4, per_user=(4,))), "a part of four says nothing"


def test_prompts_that_name_no_user_are_warned_of() -> None:
    some = {"parts": one_part(40, per_user=(2,) * 5)}
    assert "75 % of the prompts name no user" in warned("sizes", **some, per_user=(2,) * 5)
    assert "name no user" not in warned("sizes", **some, per_user=(2,) * 15)


def test_other_languages_are_warned_of_whether_they_were_left_out_or_not() -> None:
    mixed = {"en": 70, "de": 20, "fr": 10, "und": 500}
    assert "30 % are in other languages than ‘en’, and are in the data" in warned("languages", languages=mixed)
    assert "were left out" in warned("languages", languages=mixed, languages_kept=("en",))
    assert warned("languages", languages=mixed, languages_kept=("en", "de")) == ""
    assert warned("languages", languages={"en": 71, "de": 29}) == ""


def test_long_prompts_count_as_wrong_from_a_twentieth_on() -> None:
    def long(num: int) -> tuple[SetPart, ...]:
        lengths = (2000,) * num + (5,) * (100 - num)
        return (SetPart(set="rl", split="train", by_source={"a": 100}, lengths=lengths),)

    assert "6 (6.0 %) are longer than the 1,024 tokens" in warned("lengths", parts=long(6))
    assert warned("lengths", parts=long(5)) == ""
    assert "5 (5.0 %)" in plain(findings(example_prompts(parts=long(5)))["lengths"])
    assert "longer" not in plain(findings(example_prompts(parts=long(6), unit="words"))["lengths"])


def test_personal_data_that_stays_is_warned_of() -> None:
    def email(action: str) -> tuple[PrivateCount, ...]:
        return (PrivateCount(kind="email", action=action, num_found=3, num_messages=2),)

    assert "stays in the data: email (3)" in warned("private", private=email("keep"))
    assert warned("private", private=email("mask")) == ""
    assert "That is much" in warned("private", num_with_private=1520)
    assert "No personal data" in plain(findings(example_prompts(private=()))["private"])


def test_predicted_use_cases_stand_apart_from_given_ones() -> None:
    facts = example_prompts()
    given, predicted = facts.use_cases()
    said = plain(findings(facts)["use-cases"])
    assert "75 % of the prompts; most often it is generation" in said
    assert (
        f"For {share_of(predicted.total(), facts.num_prompts)} a classifier".replace("\N{NO-BREAK SPACE}", " ") in said
    )
    drawing = draw(facts)["use-cases"][0]
    assert f"given ({facts.use_cases('sft')[0].total():,})" in drawing.svg
    assert f"predicted ({facts.use_cases('sft')[1].total():,})" in drawing.svg
    bare = tuple(part.model_copy(update={"predicted": {}}) for part in facts.parts)
    assert "predicted" not in draw(facts.model_copy(update={"parts": bare}))["use-cases"][0].svg
    assert given.total() + predicted.total() == facts.num_prompts


def test_what_was_flagged_is_said_and_so_is_that_nothing_looked() -> None:
    num = sum(part.num_unsafe for part in example_prompts().parts)
    assert f"‘labels’ flagged {num} prompts in the sets (1.0 %)" in plain(findings(example_prompts())["unsafe"])
    assert "flagged no prompt" in plain(findings(example_prompts(parts=one_part(9)))["unsafe"])
    assert "Nothing looked" in plain(findings(example_prompts(parts=one_part(9), screened_by=None))["unsafe"])
    assert f"Labelers flagged {num}" in plain(findings(example_prompts(screened_by=None))["unsafe"])


def test_simulated_labels_are_called_so() -> None:
    said = plain(findings(example_prompts(num_labeled_by_simulated=12))["use-cases"])
    assert "12 prompts were labeled by simulated labelers." in said
    assert "simulated" not in render(example_prompts())


def test_bare_facts_make_a_page() -> None:
    """No user, no use case, nothing private, a single prompt without a letter, of length 0."""
    part = SetPart(set="sft", split="train", by_source={"": 1}, lengths=(0,))
    bare = example_prompts(
        steps=(), parts=(part,), wanted={}, lengths_by_use_case={}, lengths_by_source={"": (0,)}, languages={"und": 1},
        private=(), num_messages=0, num_with_private=0, per_user=(), tables={}, config={}, num_raw=1,
    )  # fmt: skip
    Page(render(bare))
    assert "Nobody said the use case of any prompt." in render(bare)


@pytest.mark.parametrize("name", ["日本語のログ", "a\nb\tc", "$x_2$", "x" * 5000, "\x00\x07", "&amp;<b>"])
def test_a_source_may_be_called_anything(name: str) -> None:
    parts = one_part(3)
    odd = parts[0].model_copy(update={"by_source": {name: 3}})
    page = render(example_prompts(parts=(odd,), lengths_by_source={name: (1, 2, 3)}))
    Page(page)
    assert "<b>" not in page


def test_same_facts_give_the_same_bytes(prompts_path: Path) -> None:
    assert render(example_prompts()) == prompts_path.read_text(encoding="utf-8")


def test_figures_have_words_for_those_who_cannot_see_them() -> None:
    drawings = [one for row in draw(example_prompts()).values() for one in row]
    labels = [re.search(r'aria-label="([^"]+)"', drawing.svg) for drawing in drawings]
    assert len(drawings) == 14
    assert all(label and len(label.group(1)) > 20 for label in labels)
    for drawing in drawings:
        assert set(re.findall(r"(?:fill|stroke): ?(#[0-9a-f]{3,8})", drawing.svg)) == set(), drawing.title


def test_a_share_is_never_called_nothing_or_all() -> None:
    cases = {(0, 9): "0 %", (1, 9000): "less than 0.1 %", (1, 200): "0.5 %", (41, 100): "41 %", (199, 200): "99.5 %"}
    for (part, whole), words in cases.items():
        assert share_of(part, whole).replace("\N{NO-BREAK SPACE}", " ") == words
    assert share_of(0, 0).startswith("0")
