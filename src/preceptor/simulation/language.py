"""The little English that the world needs: words, sentences, verbs, lists, and choices drawn from a generator."""

import re
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

ChoiceT = TypeVar("ChoiceT")

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_IRREGULAR = {
    "has": "have",
    "does": "do",
    "goes": "go",
    "flies": "fly",
    "carries": "carry",
    "dies": "die",
    "lies": "lie",
}
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+")
_ITEM = re.compile(r"(?:^|\s)\d+[.)]\s+")


def pick(generator: np.random.Generator, choices: Sequence[ChoiceT]) -> ChoiceT:
    """One of the choices, all equally likely."""
    return choices[int(generator.integers(len(choices)))]


def sample(generator: np.random.Generator, choices: Sequence[ChoiceT], num: int) -> list[ChoiceT]:
    """`num` different choices, in random order."""
    return [choices[int(i)] for i in generator.permutation(len(choices))[:num]]


def chance(generator: np.random.Generator, probability: float) -> bool:
    """True with this probability."""
    return bool(generator.random() < probability)


def words(text: str) -> list[str]:
    """Lower-case words and numbers, punctuation dropped."""
    return _WORD.findall(text.lower())


def sentences(text: str) -> list[str]:
    """The sentences of a text; the numbers of a numbered list do not end one."""
    text = _ITEM.sub(" ", text)
    return [part.strip() for part in re.split(r"(?<=[.!?])[\"']?\s+|\n+", text) if words(part)]


def items(text: str) -> list[str]:
    """The items of a list: numbered ones if there are any, else what stands between commas, 'and' and 'or'."""
    if len(_ITEM.findall(text)) >= 2:
        return [part.strip(" .,\n") for part in _ITEM.split(text)[1:] if words(part)]
    first = (sentences(text) or [""])[0]
    if ":" in first:
        first = first.split(":", 1)[1]
    parts = re.split(r",\s*(?:and |or )?|\s(?:and|or)\s", first.rstrip("."))
    return [part.strip() for part in parts if words(part)]


def upper_first(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """The text with its first letter small, unless it is 'I'."""
    return text if text.startswith(("I ", "I'")) else text[:1].lower() + text[1:]


def sentence(text: str) -> str:
    """The text as one sentence: capital first, full stop last."""
    return upper_first(text) if text.endswith((".", "!", "?")) else upper_first(text) + "."


def a(noun: str) -> str:
    """The noun with its indefinite article."""
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def with_articles(text: str) -> str:
    """The text with 'a' turned into 'an' before a vowel."""
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)


def listed(parts: Sequence[str], word: str = "and") -> str:
    """'a, b and c'."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def numbered(parts: Sequence[str]) -> str:
    """'1. A. 2. B. 3. C.'"""
    return " ".join(f"{number}. {sentence(part)}" for number, part in enumerate(parts, start=1))


def base_form(predicate: str) -> str:
    """A verb phrase in the third person ('keeps fat') in its base form ('keep fat')."""
    verb, _, rest = predicate.partition(" ")
    if verb not in ("is", "was", "can"):
        if verb in _IRREGULAR:
            verb = _IRREGULAR[verb]
        elif verb.endswith(("shes", "ches", "sses", "xes")):
            verb = verb[:-2]
        else:
            verb = verb.removesuffix("s")
    return f"{verb} {rest}".strip()


def negated(predicate: str) -> str:
    """A verb phrase in the third person, denied: 'does not keep fat', 'is not blind', 'cannot fly'."""
    verb, _, rest = predicate.partition(" ")
    if verb in ("is", "was"):
        return f"{verb} not {rest}"
    if verb == "can":
        return f"cannot {rest}"
    return f"does not {base_form(predicate)}"


def asked(subject: str, predicate: str) -> str:
    """A verb phrase as a question without its mark: 'does the camel keep fat', 'is the bat blind'."""
    verb, _, rest = predicate.partition(" ")
    if verb in ("is", "was", "can"):
        return f"{verb} {subject} {rest}"
    return f"does {subject} {base_form(predicate)}"
