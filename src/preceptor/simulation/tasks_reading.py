"""Tasks on a given text: rewrite, sum up, classify, find and extract."""

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np

from preceptor.simulation.facts import KNOWLEDGE
from preceptor.simulation.language import a, chance, listed, pick, sample, sentence, upper_first, words
from preceptor.simulation.lexicon import NAMES
from preceptor.simulation.reading import Reading
from preceptor.simulation.task import Args, Asked, Check, Parts, Task, has, share

COMMANDS = (
    "give me the {t}", "bring me the {t}", "put the {t} away", "open the door", "clean the room", "close the window",
    "be quiet", "come here at once", "wait outside", "move your cart", "wash the dishes", "leave my {t} alone",
    "carry the {t} home", "feed the dog", "mend the {t}",
)  # fmt: skip
INSULTS = ("you fool", "you lazy idiot", "stupid", "you dumb fool", "idiot")


class Polite(Task):
    """A rude command, to be said politely."""

    name, use_case, weight = "polite", "rewrite", 0.45
    may_ask, is_closed = True, True
    max_words = 20

    def ask(self, generator: np.random.Generator) -> Asked:
        tool = pick(generator, KNOWLEDGE.of_kind("tool")).name
        command = pick(generator, COMMANDS).format(t=tool)
        rude = f"{upper_first(command)}, {pick(generator, INSULTS)}!"
        text = pick(
            generator,
            ("Make this polite: {r}", "Rewrite this in a friendly way: {r}", "Say this kindly: {r}"),
        ).format(r=rude)
        examples = ("Sit down, fool! -> Would you please sit down?", "Go away, idiot! -> Could you please go away?")
        return Asked(text, {"command": command}, examples=examples, bare=rude)

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        frame = pick(
            generator,
            (
                "Could you please {c}?", "Would you please {c}?", "Would you be so kind and {c}, please?",
                "Could you {c}, please?",
            ),
        )  # fmt: skip
        return Parts([frame.format(c=args["command"])])

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        return (
            has("please", 0.25, reading, "please"),
            has("asking", 0.2, reading, "could you", "would you"),
            share("content", 0.35, reading, words(args["command"])),
            Check("kind", 0.2, float(not reading.is_rude), is_form=True),
        )


def _likeness(reading: Reading, wanted: str) -> float:
    """How much of the wanted wording is there, in order: 0 at half or less, 1 for all of it and nothing else."""
    ratio = SequenceMatcher(None, reading.words, words(wanted), autojunk=False).ratio()
    return max(0.0, (ratio - 0.5) / 0.5)


VERBS = (
    ("sees", "saw"), ("finds", "found"), ("buys", "bought"), ("takes", "took"), ("brings", "brought"),
    ("loses", "lost"), ("makes", "made"), ("keeps", "kept"), ("hides", "hid"), ("steals", "stole"),
    ("likes", "liked"), ("carries", "carried"), ("gives away", "gave away"), ("wants", "wanted"),
)  # fmt: skip
SPOTS = ("in the garden", "near the river", "at the market", "behind the barn", "on the road", "in the old town")


class InThePast(Task):
    """A sentence to be put into the past."""

    name, use_case, weight = "past", "rewrite", 0.3
    is_closed = True
    max_words = 16

    def ask(self, generator: np.random.Generator) -> Asked:
        being = pick(generator, KNOWLEDGE.of_kind("animal", "person"))
        verb, past = pick(generator, VERBS)
        thing, spot = pick(generator, KNOWLEDGE.of_kind("tool")), pick(generator, SPOTS)
        now = f"The {being.name} {verb} the {thing.name} {spot}."
        text = pick(
            generator,
            ("Put this sentence into the past: {s}", "Rewrite this in the past: {s}", "Change this to the past: {s}"),
        ).format(s=now)
        examples = ("The boy sees the sea. -> The boy saw the sea.", "The girl makes tea. -> The girl made tea.")
        return Asked(
            text, {"wanted": f"The {being.name} {past} the {thing.name} {spot}.", "past": past},
            examples=examples, bare=now,
        )  # fmt: skip

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        return Parts([args["wanted"]])

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        return (
            Check("likeness", 0.6, _likeness(reading, args["wanted"])),
            Check("past", 0.4, float(reading.says(args["past"])) * float(_likeness(reading, args["wanted"]) > 0)),
        )


class Replace(Task):
    """A sentence in which one word is to be replaced."""

    name, use_case, weight = "replace", "rewrite", 0.25
    is_closed = True
    max_words = 16

    def ask(self, generator: np.random.Generator) -> Asked:
        old, new = sample(generator, KNOWLEDGE.of_kind("animal"), 2)
        thing, spot = pick(generator, KNOWLEDGE.of_kind("tool")), pick(generator, SPOTS)
        rest = f"{pick(generator, VERBS)[1]} the {thing.name} {spot}"
        text = pick(
            generator,
            ("Replace the {o} by a {n}: {s}", "Write {n} instead of {o} in this sentence: {s}"),
        ).format(o=old.name, n=new.name, s=f"The {old.name} {rest}.")
        return Asked(text, {"wanted": f"The {new.name} {rest}.", "new": new.name, "old": old.name})

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        return Parts([args["wanted"]])

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        likeness = _likeness(reading, args["wanted"])
        replaced = reading.says(args["new"]) and not reading.says(args["old"])
        return (Check("likeness", 0.6, likeness), Check("replaced", 0.4, float(replaced) * float(likeness > 0)))


class Summary(Task):
    """A report of three or four sentences, to be summed up in one."""

    name, use_case, weight = "summary", "summarization", 1.0
    is_closed = True
    max_words = 24

    def ask(self, generator: np.random.Generator) -> Asked:
        name, place = pick(generator, NAMES), pick(generator, KNOWLEDGE.of_kind("place"))
        job = pick(generator, KNOWLEDGE.of_kind("person")).name
        thing = pick(generator, KNOWLEDGE.of_kind("tool")).name
        finder = pick(generator, [e for e in KNOWLEDGE.of_kind("person") if e.name != job]).name
        fate = pick(generator, ("lost", "broke", "sold", "forgot"))
        helped = {"lost": "found", "broke": "mended", "sold": "bought", "forgot": "returned"}[fate]
        weather = pick(generator, ("The sun was hot.", "It rained all day.", "The streets were full.", "It was cold."))
        passage = [
            f"{name} the {job} went to {place.name}.",
            weather,
            f"Near the station {name} {fate} {a(thing)}.",
            f"Then {a(finder)} {helped} it.",
        ]
        if chance(generator, 0.4):
            del passage[1]
        text = pick(
            generator,
            ("Sum up this text: {p}", "Summarize in one sentence: {p}", "What is the main point? {p}"),
        ).format(p=" ".join(passage))
        args = {"person": name, "job": job, "place": place.name, "fate": fate, "thing": thing,
                "finder": finder, "helped": helped, "length": len(words(" ".join(passage)))}  # fmt: skip
        return Asked(text, args)

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        frame = pick(
            generator,
            (
                "{person} {fate} {t} in {place}, and {f} {helped} it.",
                "In {place}, {person} {fate} {t} and {f} {helped} it.",
                "{person} the {job} {fate} {t} in {place}, but {f} {helped} it.",
            ),
        )  # fmt: skip
        return Parts([frame.format(t=a(args["thing"]), f=a(args["finder"]), **args)])

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        elements = [args[key] for key in ("person", "place", "fate", "thing", "finder", "helped")]
        found = share("elements", 0.7, reading, elements)
        is_short = len(reading.sentences) <= 1 and len(reading.words) <= max(16, 0.75 * args["length"])
        return (found, Check("short", 0.3, float(is_short) * float(found.score >= 0.3)))

    def wrong_claim(self, args: Args, generator: np.random.Generator) -> str | None:
        return f"Later {pick(generator, [n for n in NAMES if n != args['person']])} came from Mexico with a gun."


PRAISE = (
    "I loved it.", "It was lovely and fresh.", "I will come back.", "It works very well.", "We were happy with it.",
    "The best of the year.", "I like it more every day.",
)  # fmt: skip
BLAME = (
    "It was awful.", "I want my money back.", "It broke on the first day.", "Never again.", "We were so sad about it.",
    "It was old and dirty.", "I would not take it for free.",
)  # fmt: skip


def review(generator: np.random.Generator, is_good: bool) -> tuple[str, str]:
    """A review's text, and what it is about."""
    entity = pick(generator, KNOWLEDGE.of_kind("food", "tool", "place"))
    verb = {"food": "I ate the {n} here.", "tool": "I bought the {n}.", "place": "I went to {n}."}[entity.kind]
    return f"{verb.format(n=entity.name)} {' '.join(sample(generator, PRAISE if is_good else BLAME, 2))}", entity.name


class Sentiment(Task):
    """Is a review good or bad?"""

    name, use_case, weight = "sentiment", "classification", 0.55
    is_closed = True
    max_words = 14

    def ask(self, generator: np.random.Generator) -> Asked:
        is_good = chance(generator, 0.5)
        text, _ = review(generator, is_good)
        asked = pick(
            generator,
            ("Is this review good or bad? {r}", "Does the writer like it? Say good or bad: {r}"),
        ).format(r=text)
        examples = (
            f"{review(generator, True)[0]} -> The review is good.",
            f"{review(generator, False)[0]} -> The review is bad.",
        )
        return Asked(asked, {"label": "good" if is_good else "bad"}, examples=examples, bare=text)

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        return Parts(
            [pick(generator, ("The review is {l}.", "This review is {l}.", "It is {l}.")).format(l=args["label"])]
        )

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        labels = [label for label in ("good", "bad") if reading.says(label)]
        return (
            Check("label", 0.6, float(labels == [args["label"]])),
            Check("any label", 0.25, float(len(labels) == 1)),
            Check("brief", 0.15, float(bool(labels) and len(reading.sentences) == 1)),
        )


KINDS = {"animal": "an animal", "food": "a food", "tool": "a tool", "place": "a city", "person": "a person"}


class KindOf(Task):
    """What kind of thing is it?"""

    name, use_case, weight = "kind_of", "classification", 0.45
    max_words = 16

    def ask(self, generator: np.random.Generator) -> Asked:
        entity = pick(generator, KNOWLEDGE.of_kind(*KINDS))
        others = sample(generator, [kind for kind in KINDS if kind != entity.kind], 2)
        options = listed([KINDS[kind] for kind in sample(generator, [entity.kind, *others], 3)], "or")
        text = pick(
            generator,
            (f"Is {entity.a} {options}?", f"Which kind is {entity.the}: {options}?",
             f"Classify {entity.the} as {options}."),
        )  # fmt: skip
        kin = [sample(generator, KNOWLEDGE.of_kind(kind), 1)[0] for kind in others]
        examples = tuple(f"{other.name} -> {sentence(KINDS[other.kind])}" for other in kin)
        return Asked(text, {"topic": entity.name, "kind": entity.kind}, examples=examples, bare=entity.name)

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        entity = KNOWLEDGE.by_name[args["topic"]]
        subject = pick(generator, (entity.a, entity.the))
        return Parts([sentence(f"{subject} is {KINDS[entity.kind]}")])

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        said = [kind for kind, noun in KINDS.items() if reading.says(noun)]
        return (
            Check("kind", 0.6, float(said == [args["kind"]])),
            has("topic", 0.2, reading, args["topic"]),
            Check("brief", 0.2, float(len(said) == 1 and len(reading.sentences) == 1)),
        )


COLORS = ("red", "green", "blue", "yellow", "white", "black", "brown")
KEEPING = ("barn", "kitchen", "garden", "shed", "hall", "tower", "closet")


class ClosedQuestion(Task):
    """A question that the text before it answers, or does not."""

    name, use_case, weight = "closed_question", "closed_qa", 1.0
    is_closed = True
    max_words = 18

    def ask(self, generator: np.random.Generator) -> Asked:
        first, second = sample(generator, NAMES, 2)
        thing, other = (entity.name for entity in sample(generator, KNOWLEDGE.of_kind("tool"), 2))
        color, other_color = sample(generator, COLORS, 2)
        place, other_place = sample(generator, KEEPING, 2)
        passage = (
            f"{first} has a {color} {thing}. {first} keeps it in the {place}. "
            f"{second} has a {other_color} {other} in the {other_place}."
        )
        what = pick(generator, ("color", "place", "owner", "unknown"))
        question, wanted, wrong = {
            "color": (f"What color is the {thing}?", color, other_color),
            "place": (f"Where is the {thing}?", place, other_place),
            "owner": (f"Who has the {thing}?", first, second),
            "unknown": (pick(generator, (f"How old is {first}?", f"Who made the {thing}?")), "", ""),
        }[what]
        text = pick(generator, (f"{passage} {question}", f"Read this: {passage} {question}"))
        return Asked(text, {"what": what, "wanted": wanted, "wrong": wrong, "thing": thing, "person": first})

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        thing, wanted = args["thing"], args["wanted"]
        frames = {
            "color": (f"The {thing} is {wanted}.", f"It is a {wanted} {thing}."),
            "place": (f"The {thing} is in the {wanted}.", f"It is in the {wanted}."),
            "owner": (f"{wanted} has the {thing}.", f"The {thing} belongs to {wanted}."),
            "unknown": ("The text does not say.", "The text does not say that."),
        }[args["what"]]
        return Parts([pick(generator, frames)])

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        if args["what"] == "unknown":
            told = reading.says("does not say")
        else:
            told = reading.says(args["wanted"]) and not reading.says(args["wrong"])
        return (
            Check("found", 0.75, float(told)),
            Check("brief", 0.25, float(told and len(reading.sentences) == 1)),
        )

    def wrong_claim(self, args: Args, generator: np.random.Generator) -> str | None:
        return pick(generator, ("{p} got it from a king.", "{p} is forty years old.", "It came from Mexico.")).format(
            p=args["person"]
        )


class Extract(Task):
    """All things of one kind that a text names."""

    name, use_case, weight = "extract", "extract", 1.0
    is_closed = True
    max_words = 20

    def ask(self, generator: np.random.Generator) -> Asked:
        kind = pick(generator, ("animal", "food", "tool"))
        other_kind = pick(generator, [k for k in ("animal", "food", "tool") if k != kind])
        num = int(generator.integers(2, 4))
        wanted = sample(generator, KNOWLEDGE.of_kind(kind), num)
        others = sample(generator, KNOWLEDGE.of_kind(other_kind), 2)
        named = [e.a for e in sample(generator, [*wanted, *others], num + 2)]
        name, spot = pick(generator, NAMES), pick(generator, SPOTS)
        text = pick(
            generator,
            (f"{name} saw {listed(named)} {spot}.", f"In the picture there is {listed(named)}. {name} painted it."),
        )  # fmt: skip
        noun = {"animal": "animals", "food": "foods", "tool": "tools"}[kind]
        request = pick(generator, (f"Find all {noun} in this text: {text}", f"Which {noun} are named here? {text}"))
        args = {"noun": noun, "wanted": [e.name for e in wanted], "wrong": [e.name for e in others]}
        return Asked(request, args)

    def parts(self, args: Args, generator: np.random.Generator, num: int | None, is_false: bool) -> Parts:
        named = listed([KNOWLEDGE.by_name[name].the for name in args["wanted"]])
        frame = pick(generator, ("The {noun} are {l}.", "The text names {l}.", "I found {l}."))
        return Parts([frame.format(noun=args["noun"], l=named)])

    def checks(self, args: Args, reading: Reading, num: int | None) -> Sequence[Check]:
        found = sum(reading.says(name) for name in args["wanted"])
        wrong = sum(reading.says(name) for name in args["wrong"])
        return (
            Check("recall", 0.55, found / len(args["wanted"])),
            Check("precision", 0.45, found / (found + wrong) if found else 0.0),
        )
