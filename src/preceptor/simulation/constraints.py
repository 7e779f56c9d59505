"""Explicit constraints of a request: how they are asked for, kept and checked."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from preceptor.simulation.language import NUMBER_WORDS, pick, words
from preceptor.simulation.reading import Reading

Constraint = Mapping[str, Any]
"""`{"kind": ..., "value": ...}`; kinds: sentences, items, include, avoid, max_words, ending."""

INCLUDED = {
    "river": "It happened near a river.",
    "moonlight": "The moonlight was very bright.",
    "birthday cake": "Everybody ate birthday cake.",
    "wind": "The wind was cold.",
    "song": "Somebody sang a song.",
    "snow": "Snow fell from the sky.",
    "friend": "It was good to have a friend.",
}
AVOIDED = ("old", "way", "happy", "home", "little", "went", "lives", "eats", "forest", "friends", "dark", "also")
FINAL_WORDS = ("The end.", "Good night.", "That is all.", "Have a nice day.")


def draw_constraint(generator: np.random.Generator, kinds: Sequence[str]) -> dict[str, Any]:
    """A constraint of one of these kinds."""
    kind = pick(generator, kinds)
    value: Any = {
        "sentences": int(generator.integers(1, 4)),
        "include": pick(generator, tuple(INCLUDED)),
        "avoid": pick(generator, AVOIDED),
        "max_words": 5 * int(generator.integers(3, 6)) if "include" not in kinds else 5 * int(generator.integers(4, 7)),
        "ending": pick(generator, FINAL_WORDS),
    }[kind]
    return {"kind": kind, "value": value}


def constraint_request(constraint: Constraint, generator: np.random.Generator) -> str:
    """The sentence that asks for it."""
    value = constraint["value"]
    templates = {
        "sentences": ("Use exactly {n} sentence{s}.", "Write {n} sentence{s}.", "Answer in {n} sentence{s}."),
        "include": ('Use the words "{v}".', 'It must say "{v}".') if " " in str(value)
        else ('Use the word "{v}".', 'It must have the word "{v}" in it.'),
        "avoid": ('Do not use the word "{v}".', 'Never use the word "{v}".'),
        "max_words": ("Use at most {v} words.", "Not more than {v} words."),
        "ending": ('End with "{v}"', 'The last words must be "{v}"'),
    }[constraint["kind"]]  # fmt: skip
    number = NUMBER_WORDS[value] if constraint["kind"] == "sentences" else ""
    return pick(generator, templates).format(v=value, n=number, s="" if number == "one" else "s")


def constraint_score(constraint: Constraint, reading: Reading) -> float:
    """How far a response keeps a constraint: 1 is satisfied, between 0 and 1 is near."""
    kind, value = constraint["kind"], constraint["value"]
    if not reading.words:
        return 0.0
    if kind in ("sentences", "items"):
        found = len(reading.sentences) if kind == "sentences" else len(reading.items)
        return 1.0 if found == value else max(0.0, 0.6 - 0.3 * abs(found - value))
    if kind == "max_words":
        return 1.0 if len(reading.words) <= value else max(0.0, 0.6 - 0.1 * (len(reading.words) - value))
    if kind == "include":
        return float(reading.says(value))
    if kind == "avoid":
        return float(not reading.says(value))
    return float(reading.words[-len(words(value)) :] == words(value))


def keep_constraint(constraint: Constraint, told: list[str]) -> list[str]:
    """Sentences changed so that they keep the constraint, where that is done at the end of writing."""
    kind, value = constraint["kind"], constraint["value"]
    if kind == "include" and not any(Reading(text).says(value) for text in told):
        return [*told[:1], INCLUDED[value], *told[1:]]
    if kind == "ending":
        return [*told, value]
    if kind == "max_words":
        while len(told) > 1 and sum(len(words(text)) for text in told) > value:
            told = told[:-1]
    return told
