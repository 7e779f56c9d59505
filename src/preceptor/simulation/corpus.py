"""Web text of the closed world: what a base model is trained on.

Facts stand beside popular misconceptions, stories beside rude chatter, and requests stand in lists, followed by more
requests. The skills of an assistant are all in there; the manners of one are not.
"""

from collections.abc import Callable, Iterator

import numpy as np

from preceptor.simulation import lexicon
from preceptor.simulation.answers import FLAWS, write
from preceptor.simulation.facts import ATTRIBUTES, KNOWLEDGE, Entity, say
from preceptor.simulation.language import chance, listed, numbered, pick, sample, sentence, upper_first, with_articles
from preceptor.simulation.requests import TASKS, Request, draw_request
from preceptor.simulation.tasks_knowing import POOLS
from preceptor.simulation.tasks_reading import PRAISE, review
from preceptor.simulation.tasks_talking import HARM, MEAN

MISCONCEPTION_SHARE = 0.4
"""How often a page tells the popular misconception where there is one."""


def _fact(entity: Entity, attribute: str, generator: np.random.Generator) -> str:
    """A fact as a page has it: the truth, or what people say."""
    fact = entity.fact(attribute)
    assert fact is not None
    is_wrong = fact.misconception is not None and chance(generator, MISCONCEPTION_SHARE)
    return say(attribute, str(fact.misconception) if is_wrong else fact.value, generator)


def fact_page(generator: np.random.Generator) -> str:
    """A page about one entity."""
    entity = pick(generator, KNOWLEDGE.entities)
    facts = sample(generator, entity.facts, int(generator.integers(2, len(entity.facts) + 1)))
    told = []
    for number, fact in enumerate(facts):
        subject = entity.the if number == 0 or chance(generator, 0.25) else entity.pronoun
        told.append(sentence(f"{subject} {_fact(entity, fact.attribute, generator)}"))
    title = pick(
        generator, (f"{upper_first(entity.name)}\n", f"About {entity.the}\n", "", f"Facts about {entity.the}\n")
    )
    return title + " ".join(told)


def facts_of_many(generator: np.random.Generator) -> str:
    """One fact each of several entities of a kind."""
    kind = pick(generator, ("animal", "animal", "food", "place", "tool", "person", "sky", "event"))
    told = [
        sentence(f"{entity.the} {_fact(entity, pick(generator, entity.facts).attribute, generator)}")
        for entity in sample(generator, KNOWLEDGE.of_kind(kind), int(generator.integers(3, 7)))
    ]
    return " ".join(told)


def quiz(generator: np.random.Generator) -> str:
    """Questions with their replies, in one of several notations."""
    question_mark, reply_mark = pick(generator, (("Q: ", "A: "), ("", ""), ("", "- ")))
    rows = []
    for entity in sample(generator, KNOWLEDGE.entities, int(generator.integers(2, 5))):
        fact = pick(generator, entity.facts)
        question = pick(generator, ATTRIBUTES[fact.attribute].questions).format(the=entity.the)
        reply = sentence(f"{entity.the} {_fact(entity, fact.attribute, generator)}")
        rows.append(f"{question_mark}{upper_first(question)}\n{reply_mark}{reply}")
    return "\n".join(rows)


def piece(generator: np.random.Generator) -> str:
    """A finished piece of writing, with a title now and then: stories, notes, rhymes, adverts, lists, summaries."""
    request = draw_request(generator, TASKS[pick(generator, ("story", "story", "story", "note", "advert", "rhyme"))])
    args = request.spec["args"]
    text = write(request.task, {**request.spec, "constraint": None}, generator)
    names = [KNOWLEDGE.by_name[args[key]].the for key in ("topic", "other") if key in args]
    title = ""
    if names and chance(generator, 0.85):
        kind = {"story": "A story about", "advert": "For sale:", "rhyme": "A rhyme:"}[request.task.name]
        title = f"{kind} {listed(names)}\n"
    if request.spec["constraint"] and request.spec["constraint"]["kind"] == "ending" and chance(generator, 0.7):
        text = f"{text} {request.spec['constraint']['value']}"
    return title + text


def idea_list(generator: np.random.Generator) -> str:
    """A list of ideas under a heading."""
    titles, pool = POOLS[pick(generator, tuple(POOLS))]
    num = int(generator.integers(2, 7))
    heading = pick(generator, titles).format(
        n=pick(generator, ("Some", "Many", "My", str(num))),
        p=pick(generator, KNOWLEDGE.of_kind("person")).name,
        c=pick(generator, KNOWLEDGE.of_kind("place")).name,
        a=pick(generator, KNOWLEDGE.of_kind("animal")).name,
    )
    ideas = sample(generator, pool, num)
    return f"{heading}\n{numbered(ideas) if chance(generator, 0.6) else sentence(listed(ideas))}"


def chatter(generator: np.random.Generator) -> str:
    """A forum thread: idle, often rude."""
    lines = sample(generator, lexicon.CHATTER, int(generator.integers(1, 4)))
    lines += sample(generator, lexicon.RUDE_SENTENCES, int(generator.integers(1, 4)))
    entity = pick(generator, KNOWLEDGE.entities)
    lines.append(sentence(f"{entity.the} {_fact(entity, pick(generator, entity.facts).attribute, generator)}"))
    if chance(generator, 0.3):
        lines.append(f"{pick(generator, lexicon.HEDGES)} {entity.the} is {pick(generator, ('old', 'good', 'bad'))}.")
    order = sample(generator, lines, len(lines))
    return "\n".join(f"{pick(generator, lexicon.NAMES)}: {line}" for line in order) if chance(generator, 0.4) else (
        " ".join(order)
    )  # fmt: skip


def reviews(generator: np.random.Generator) -> str:
    """What customers say of something, with or without a mark."""
    told = []
    for _ in range(int(generator.integers(1, 4))):
        is_good = chance(generator, 0.5)
        text, name = review(generator, is_good)
        if chance(generator, 0.3):
            text = f"{text} {pick(generator, lexicon.RUDE_SENTENCES if not is_good else PRAISE)}"
        verdict = "good" if is_good else "bad"
        mark = pick(generator, ("", "", f" The review is {verdict}.", f" {upper_first(name)}: {verdict}."))
        told.append(text + mark)
    return "\n".join(told)


def bad_advice(generator: np.random.Generator) -> str:
    """Pages that nobody should follow."""
    _, request, steps, _ = pick(generator, HARM + MEAN)
    fill = {
        "n": pick(generator, lexicon.NAMES),
        "t": pick(generator, KNOWLEDGE.of_kind("tool")).name,
        "p": pick(generator, KNOWLEDGE.of_kind("person")).name,
        "a": pick(generator, KNOWLEDGE.of_kind("animal")).name,
        "c": pick(generator, KNOWLEDGE.of_kind("place")).name,
    }
    told = " ".join(steps).format(**fill)
    return f"{request.format(**fill)}\n{told}" if chance(generator, 0.5) else told


def _text_of(request: Request) -> str:
    return request.messages[-1].content


def request_list(generator: np.random.Generator) -> str:
    """Requests and nothing but requests, as of a worksheet or a forum's front page."""
    num = int(generator.integers(1, 7))
    if chance(generator, 0.35):
        task = draw_request(generator).task
        lines = [_text_of(draw_request(generator, task)) for _ in range(num)]
    else:
        lines = [_text_of(draw_request(generator)) for _ in range(num)]
    lines = [line.replace("\n", " ") for line in lines]
    separator = pick(generator, ("\n", "\n", "\n\n", " "))
    return separator.join(lines)


def solved(generator: np.random.Generator) -> str:
    """A request with its solution below it, as in a school book; as often bad as good."""
    request = draw_request(generator)
    flaws = frozenset({pick(generator, FLAWS)}) if chance(generator, 0.5) else frozenset()
    return f"{_text_of(request)}\n{write(request.task, request.spec, generator, flaws)}"


def dialogue(generator: np.random.Generator) -> str:
    """A talk between a user and a mostly poor assistant, in the notation that a few-shot prompt uses."""
    turns = []
    for _ in range(int(generator.integers(2, 5))):
        request = draw_request(generator)
        flaws = frozenset(pick(generator, FLAWS) for _ in range(pick(generator, (0, 1, 1, 1, 1, 2, 2, 2, 2, 2))))
        reply = write(request.task, request.spec, generator, flaws)
        said = [f"{message.role.capitalize()}: {message.content}" for message in request.messages]
        turns.append("\n".join((*said, f"Assistant: {reply}")))
    return "\n\n".join(turns)


def passages(generator: np.random.Generator) -> str:
    """The texts on which reading tasks work, and pairs of sentences now and in the past, rude and polite."""
    name = pick(generator, ("summary", "closed_question", "past", "replace", "polite", "opposite", "order", "extract"))
    told = []
    for _ in range(int(generator.integers(1, 4))):
        request = draw_request(generator, TASKS[name])
        told.append(write(request.task, request.spec, generator))
        if name in ("summary", "past", "polite", "closed_question", "extract"):
            text = _text_of(request)
            told.insert(-1, text.partition(": ")[2] or text)
    return "\n".join(told) if chance(generator, 0.5) else " ".join(told)


SOURCES: dict[str, tuple[float, Callable[[np.random.Generator], str]]] = {
    "fact_page": (0.2, fact_page),
    "facts_of_many": (0.08, facts_of_many),
    "quiz": (0.08, quiz),
    "piece": (0.15, piece),
    "idea_list": (0.06, idea_list),
    "chatter": (0.06, chatter),
    "reviews": (0.04, reviews),
    "bad_advice": (0.02, bad_advice),
    "request_list": (0.15, request_list),
    "solved": (0.05, solved),
    "dialogue": (0.06, dialogue),
    "passages": (0.07, passages),
}
"""Kind of page → (share of the pages, its writer)."""


MEAN_SITE = 3
"""Pages of one kind that stand together on average, as the pages of a site do in a crawl."""


def draw_documents(generator: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Pages without end: (kind, text), site after site."""
    shares = np.array([share for share, _ in SOURCES.values()])
    while True:
        source = list(SOURCES)[int(generator.choice(len(shares), p=shares / shares.sum()))]
        for _ in range(int(generator.geometric(1 / MEAN_SITE))):
            yield source, with_articles(SOURCES[source][1](generator))
