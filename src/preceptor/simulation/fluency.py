"""Is it the world's English? Word pairs of a response against those of written responses."""

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import numpy as np

from preceptor.simulation.answers import FLAWS, write
from preceptor.simulation.facts import ATTRIBUTES, KNOWLEDGE, Entity, Fact, say
from preceptor.simulation.language import chance, negated, pick, sentence, words
from preceptor.simulation.lexicon import NAMES, OPPOSITES
from preceptor.simulation.reading import Reading
from preceptor.simulation.requests import draw_request
from preceptor.simulation.tasks_knowing import POOLS
from preceptor.simulation.tasks_reading import COLORS, VERBS

_CLASSES = {word: "<adjective>" for pair in OPPOSITES for word in pair} | dict.fromkeys(COLORS, "<color>")
_CLASSES |= {verb: tense for row in VERBS for verb, tense in zip(row, ("<now>", "<past>"), strict=True)}
_CLASSES |= {word: "<pet>" for pet in POOLS["pet"][1] for word in words(pet) if word not in _CLASSES}
_CLASSES |= {name.lower(): "<name>" for name in NAMES} | {
    name: f"<{entity.kind}>" for name, entity in KNOWLEDGE.lowered.items() if " " not in name
}
NUM_REFERENCES = 8000


def classed(tokens: list[str]) -> list[str]:
    """Words with names, entities and numbers replaced by their class."""
    return ["<number>" if token.isdigit() else _CLASSES.get(token, token) for token in tokens]


def pairs(text: str) -> list[tuple[str, str]]:
    """Adjacent words of each sentence, its start and end included."""
    found = []
    for part in Reading(text).sentences:
        row = ["<start>", *classed(words(part)), "<end>"]
        found += list(pairwise(row))
    return found


@cache
def known_pairs() -> frozenset[tuple[str, str]]:
    """The word pairs of many written responses, good and flawed."""
    generator = np.random.default_rng(20)
    texts = []
    for _ in range(NUM_REFERENCES):
        request = draw_request(generator)
        flaws = frozenset({pick(generator, FLAWS)}) if chance(generator, 0.3) else frozenset()
        texts.append(write(request.task, request.spec, generator, flaws))
    texts += [sentence(text) for entity in KNOWLEDGE.entities for fact in entity.facts for text in _ways(entity, fact)]
    texts += [sentence(f"{one}, {two}, {one} and {two}") for _, pool in POOLS.values() for one in pool for two in pool]
    return frozenset(pair for text in texts for pair in pairs(text))


def _ways(entity: Entity, fact: Fact) -> Iterator[str]:
    """All ways in which a fact is stated, or its misconception stated and denied."""
    for value in {fact.value, fact.misconception or fact.value}:
        for template in ATTRIBUTES[fact.attribute].predicates:
            predicate = template.format(v=value)
            yield f"{entity.the} {predicate}"
            yield f"{entity.pronoun} {predicate}"
            yield f"in fact {entity.pronoun} {predicate}"
        yield f"Yes, {entity.the} {say(fact.attribute, value)}"
        yield f"No, {entity.the} {negated(say(fact.attribute, value))}"
        yield f"people say that {entity.the} {say(fact.attribute, value)}, but this is wrong"
        yield f"{entity.the} {say(fact.attribute, value)} because that is its nature"


def fluency(reading: Reading) -> float:
    """Share of known word pairs (0.55 or less counts 0, 0.95 or more counts 1), less what is repeated or unfinished."""
    found = pairs(reading.text)
    if not found:
        return 0.0
    share = sum(pair in known_pairs() for pair in found) / len(found)
    score = min(1.0, max(0.0, (share - 0.55) / 0.4))
    ending = 1.0 if reading.is_finished else 0.85
    return score * ending * (1 - reading.repetition) ** 2
