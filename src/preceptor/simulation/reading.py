"""What a text says: its claims about the world, its manners, and whether it is a response at all."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property

from preceptor.simulation import lexicon
from preceptor.simulation.facts import ATTRIBUTES, KNOWLEDGE, Entity
from preceptor.simulation.language import base_form, items, negated, sentences, words

DENIALS = ("not true that", "wrong that", "people say that", "people think that", "people believe that")


@dataclass(frozen=True)
class Claim:
    """One thing that a text says of one entity."""

    entity: Entity
    attribute: str
    value: str
    asserted: bool
    """False where the text denies it."""
    sentence: int
    """Number of the sentence that makes the claim."""

    @property
    def is_true(self) -> bool:
        """Whether the world is as the claim says."""
        fact = self.entity.fact(self.attribute)
        return (fact is not None and fact.value == self.value) == self.asserted

    @property
    def is_misconception(self) -> bool:
        """Whether this is the popular wrong belief."""
        fact = self.entity.fact(self.attribute)
        return self.asserted and fact is not None and fact.misconception == self.value


@cache
def _phrases() -> dict[str, tuple[tuple[tuple[str, ...], tuple[tuple[str, str], ...], bool], ...]]:
    """First word → (words, (attribute, value) pairs, asserted) of each way to say a fact, longest first."""
    found: dict[tuple[tuple[str, ...], bool], list[tuple[str, str]]] = {}
    for attribute, values in KNOWLEDGE.values.items():
        for value in values:
            for template in ATTRIBUTES[attribute].predicates:
                predicate = template.format(v=value)
                for said, asserted in (
                    (predicate, True), (base_form(predicate), True), (negated(predicate), False),
                    ("does not " + base_form(predicate), False),
                ):  # fmt: skip
                    for article in (said, said.replace(" a ", " an ")):
                        pairs = found.setdefault((tuple(words(article)), asserted), [])
                        if (attribute, value) not in pairs:
                            pairs.append((attribute, value))
    by_first: dict[str, list[tuple[tuple[str, ...], tuple[tuple[str, str], ...], bool]]] = {}
    for (said_words, asserted), pairs in found.items():
        by_first.setdefault(said_words[0], []).append((said_words, tuple(pairs), asserted))
    return {first: tuple(sorted(rows, key=lambda row: -len(row[0]))) for first, rows in by_first.items()}


@cache
def _names() -> dict[str, tuple[tuple[tuple[str, ...], Entity], ...]]:
    """First word → (words of the name, entity), longest first."""
    rows = sorted(((tuple(words(e.name)), e) for e in KNOWLEDGE.entities), key=lambda row: -len(row[0]))
    return {first: tuple(row for row in rows if row[0][0] == first) for first in {row[0][0] for row in rows}}


def _claim(entity: Entity, pairs: tuple[tuple[str, str], ...], asserted: bool, number: int) -> Claim:
    """The claim among several readings of one phrase: the one that fits the entity, if any does."""
    claims = [Claim(entity, attribute, value, asserted, number) for attribute, value in pairs]
    fitting = [claim for claim in claims if entity.fact(claim.attribute)]
    return next((claim for claim in fitting if claim.is_true == asserted), (fitting or claims)[0])


def _read_sentence(text: str, number: int, subject: Entity | None) -> tuple[list[Claim], list[Entity], Entity | None]:
    """Claims and subjects of one sentence; the last subject goes on to the next ('it')."""
    tokens = tuple(words(text))
    joined = " ".join(tokens)
    deny_from = min((joined.find(mark) for mark in DENIALS if mark in joined), default=-1)
    claims: list[Claim] = []
    subjects: list[Entity] = []
    denied, position = False, 0
    while position < len(tokens):
        if deny_from >= 0 and len(" ".join(tokens[:position])) >= deny_from:
            denied = True
        if tokens[position] in ("but", "because"):
            denied, deny_from = False, -1
        for said, pairs, asserted in _phrases().get(tokens[position], ()):
            if tokens[position : position + len(said)] == said:
                if subject is not None:
                    claims.append(_claim(subject, pairs, asserted != denied, number))
                position += len(said)
                break
        else:
            for name, entity in _names().get(tokens[position], ()):
                if tokens[position : position + len(name)] == name:
                    subject = entity
                    subjects.append(entity)
                    position += len(name)
                    break
            else:
                position += 1
    return claims, subjects, subject


@dataclass(frozen=True)
class Reading:
    """A response, read with the topic of its prompt in mind."""

    text: str
    topic: Entity | None = None
    """Whom 'it' means before any name is said."""

    @cached_property
    def words(self) -> list[str]:
        """Lower-case words."""
        return words(self.text)

    @cached_property
    def joined(self) -> str:
        """The words with one space around each: ` the owl eats mice `."""
        return f" {' '.join(self.words)} "

    @cached_property
    def sentences(self) -> list[str]:
        """The sentences."""
        return sentences(self.text)

    @cached_property
    def items(self) -> list[str]:
        """The items, if it is read as a list."""
        return items(self.text)

    @cached_property
    def _parsed(self) -> tuple[list[Claim], list[list[Entity]]]:
        claims: list[Claim] = []
        subjects: list[list[Entity]] = []
        subject = self.topic
        for number, text in enumerate(self.sentences):
            found, named, subject = _read_sentence(text, number, subject)
            if not text.endswith("?"):
                claims += found
            subjects.append(named)
        return claims, subjects

    @property
    def claims(self) -> list[Claim]:
        """What it says about the world, questions left out."""
        return self._parsed[0]

    @property
    def subjects(self) -> list[list[Entity]]:
        """The entities that each sentence is about: named, and not merely part of what is said of another."""
        return self._parsed[1]

    def says(self, phrase: str) -> bool:
        """Whether the words of a phrase stand in the text, whole and in order."""
        return f" {' '.join(words(phrase))} " in self.joined

    def says_any(self, phrases: Iterable[str]) -> bool:
        """Whether any of the phrases stands in the text."""
        return any(self.says(phrase) for phrase in phrases)

    def count(self, phrases: Iterable[str]) -> int:
        """How often the phrases occur together."""
        return sum(self.joined.count(f" {' '.join(words(phrase))} ") for phrase in phrases)

    @cached_property
    def is_rude(self) -> bool:
        """Whether it holds an insult."""
        return self.says_any(lexicon.RUDE_MARKS)

    @cached_property
    def num_hedges(self) -> int:
        """How often it takes back what it says."""
        return self.count(lexicon.HEDGE_MARKS)

    @cached_property
    def is_refusal(self) -> bool:
        """Whether it declines."""
        return self.says_any(lexicon.REFUSAL_MARKS)

    @cached_property
    def num_requests(self) -> int:
        """Sentences that ask for something instead of giving it."""
        return sum(_is_request(text) for text in self.sentences)

    @cached_property
    def chatter(self) -> float:
        """Share of sentences that are idle talk."""
        if not self.sentences:
            return 0.0
        return sum(Reading(text).says_any(lexicon.CHATTER_MARKS) for text in self.sentences) / len(self.sentences)

    @cached_property
    def repetition(self) -> float:
        """How much is said again: share of repeated sentences, or of repeated runs of five words beyond 0.15."""
        runs = Counter(tuple(self.words[i : i + 5]) for i in range(len(self.words) - 4))
        total = sum(runs.values())
        by_words = sum(count - 1 for count in runs.values()) / total if total else 0.0
        by_sentence = 1 - len({text.lower() for text in self.sentences}) / max(1, len(self.sentences))
        return max(by_sentence, (by_words - 0.15) / 0.85)

    @cached_property
    def is_finished(self) -> bool:
        """Whether it ends as a sentence does."""
        return self.text.rstrip(" \"'\n").endswith((".", "!", "?"))


def _is_request(text: str) -> bool:
    tokens = words(text)
    if not tokens or text.lower().startswith(("user", "q:", "question", "assistant")):
        return True
    if tokens[0] in lexicon.REQUEST_VERBS:
        return True
    return text.endswith("?") and tokens[0] in lexicon.QUESTION_WORDS
