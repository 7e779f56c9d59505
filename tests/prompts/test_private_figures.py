"""The labelled file and what is measured on it: floors below the figures of docs/prompts.md."""

from benchmarks.prompts.private import KINDS, TEMPLATES, Labelled, errors, figures, labelled_prompts
from preceptor.prompts.private import Finding, PrivateKind

FLOORS = {
    "url_credentials": (0.98, 0.98),
    "email": (0.97, 0.98),
    "iban": (0.98, 0.97),
    "card": (0.98, 0.97),
    "national_id": (0.97, 0.97),
    "ip": (0.98, 0.97),
    "phone": (0.92, 0.93),
    "address": (0.95, 0.96),
    "name": (0.83, 0.96),
}
"""Least recall and precision on other values than those that the page speaks of."""


def test_recall_and_precision_stay_above_their_floors() -> None:
    found = figures(labelled_prompts(seed=2, num_each=20))
    low = {
        kind: (one.recall.value, one.precision.value)
        for kind, one in found.items()
        if one.recall.value < FLOORS[kind][0] or one.precision.value < FLOORS[kind][1]
    }
    assert set(found) == set(KINDS) == set(FLOORS)
    assert not low
    assert all(one.num_labelled >= 80 and one.recall.low < one.recall.high for one in found.values())


def test_the_file_is_made_by_seed_and_its_labels_are_its_values() -> None:
    rows = labelled_prompts(seed=0, num_each=2)
    assert rows == labelled_prompts(seed=0, num_each=2) != labelled_prompts(seed=1, num_each=2)
    assert len(rows) == 4 * len(TEMPLATES)
    assert sum(not row.findings for row in rows) == len(rows) // 2
    row = next(row for row in rows if row.text.startswith("Write a reply to "))
    assert row.text[row.findings[0].start : row.findings[0].end] == row.text[17 : row.text.index(" and say")]


def test_a_miss_a_wrong_place_and_a_false_alarm_are_counted() -> None:
    text = "mail jane@mail.example or 203.0.113.77"
    rows = [
        Labelled(text, (Finding("email", 5, 22), Finding("ip", 26, 38))),
        Labelled(text, (Finding("email", 5, 21),)),
        Labelled("nobody is named as Anna Smith is", (Finding("name", 19, 29),)),
    ]
    others: list[tuple[PrivateKind, str]] = [
        ("url_credentials", "ftp://a:b@c.example"), ("iban", "AT611904300234573201"), ("card", "5555555555554444"),
        ("national_id", "12345678Z"), ("phone", "+44 20 7946 0958"), ("address", "12 Main Street"),
    ]  # fmt: skip
    rows += [Labelled(value, (Finding(kind, 0, len(value)),)) for kind, value in others]
    rows += [Labelled("my name is Anna.", (Finding("name", 11, 15),))]
    found = figures(rows)
    assert (found["email"].recall.value, found["email"].precision.value, found["email"].hidden.value) == (0.5, 0.5, 1)
    assert (found["ip"].recall.value, found["ip"].precision.value) == (1, 0.5)
    assert (found["name"].recall.value, found["name"].precision.value) == (0.5, 1)
    assert len(errors(rows, "email")) == 2
