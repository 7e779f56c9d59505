"""Entities and facts: how each attribute is asked for and said, and the lookups that tasks and judge share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from preceptor.simulation.knowledge import TABLES
from preceptor.simulation.language import a, pick, with_articles


@dataclass(frozen=True)
class Attribute:
    """A column of the world: ways to ask for it and ways to say it, with `{the}` and `{v}` to fill in."""

    questions: tuple[str, ...]
    predicates: tuple[str, ...]
    """Verb phrases in the third person; the first is the plainest."""


ATTRIBUTES: dict[str, Attribute] = {
    "food": Attribute(("What does {the} eat?", "What food does {the} eat?"), ("eats {v}", "feeds on {v}")),
    "home": Attribute(("Where does {the} live?", "Where can I find {the}?"), ("lives in the {v}",)),
    "skill": Attribute(("What can {the} do?", "What is {the} able to do?"), ("can {v}", "is able to {v}")),
    "color": Attribute(("What color is {the}?", "Which color does {the} have?"), ("is {v}", "has a {v} color")),
    "quirk": Attribute(("What is special about {the}?", "What should I know about {the}?"), ("{v}",)),
    "taste": Attribute(("How does {the} taste?", "What is the taste of {the}?"), ("tastes {v}",)),
    "source": Attribute(("Where does {the} come from?",), ("comes from {v}",)),
    "dish": Attribute(("What is {the} good in?", "How can I use {the} in the kitchen?"), ("is good in {v}",)),
    "fame": Attribute(("What is {the} famous for?", "What is {the} known for?"), ("is famous for its {v}",)),
    "setting": Attribute(("Where does {the} lie?", "Where is {the}?"), ("lies {v}",)),
    "weather": Attribute(("How is the weather in {the}?",), ("has {v} weather",)),
    "purpose": Attribute(("What is {the} used for?", "What do people do with {the}?"), ("is used to {v}",)),
    "material": Attribute(("What is {the} made of?",), ("is made of {v}",)),
    "spot": Attribute(("Where is {the} kept?", "Where should I keep {the}?"), ("is kept in the {v}",)),
    "work": Attribute(("What does {the} do?", "What is the work of {the}?"), ("{v}",)),
    "workplace": Attribute(("Where does {the} work?",), ("works in the {v}",)),
    "need": Attribute(("What does {the} need?",), ("needs a {v}",)),
    "nature": Attribute(("What is {the}?", "What kind of thing is {the}?"), ("is {v}",)),
    "look": Attribute(("What does {the} look like?", "How does {the} look?"), ("looks {v}",)),
    "story": Attribute(("What happened at {the}?", "What was {the}?"), ("was when {v}",)),
    "maker": Attribute(("Who made {the}?", "Who was behind {the}?"), ("was the work of {v}",)),
}  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """What is true of one entity, and the popular misconception if there is one."""

    attribute: str
    value: str
    misconception: str | None

    def predicate(self, generator: np.random.Generator | None = None) -> str:
        """The fact as a verb phrase; one of several with a generator."""
        return say(self.attribute, self.value, generator)


@dataclass(frozen=True)
class Entity:
    """Something that the world knows about."""

    name: str
    kind: str
    bare: bool
    """Whether the name stands without an article: 'Paris', 'honey'."""
    facts: tuple[Fact, ...]

    @property
    def the(self) -> str:
        """'the camel', 'Paris'."""
        return self.name if self.bare else f"the {self.name}"

    @property
    def a(self) -> str:
        """'a camel', 'Paris'; unique things keep 'the'."""
        return self.the if self.bare or self.kind in ("sky", "event") else a(self.name)

    @property
    def pronoun(self) -> str:
        """'it', or 'he' and 'she' for people."""
        return ("he", "she")[len(self.name) % 2] if self.kind == "person" else "it"

    def fact(self, attribute: str) -> Fact | None:
        """The fact of an attribute, if the entity has it."""
        return next((fact for fact in self.facts if fact.attribute == attribute), None)


def say(attribute: str, value: str, generator: np.random.Generator | None = None) -> str:
    """An attribute's value as a verb phrase in the third person."""
    predicates = ATTRIBUTES[attribute].predicates
    predicate = predicates[0] if generator is None else pick(generator, predicates)
    text = predicate.format(v=value)
    return with_articles(text)


class Knowledge:
    """All entities of the world."""

    def __init__(self, entities: Sequence[Entity]) -> None:
        self.entities = tuple(entities)
        self.by_name = {entity.name: entity for entity in entities}
        self._of_kind: dict[tuple[str, ...], tuple[Entity, ...]] = {}

    def of_kind(self, *kinds: str) -> tuple[Entity, ...]:
        """The entities of these kinds."""
        if kinds not in self._of_kind:
            self._of_kind[kinds] = tuple(entity for entity in self.entities if entity.kind in kinds)
        return self._of_kind[kinds]

    @cached_property
    def values(self) -> dict[str, tuple[str, ...]]:
        """Every value, true or wrong, that an attribute takes somewhere."""
        found: dict[str, set[str]] = {}
        for entity in self.entities:
            for fact in entity.facts:
                found.setdefault(fact.attribute, set()).update({fact.value, fact.misconception or fact.value})
        return {attribute: tuple(sorted(values)) for attribute, values in found.items()}

    @cached_property
    def misbelieved(self) -> tuple[tuple[Entity, Fact], ...]:
        """Each fact about which there is a popular misconception, with its entity."""
        return tuple((entity, fact) for entity in self.entities for fact in entity.facts if fact.misconception)

    @cached_property
    def mention(self) -> re.Pattern[str]:
        """Matches the name of any entity."""
        names = sorted(self.by_name, key=len, reverse=True)
        return re.compile(r"\b(" + "|".join(re.escape(name.lower()) for name in names) + r")\b")

    @cached_property
    def lowered(self) -> dict[str, Entity]:
        """Entities by lower-case name."""
        return {name.lower(): entity for name, entity in self.by_name.items()}

    def mentioned(self, text: str) -> list[Entity]:
        """The entities that a text names, in order, with repetitions."""
        return [self.lowered[name] for name in self.mention.findall(text.lower())]

    def wrong_value(self, entity: Entity, attribute: str, generator: np.random.Generator) -> str:
        """A value of this attribute that is neither true of the entity nor its popular misconception."""
        fact = entity.fact(attribute)
        own = set() if fact is None else {fact.value, fact.misconception}
        same_kind = {
            other.value for kin in self.of_kind(entity.kind) for other in kin.facts if other.attribute == attribute
        }
        return pick(generator, sorted(same_kind - own) or sorted(set(self.values[attribute]) - own))


def read_tables() -> Knowledge:
    """The world's entities, from its tables."""
    entities = []
    for kind, (attributes, table) in TABLES.items():
        for row in table.strip().splitlines():
            name, *cells = (cell.strip() for cell in row.split("|"))
            facts = []
            for attribute, cell in zip(attributes, cells, strict=True):
                if cell != "-":
                    value, _, misconception = (part.strip() for part in cell.partition("/"))
                    facts.append(Fact(attribute, value, misconception or None))
            entities.append(Entity(name.removeprefix("~"), kind, name.startswith("~"), tuple(facts)))
    return Knowledge(entities)


KNOWLEDGE = read_tables()
