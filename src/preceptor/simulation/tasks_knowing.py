"""Open questions, brainstorming, and questions that go on from an earlier turn."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from preceptor.records import Message
from preceptor.simulation.facts import ATTRIBUTES, KNOWLEDGE, Entity, say
from preceptor.simulation.language import (
    NUMBER_WORDS,
    asked,
    chance,
    negated,
    pick,
    sample,
    sentence,
    upper_first,
    words,
)  # fmt: skip
from preceptor.simulation.reading import Claim, Reading
from preceptor.simulation.task import Args, Asked, Check, Parts, Task, has


def short_value(attribute: str, value: str) -> str:
    """The value as a few-shot example gives it: one short sentence without a subject."""
    return sentence(say(attribute, value).removeprefix("is "))


def about_fact(reading: Reading, args: Args) -> list[Claim]:
    """What the response claims of the attribute that was asked for."""
    return [c for c in reading.claims if c.entity.name == args["topic"] and c.attribute == args["attribute"]]


class FactQuestion(Task):
    """One plain question about one fact."""

    name, use_case, weight = "fact_question", "open_qa", 0.5
    constraints = ("max_words", "ending", "sentences")
    max_words = 26

    def ask(self, generator: np.random.Generator) -> Asked:
        entity = pick(generator, KNOWLEDGE.entities)
        fact = pick(generator, entity.facts)
        templates = ATTRIBUTES[fact.attribute].questions
        question = upper_first(pick(generator, templates).format(the=entity.the))
        kin = [kin for kin in KNOWLEDGE.of_kind(entity.kind) if kin != entity and kin.fact(fact.attribute)]
        examples = tuple(
            f"{upper_first(templates[0].format(the=kin.the))} -> {short_value(other.attribute, other.value)}"
            for kin in sample(generator, kin, 2)
            if (other := kin.fact(fact.attribute))
        )
        return Asked(question, {"topic": entity.name, "attribute": fact.attribute}, examples=examples, bare=question)

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        entity = KNOWLEDGE.by_name[args["topic"]]
        fact = entity.fact(args["attribute"])
        assert fact is not None
        value = fact.misconception if is_false and fact.misconception else fact.value
        told = [sentence(f"{entity.the} {say(fact.attribute, value, generator)}")]
        others = sample(generator, [other for other in entity.facts if other != fact], 2)
        more = [sentence(f"{entity.pronoun} {other.predicate(generator)}") for other in others]
        num = num or 1 + int(chance(generator, 0.35))
        return Parts((told + more)[:num])

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        claims = about_fact(reading, args)
        right = any(claim.is_true and claim.asserted for claim in claims)
        same_kind = float(any(c.entity.name == args["topic"] for c in reading.claims))
        return (
            has("topic", 0.2, reading, args["topic"], KNOWLEDGE.by_name[args["topic"]].pronoun),
            Check("told", 0.5, 1.0 if claims else 0.4 * same_kind),
            Check("right", 0.3, float(right)),
        )

    def can_be_false(self, args: Args) -> bool:
        fact = KNOWLEDGE.by_name[args["topic"]].fact(args["attribute"])
        return fact is not None and fact.misconception is not None

    def wrong_claim(self, args: Args, generator: np.random.Generator) -> str | None:
        entity = KNOWLEDGE.by_name[args["topic"]]
        fact = pick(generator, entity.facts)
        wrong = KNOWLEDGE.wrong_value(entity, fact.attribute, generator)
        return sentence(f"{entity.the} {say(fact.attribute, wrong, generator)}")


class IsItTrue(Task):
    """A popular belief, or a plain fact, to be confirmed or denied."""

    name, use_case, weight = "is_it_true", "open_qa", 0.2
    max_words = 30

    def ask(self, generator: np.random.Generator) -> Asked:
        is_myth = chance(generator, 0.6)
        if is_myth:
            entity, fact = pick(generator, KNOWLEDGE.misbelieved)
            predicate = say(fact.attribute, str(fact.misconception))
        else:
            entity = pick(generator, KNOWLEDGE.entities)
            fact = pick(generator, entity.facts)
            predicate = fact.predicate()
        question = pick(
            generator,
            (
                f"Is it true that {entity.the} {predicate}?", f"{upper_first(asked(entity.the, predicate))}?",
                f"My friend says that {entity.the} {predicate}. Is that right?",
            ),
        )  # fmt: skip
        return Asked(question, {"topic": entity.name, "attribute": fact.attribute, "myth": is_myth})

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        entity = KNOWLEDGE.by_name[args["topic"]]
        fact = entity.fact(args["attribute"])
        assert fact is not None
        the, truth = entity.the, say(fact.attribute, fact.value)
        if not args["myth"]:
            return Parts([pick(generator, (f"Yes, {the} {truth}.", f"Yes, that is true, {the} {truth}."))])
        myth = say(fact.attribute, str(fact.misconception))
        if is_false:
            return Parts([pick(generator, (f"Yes, {the} {myth}.", f"Yes, that is true, {the} {myth}."))])
        told = f"No, {the} {negated(myth)}."
        truth = sentence(f"{pick(generator, (entity.pronoun, 'in fact ' + entity.pronoun))} {truth}")
        return Parts([told, truth], needed=(1,))

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        claims = about_fact(reading, args)
        verdict = "no" if args["myth"] else "yes"
        said = reading.words[:1] == [verdict]
        truth = any(claim.is_true and claim.asserted for claim in claims)
        return (
            Check("verdict", 0.45, float(said) if claims else 0.5 * said),
            has("topic", 0.2, reading, args["topic"]),
            Check("truth", 0.35, float(truth)),
        )

    def can_be_false(self, args: Args) -> bool:
        return bool(args["myth"])


class FalsePremise(Task):
    """A question that takes a popular misconception for granted; the good response says so."""

    name, use_case, weight = "false_premise", "open_qa", 0.2
    max_words = 36

    def ask(self, generator: np.random.Generator) -> Asked:
        entity, fact = pick(generator, KNOWLEDGE.misbelieved)
        predicate = say(fact.attribute, str(fact.misconception))
        question = pick(
            generator,
            (
                f"Why {asked(entity.the, predicate)}?", f"Explain why {entity.the} {predicate}.",
                f"What is the reason that {entity.the} {predicate}?",
            ),
        )  # fmt: skip
        return Asked(question, {"topic": entity.name, "attribute": fact.attribute}, false_premise=True)

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        entity = KNOWLEDGE.by_name[args["topic"]]
        fact = entity.fact(args["attribute"])
        assert fact is not None
        myth = say(fact.attribute, str(fact.misconception))
        if is_false:
            reason = pick(generator, ("that keeps it safe", "it has always been so", "that is its nature"))
            return Parts([sentence(f"{entity.the} {myth} because {reason}")])
        denial = pick(
            generator,
            (
                f"In fact {entity.the} {negated(myth)}.", f"It is not true that {entity.the} {myth}.",
                f"People say that {entity.the} {myth}, but this is wrong.",
            ),
        )  # fmt: skip
        return Parts([denial, sentence(f"{entity.pronoun} {say(fact.attribute, fact.value)}")], needed=(0, 1))

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        claims = about_fact(reading, args)
        return (
            has("topic", 0.2, reading, args["topic"]),
            Check("denial", 0.45, float(any(c.is_true and not c.asserted for c in claims))),
            Check("truth", 0.35, float(any(c.is_true and c.asserted for c in claims))),
        )

    def can_be_false(self, args: Args) -> bool:
        return True


POOLS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "gift": (
        ("{n} ideas for a gift for a {p}", "{n} gifts for a {p}", "{n} things that I could give to a {p}"),
        (
            "a warm coat", "a good book", "a box of plums", "a red kite", "a small clock", "a fine pen",
            "a basket of pears", "a wooden spoon", "a new umbrella", "a jar of honey", "a paper lamp", "a silver bell",
        ),
    ),
    "trip": (
        ("{n} things to do in {c}", "{n} ideas for a day in {c}", "{n} ways to spend a morning in {c}"),
        (
            "walk through the old streets", "visit a museum", "eat fresh bread", "listen to music in a park",
            "paint a picture", "buy fruit at the market", "ride a boat", "take a long walk", "talk to a fisherman",
            "see an old church", "drink tea in a garden",
        ),
    ),
    "rain": (
        ("{n} games for a rainy day", "{n} things to do on a wet Sunday", "{n} ideas for a day at home"),
        (
            "play a game of cards", "read a story aloud", "bake a cake", "build a house from boxes",
            "write a letter to a friend", "draw a map of the town", "sing old songs", "make a paper boat",
            "count the raindrops", "tell stories by a candle",
        ),
    ),
    "learn": (
        ("{n} ways to learn a new language", "{n} tips for learning English", "{n} ideas to study better"),
        (
            "read a little every day", "learn ten words a day", "speak with a friend", "write a short diary",
            "listen to songs", "sleep well before a test", "teach someone else", "ask many questions",
            "make small cards", "study in a quiet room",
        ),
    ),
    "save": (
        ("{n} ways to save money", "{n} tips to spend less", "{n} ideas to save water and money at home"),
        (
            "cook at home", "mend old clothes", "walk to work", "grow your own onions", "share a boat",
            "turn off the lamp", "buy in the evening", "take short baths", "make gifts yourself", "keep a list",
        ),
    ),
    "pet": (
        ("{n} names for a {a}", "{n} good names for my {a}", "{n} funny names for a pet {a}"),
        (
            "Spot", "Luna", "Misty", "Captain", "Button", "Ginger Joe", "Shadow", "Biscuit", "Sunny", "Whisper",
            "Lady Blue", "Pirate",
        ),
    ),
}  # fmt: skip
ASKING = ("List {x}.", "Give me {x}.", "Name {x}.", "Suggest {x}.", "I need {x}.")


class Ideas(Task):
    """So many ideas for something."""

    name, use_case, weight = "ideas", "brainstorming", 0.7
    may_ask = True
    max_words = 40

    def ask(self, generator: np.random.Generator) -> Asked:
        theme, num = pick(generator, tuple(POOLS)), int(generator.integers(2, 6))
        phrase = pick(generator, POOLS[theme][0]).format(
            n=NUMBER_WORDS[num],
            p=pick(generator, KNOWLEDGE.of_kind("person")).name,
            c=pick(generator, KNOWLEDGE.of_kind("place")).name,
            a=pick(generator, [e for e in KNOWLEDGE.of_kind("animal") if e.name[0] not in "aeiou"]).name,
        )
        args = {"theme": theme, "num": num}
        text = pick(generator, ASKING).format(x=phrase)
        return Asked(text, args, constraint={"kind": "items", "value": num})

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        return Parts([], items=sample(generator, POOLS[args["theme"]][1], args["num"]))

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        pool = [words(idea) for idea in POOLS[args["theme"]][1]]
        return list_checks(reading, args["num"], lambda item: _best(item, pool))


def list_checks(reading: Reading, num: int, match: Callable[[str], tuple[int, float]]) -> Sequence[Check]:
    """How many of the wanted items are there, fit and differ; `match` gives an item's number (−1: none) and its fit."""
    found: dict[int, float] = {}
    for item in reading.items:
        which, fit = match(item)
        if which >= 0:
            found[which] = max(found.get(which, 0.0), fit)
    good = sum(found.values())
    useless = max(0.0, len(reading.items) - good)
    return (
        Check("items", 0.65, min(1.0, good / num)),
        Check("only items", 0.2, good / (good + useless) if good else 0.0),
        Check("number", 0.15, float(len(reading.items) == num and good > 0)),
    )


def _best(item: str, pool: Sequence[Sequence[str]]) -> tuple[int, float]:
    """Which idea of the pool an item is, and how much of it is there; -1 below half."""
    said = set(words(item))
    fits = [len(said & set(idea)) / len(said | set(idea)) for idea in pool]
    best = int(np.argmax(fits))
    return (best, fits[best]) if fits[best] > 0.5 else (-1, 0.0)


GROUPS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "home": ("animal", "animals that live in the {v}", ("forest", "sea", "house", "open plain", "mountains", "pond")),
    "food": ("animal", "animals that eat {v}", ("grass", "fish", "insects", "leaves", "meat", "plants")),
    "taste": ("food", "foods that taste {v}", ("sweet", "salty", "sour", "mild")),
    "material": ("tool", "things that are made of {v}", ("iron", "metal", "wood", "glass")),
    "setting": ("place", "cities that lie {v}", ("by the sea", "by a river")),
}


class Members(Task):
    """So many entities of which a fact is true."""

    name, use_case, weight = "members", "brainstorming", 0.3
    max_words = 30

    def ask(self, generator: np.random.Generator) -> Asked:
        attribute = pick(generator, tuple(GROUPS))
        _, phrase, values = GROUPS[attribute]
        value = pick(generator, values)
        num = min(int(generator.integers(2, 5)), len(_members(attribute, value)))
        text = pick(generator, ASKING[:3]).format(x=f"{NUMBER_WORDS[num]} {phrase.format(v=value)}")
        args = {"attribute": attribute, "value": value, "num": num}
        return Asked(text, args, constraint={"kind": "items", "value": num})

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        found = sample(generator, _members(args["attribute"], args["value"]), args["num"])
        return Parts([], items=[entity.the for entity in found])

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        names = [entity.name.lower() for entity in _members(args["attribute"], args["value"])]

        def match(item: str) -> tuple[int, float]:
            bare = re.sub(r"^(the|an?) ", "", item.lower())
            return (names.index(bare), 1.0) if bare in names else (-1, 0.0)

        return list_checks(reading, args["num"], match)


def _members(attribute: str, value: str) -> list[Entity]:
    kind = GROUPS[attribute][0]
    return [e for e in KNOWLEDGE.of_kind(kind) if (fact := e.fact(attribute)) is not None and fact.value == value]


class FollowUp(FactQuestion):
    """A second question, about what an earlier turn named."""

    name, use_case, weight = "follow_up", "chat", 0.45
    constraints = ()

    def ask(self, generator: np.random.Generator) -> Asked:
        entity = pick(generator, [e for e in KNOWLEDGE.entities if len(e.facts) >= 3])
        first, second, third = sample(generator, entity.facts, 3)
        turns = [first, second] if chance(generator, 0.3) else [first]
        before: list[Message] = []
        for number, fact in enumerate(turns):
            subject = entity.the if number == 0 else entity.pronoun
            question = ATTRIBUTES[fact.attribute].questions[0].format(the=subject)
            reply = sentence(f"{entity.the if number == 0 else entity.pronoun} {fact.predicate(generator)}")
            before += [Message(role="user", content=question), Message(role="assistant", content=reply)]
        question = pick(generator, ATTRIBUTES[third.attribute].questions).format(the=entity.pronoun)
        question = question.replace("in it?", "there?")
        lead = pick(generator, ("", "And ", "Good. And ", "I see. ", "Thanks. And "))
        text = f"{lead}{question[0].lower() if lead.endswith('And ') else question[0]}{question[1:]}"
        return Asked(text, {"topic": entity.name, "attribute": third.attribute}, before=tuple(before))
