"""What every kind of task keeps, whoever adds it; runs over the registry."""

import json
import random
from typing import Any

import pytest
from pydantic import ValidationError

from preceptor.labeling.outcomes import Refused
from preceptor.labeling.pages.rendering import HERE
from preceptor.labeling.tasks import Task, Work, kinds
from preceptor.records import Labeler
from tests.labeling.tasks.samples import SAMPLES, Sample

EVERY = pytest.mark.parametrize("kind", sorted(kinds()))
MODELS = ("sft", "ppo")
"""Names of models in the samples, which no labeler may see."""


def drawn(task: Task, sample: Sample, seed: int = 0) -> Any:
    return task.show(sample.item, task.Settings(), random.Random(seed))


def good(task: Task, sample: Sample, shown: Any) -> Any:
    return task.Answer.model_validate_json(json.dumps(sample.answer(shown)), strict=True)


def test_every_kind_has_a_sample() -> None:
    assert set(SAMPLES) == set(kinds())


@EVERY
def test_a_kind_is_known_by_its_file_and_has_its_template(kind: str) -> None:
    task = kinds()[kind]
    assert type(task).__module__.endswith(f".{kind}")
    assert (HERE / "templates" / "tasks" / f"{kind}.html").is_file()
    assert task.title


@EVERY
def test_what_is_shown_is_the_same_after_a_reload_and_survives_the_store(kind: str) -> None:
    task, sample = kinds()[kind], SAMPLES[kind]
    shown = drawn(task, sample)
    assert shown == drawn(task, sample)
    assert task.Shown.model_validate_json(shown.model_dump_json(), strict=True) == shown
    assert type(sample.item).model_validate_json(sample.item.model_dump_json(), strict=True) == sample.item


@EVERY
def test_no_model_is_named_to_labelers(kind: str) -> None:
    task, sample = kinds()[kind], SAMPLES[kind]
    for seed in range(20):
        shown = drawn(task, sample, seed)
        text = json.dumps(task.view(sample.item, shown, task.Settings()))
        assert not [name for name in MODELS if f'"{name}"' in text]
        ids = [one.id for one in getattr(sample.item, "responses", ())]
        assert not [name for name in ids if f'"{name}"' in text], "ids may tell the models"


@EVERY
def test_the_draft_that_one_begins_with_is_no_answer_yet_and_is_plain_json(kind: str) -> None:
    task, sample = kinds()[kind], SAMPLES[kind]
    shown = drawn(task, sample)
    content = task.start(sample.item, shown, task.Settings())
    assert json.loads(json.dumps(content)) == content


@EVERY
def test_a_good_answer_is_taken_and_a_bad_one_refused(kind: str) -> None:
    task, sample = kinds()[kind], SAMPLES[kind]
    shown = drawn(task, sample)
    task.verify(sample.item, shown, good(task, sample, shown))

    def take_bad() -> None:
        bad = task.Answer.model_validate_json(json.dumps(sample.bad(shown)), strict=True)
        task.verify(sample.item, shown, bad)

    with pytest.raises((Refused, ValidationError)):
        take_bad()


@EVERY
def test_unknown_fields_are_refused(kind: str) -> None:
    task, sample = kinds()[kind], SAMPLES[kind]
    content = {**sample.answer(drawn(task, sample)), "unheard_of": 1}
    with pytest.raises(ValidationError, match="unheard_of"):
        task.Answer.model_validate_json(json.dumps(content), strict=True)


@EVERY
def test_concerns_can_be_said(kind: str) -> None:
    task, sample = kinds()[kind], SAMPLES[kind]
    shown = drawn(task, sample)
    found = task.concerns(sample.item, shown, good(task, sample, shown), settings=task.Settings(), active_s=0.0)
    assert all(one.text.format(**one.values) for one in found)


@EVERY
def test_records_carry_the_labeler_and_make_the_round_trip(kind: str) -> None:
    task, sample = kinds()[kind], SAMPLES[kind]
    shown = drawn(task, sample)
    labeler = Labeler(id="l1", group="held_out", origin="simulated")
    work = Work("key", sample.item, shown, good(task, sample, shown), labeler, {"guideline": "g v1"})
    for record in task.to_records(work):
        assert type(record).model_validate_json(record.model_dump_json(), strict=True) == record
        assert getattr(record, "labeler", labeler) == labeler
        assert getattr(record, "metadata", {}).get("guideline") == "g v1"


@EVERY
def test_judgements_name_things_alike_for_everybody(kind: str) -> None:
    task, sample = kinds()[kind], SAMPLES[kind]
    places = []
    for seed in range(5):
        shown = drawn(task, sample, seed)
        found = task.judgements(sample.item, shown, good(task, sample, shown))
        places.append({(one.measure, one.scale, one.unit) for one in found})
        assert len(places[-1]) == len(found), "something is judged twice"
    assert all(one == places[0] for one in places)
