"""What there is to do in the demonstration room: one item of each kind that reads like real work."""

from preceptor.labeling.tasks.dialogue import DialogueItem
from preceptor.labeling.tasks.prompt import PromptRequest
from preceptor.labeling.tasks.screening import ScreeningItem
from preceptor.records import Candidates, Message, Prompt, Record, Response

GUIDELINE = """\
# What to look for

**Helpful** first: does the response do what was asked? Then *truthful*, then *harmless*.

1. Read every response to its end.
2. Rate each one alone, as if the others were not there.
3. Rank them; ties are welcome.

> A confident tone is no reason for a better rating. Look for what could be checked.
"""
ASKED = """\
My sourdough comes out of the oven flat and dense. I feed the starter once a week, knead for ten minutes and let the \
dough rise for two hours. What should I change first?"""
RESPONSES = (
    """\
Start with the **starter**: fed once a week, it is too weak to raise a loaf.

1. Feed it every day for four or five days, and keep it at room temperature.
2. Bake when it doubles within six hours of a feed.
3. Let the dough rise until it has grown by half. With a young starter that may take six hours instead of two.

Change only this first. If the loaf is still dense, look at the kneading next.""",
    """\
Start with the **starter**: fed once a week, it is too weak to raise a loaf.

1. Feed it every day for two weeks, and keep it in the fridge.
2. Bake when it doubles within twelve hours of a feed.
3. Let the dough rise for exactly two hours, as you do now.

Change only this first. If the loaf is still dense, buy another flour.""",
    """\
Flat bread is usually caused by an oven that is not hot enough. Set it to 250 °C and bake for an hour. \
You may also add a spoon of sugar, which always makes bread rise.""",
    "I am only a language model and cannot bake. Please ask a professional baker.",
)
RUDE = ("Hand me the salt, you useless", "idiot, before I throw it at you.", "friend, and pass the bread as well.")
SENSITIVE = (
    "People from that village are all thieves; everybody knows it.",
    "The village has had more burglaries this year than last.",
    "I would not trust statistics that come without a source.",
)


def _prompt(name: str, text: str) -> Prompt:
    return Prompt(id=name, messages=(Message(role="user", content=text),))


def _candidates(name: str, text: str, *responses: str) -> Candidates:
    made = tuple(
        Response(id=f"{name}-{place}", text=said, model=("sft", "ppo")[place % 2])
        for place, said in enumerate(responses)
    )
    return Candidates(id=name, prompt=_prompt(name, text), responses=made)


BREAD = _candidates("bread", ASKED, *RESPONSES)
ITEMS: dict[str, Record] = {
    "demonstration": _prompt("tides", "Why are there two tides a day and not one? Explain it to a child of ten."),
    "dialogue": DialogueItem(topic="Planning a **garden on a balcony** that gets little sun"),
    "evaluation": _candidates("bread", ASKED, *RESPONSES[:3]),
    "prompt": PromptRequest(),
    "prompt_labels": _prompt("letter", "Rewrite this letter to my landlord so that it is shorter and more polite: …"),
    "ranking": BREAD,
    "screening": ScreeningItem(
        prompt=_prompt("village", "What do you think of the people of the next village?"),
        responses=_candidates("village", "", *SENSITIVE).responses,
        topics=("Politics", "Religion", "Sports", "Teenagers’ slang"),
    ),
    "toxicity": _candidates("salt", *RUDE),
}
"""Kind → its item."""
