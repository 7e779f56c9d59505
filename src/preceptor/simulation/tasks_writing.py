"""Generation: stories, descriptions, notes, advertisements and rhymes."""

from collections.abc import Sequence

import numpy as np

from preceptor.simulation.facts import KNOWLEDGE, Entity, Fact, say
from preceptor.simulation.language import a, chance, pick, sample, sentence, with_articles
from preceptor.simulation.lexicon import NAMES, RHYMES
from preceptor.simulation.reading import Reading
from preceptor.simulation.task import Args, Asked, Check, Parts, Task, has, long_enough, share

TRAITS = ("little", "old", "brave", "hungry", "lonely", "clever", "tired", "young")
SETTINGS = (
    "the forest", "a small village", "the big city", "a quiet valley", "the old castle", "the harbor", "a dark cave",
    "the green hills",
)  # fmt: skip
OPENINGS = ("once", "one day", "one morning", "one night", "long ago")
ENDINGS = ("in the end", "good friends", "went home", "from that day on", "happy again")
MEETINGS = ("met", "found", "saw")


class Story(Task):
    """A short story about two heroes."""

    name, use_case, weight = "story", "generation", 0.34
    constraints = ("sentences", "include", "avoid", "ending", "max_words")
    max_words = 60

    def ask(self, generator: np.random.Generator) -> Asked:
        hero = pick(generator, KNOWLEDGE.of_kind("animal", "person"))
        other = pick(generator, [e for e in KNOWLEDGE.of_kind("animal", "person", "tool", "food") if e is not hero])
        text = pick(
            generator,
            (
                "Write a short story about {h} and {o}.", "Tell me a story about {h} and {o}.",
                "Write a bedtime story about {h} and {o}.", "Invent a little story with {h} and {o}.",
                "Write a story in which {h} finds {o}.", "Compose a short tale about {h} and {o}.",
            ),
        )  # fmt: skip
        return Asked(text.format(h=hero.a, o=other.a), {"topic": hero.name, "other": other.name})

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        hero, other = KNOWLEDGE.by_name[args["topic"]], KNOWLEDGE.by_name[args["other"]]
        trait, setting = pick(generator, TRAITS), pick(generator, SETTINGS)
        opening = pick(generator, OPENINGS)
        goes = f"{opening} {a(trait)} {hero.name} {'lived in' if opening == 'long ago' else 'went to'} {setting}"
        start = f"once there was {a(trait)} {hero.name} in {setting}" if opening == "once" else goes
        is_alive = other.kind in ("animal", "person")
        verb = pick(generator, ("met", "saw") if is_alive else ("found", "saw"))
        meeting = pick(generator, ("there {p} {v} {o}", "{p} {v} {o} on the way", "{p} {v} {o} by the road")).format(
            p=hero.pronoun, v=verb, o=other.a
        )
        trouble = pick(
            generator,
            (
                "then a big storm came", "the night was cold and dark", "they had lost the way" if is_alive
                else f"{hero.pronoun} had lost the way", f"{hero.the} was afraid of the dark",
            ),
        )  # fmt: skip
        rescue = (
            pick(generator, (f"{other.the} showed {_object(hero)} the way", f"{other.the} gave {_object(hero)} help"))
            if is_alive
            else pick(generator, (f"{other.the} gave {_object(hero)} new hope", f"{hero.the} kept {other.the} close"))
        )
        ending = (
            pick(
                generator,
                (
                    "in the end they went home together", "they became good friends",
                    "from that day on they were never alone", "in the end both were happy again",
                ),
            )
            if is_alive
            else pick(
                generator,
                (
                    f"in the end {hero.the} went home with {other.the}", f"in the end {hero.the} was happy again",
                    f"from that day on {hero.the} kept {other.the}",
                ),
            )
        )  # fmt: skip
        num = num or int(generator.integers(3, 6))
        if num == 1:
            return Parts([sentence(f"{goes}, {verb} {other.a}, and {ending}")])
        if num == 2:
            return Parts([sentence(f"{goes} and {verb} {other.a}"), sentence(ending)])
        middle = {3: [], 4: [trouble], 5: [trouble, rescue]}[num]
        return Parts([sentence(text) for text in (start, meeting, *middle, ending)], needed=(1, num - 1))

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        return (
            has("hero", 0.2, reading, args["topic"]),
            has("other", 0.2, reading, args["other"]),
            has("opening", 0.15, reading, *OPENINGS),
            has("meeting", 0.15, reading, *MEETINGS),
            has("ending", 0.15, reading, *ENDINGS),
            long_enough("length", 0.15, reading, min(num or 3, 3)),
        )

    def about(self, args: Args) -> frozenset[str] | None:
        return frozenset({args["topic"], args["other"]})


def _object(entity: Entity) -> str:
    return {"it": "it", "he": "him", "she": "her"}[entity.pronoun]


def fact_sentences(
    entity: Entity, facts: Sequence[Fact], generator: np.random.Generator, false_at: int | None = None
) -> list[str]:
    """One sentence per fact: the first names the entity, the others may say 'it'; one may be the misconception."""
    told = []
    for number, fact in enumerate(facts):
        subject = entity.the if number == 0 or chance(generator, 0.25) else entity.pronoun
        value = fact.misconception if number == false_at and fact.misconception else fact.value
        predicate = say(fact.attribute, value, generator)
        verb, _, rest = predicate.partition(" ")
        if number > 0 and subject == entity.pronoun and verb not in ("is", "was", "can") and chance(generator, 0.3):
            predicate = f"also {verb} {rest}"
        told.append(sentence(f"{subject} {predicate}"))
    return told


class Describe(Task):
    """A few true sentences about an entity."""

    name, use_case, weight = "describe", "generation", 0.27
    constraints = ("sentences", "avoid", "ending", "max_words")
    max_words = 42

    def ask(self, generator: np.random.Generator) -> Asked:
        entity = pick(generator, KNOWLEDGE.entities)
        text = pick(
            generator,
            (
                "Describe {t}.", "Write about {t}.", "Explain {t} to a child.", "Tell me something about {t}.",
                "Write a short text about {t}.", "Describe {t} to someone who does not know it.",
                "Give me some facts about {t}.",
            ),
        )  # fmt: skip
        return Asked(text.format(t=entity.the), {"topic": entity.name})

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        entity = KNOWLEDGE.by_name[args["topic"]]
        num = min(num or int(generator.integers(3, 5)), len(entity.facts))
        facts = sample(generator, entity.facts, num)
        false_at = None
        if is_false:
            wrong = pick(generator, [fact for fact in entity.facts if fact.misconception])
            facts = [wrong, *(fact for fact in facts if fact != wrong)][:num]
            false_at = 0
        return Parts(fact_sentences(entity, facts, generator, false_at), needed=tuple(range(1, num)))

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        wanted = min(num or 3, 3)
        told = {c.attribute for c in reading.claims if c.entity.name == args["topic"] and c.is_true and c.asserted}
        return (
            has("topic", 0.25, reading, args["topic"]),
            Check("facts", 0.6, min(1.0, len(told) / wanted)),
            long_enough("length", 0.15, reading, wanted),
        )

    def can_be_false(self, args: Args) -> bool:
        return any(fact.misconception for fact in KNOWLEDGE.by_name[args["topic"]].facts)

    def wrong_claim(self, args: Args, generator: np.random.Generator) -> str | None:
        entity = KNOWLEDGE.by_name[args["topic"]]
        fact = pick(generator, entity.facts)
        wrong = KNOWLEDGE.wrong_value(entity, fact.attribute, generator)
        return sentence(f"{entity.the} {say(fact.attribute, wrong, generator)}")


OCCASIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "thank": (
        ("Write a note to {n} to say thank you for the {o}.", "Write a short letter to thank {n} for the {o}."),
        ("Dear {n}, thank you so much for the {o}.", "Dear {n}, thank you for the lovely {o}."),
        ("It was very kind of you.", "It makes me very happy.", "I will use it every day."),
    ),
    "sorry": (
        ("Write a note to {n} to say sorry for the broken {o}.", "Write to {n} that I am sorry about the broken {o}."),
        ("Dear {n}, I am so sorry that I broke your {o}.", "Dear {n}, I am sorry about the {o}."),
        ("I will buy you a new one.", "It was my mistake.", "I hope you can forgive me."),
    ),
    "invite": (
        ("Write a note to invite {n} to dinner with {o}.", "Invite {n} to a meal with {o} in a short letter."),
        ("Dear {n}, please come to dinner on Sunday.", "Dear {n}, I would like to invite you to dinner."),
        ("There will be {o} for everyone.", "We will have {o} and music.", "I will make {o} for you."),
    ),
    "birthday": (
        ("Write a birthday note to {n}, who gets a {o}.", "Write a birthday card for {n} with a new {o}."),
        ("Dear {n}, happy birthday to you!", "Dear {n}, I wish you a happy birthday!"),
        ("I hope that you like your new {o}.", "The {o} is for you.", "Have fun with the {o}."),
    ),
}
CLOSINGS = ("See you soon.", "With love from all of us.", "Warm wishes to you.", "Your good friend.")
OCCASION_MARKS = {"thank": "thank you", "sorry": "sorry", "invite": "dinner", "birthday": "happy birthday"}


class Note(Task):
    """A kind note to somebody."""

    name, use_case, weight = "note", "generation", 0.16
    constraints = ("sentences", "ending", "max_words")
    max_words = 40

    def ask(self, generator: np.random.Generator) -> Asked:
        occasion, name = pick(generator, tuple(OCCASIONS)), pick(generator, NAMES)
        if occasion == "invite":
            thing = pick(generator, ("rice", "bread", "cheese", "chocolate", "honey", "soup", "cake", "stew", "pie"))
        else:
            thing = pick(generator, KNOWLEDGE.of_kind("tool")).name
        text = with_articles(pick(generator, OCCASIONS[occasion][0]).format(n=name, o=thing))
        return Asked(text, {"occasion": occasion, "person": name, "thing": thing})

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        _, openings, bodies = OCCASIONS[args["occasion"]]
        fill = {"n": args["person"], "o": args["thing"]}
        opening, body = pick(generator, openings).format(**fill), pick(generator, bodies).format(**fill)
        closing = pick(generator, CLOSINGS)
        num = num or int(generator.integers(2, 4))
        if num == 1:
            joined = {"invite": f", there will be {args['thing']}", "birthday": f", with a new {args['thing']}"}
            return Parts([opening[:-1] + joined.get(args["occasion"], "") + "."])
        return Parts([opening, body, closing, "I think of you often."][:num], needed=(0, 1))

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        bodies = [body.format(n=args["person"], o=args["thing"]) for body in OCCASIONS[args["occasion"]][2]]
        return (
            has("person", 0.25, reading, f"dear {args['person']}"),
            has("occasion", 0.35, reading, OCCASION_MARKS[args["occasion"]]),
            has("thing", 0.2, reading, args["thing"]),
            *([] if num == 1 else [has("body", 0.2, reading, *bodies)]),
        )


CALLS = {
    "tool": ("Buy our fine {n} today!", "Come and try our new {n}!", "Our new {n} is here, buy it today!"),
    "food": ("Come and taste our fresh {n}!", "Buy our lovely {n} today!", "Try our best {n} today!"),
    "place": ("Come to {n}!", "Visit {n} this year!", "Come and see {n}!"),
}
PRAISES = ("You will love it.", "It is the best in town.", "Everybody likes it.", "You will not regret it.")


class Advert(Task):
    """An advertisement for a tool, a food or a place."""

    name, use_case, weight = "advert", "generation", 0.11
    constraints = ("sentences", "max_words", "ending")
    max_words = 36

    def ask(self, generator: np.random.Generator) -> Asked:
        entity = pick(generator, KNOWLEDGE.of_kind("tool", "food", "place"))
        text = pick(
            generator,
            ("Write an ad for {e}.", "Write a short ad to sell {e}.", "Make an ad for {e} for my shop."),
        )
        if entity.kind == "place":
            text = pick(generator, ("Write an ad for {e}.", "Write an ad for a trip to {e}."))
        return Asked(text.format(e=entity.a), {"topic": entity.name})

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        entity = KNOWLEDGE.by_name[args["topic"]]
        call = pick(generator, CALLS[entity.kind]).format(n=entity.name)
        facts = [sentence(f"it {fact.predicate(generator)}") for fact in sample(generator, entity.facts, 2)]
        praise = pick(generator, PRAISES)
        num = num or int(generator.integers(2, 4))
        if num == 1:
            return Parts([f"{call[:-1]}, because {facts[0][0].lower()}{facts[0][1:]}"])
        return Parts([call, facts[0], praise, facts[1]][:num], needed=(0, 1))

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        told = any(c.entity.name == args["topic"] and c.is_true and c.asserted for c in reading.claims)
        return (
            has("topic", 0.25, reading, args["topic"]),
            has("call", 0.3, reading, "buy", "try", "come", "visit"),
            Check("fact", 0.3, float(told)),
            long_enough("length", 0.15, reading, min(num or 2, 2)),
        )


class Rhyme(Task):
    """A rhyme about an animal."""

    name, use_case, weight = "rhyme", "generation", 0.06
    max_words = 30

    def ask(self, generator: np.random.Generator) -> Asked:
        name = pick(generator, tuple(RHYMES))
        text = pick(
            generator,
            (
                "Write a rhyme about the {n}.",
                "Write a funny poem about a {n}.",
                "Make a short rhyme with a {n}.",
            ),
        )
        return Asked(with_articles(text.format(n=name)), {"topic": name})

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        first, second = pick(generator, RHYMES[args["topic"]])
        trait = pick(generator, ("The", "A little", "One day the", "The happy"))
        return Parts([f"{trait} {args['topic']} {first}, and then it {second}."])

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        rhymes = max(
            (sum(reading.says(line.split()[-1]) for line in pair) / 2 for pair in RHYMES[args["topic"]]), default=0.0
        )
        lines = max(share("", 1, reading, pair).score for pair in RHYMES[args["topic"]])
        return (
            has("topic", 0.3, reading, args["topic"]),
            Check("rhyme", 0.4, rhymes),
            Check("lines", 0.3, lines),
        )
