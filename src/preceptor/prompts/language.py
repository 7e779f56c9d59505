"""Which language a prompt is in: by a model with English as its prior, and by the script of short texts."""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

SHORT = 20
"""Below so many letters the script alone decides, where it is not Latin."""
MARGIN = 10.0
"""Latin letters are English unless the model finds another language likelier by this much, in nats.

It takes "hello" for Breton by a hair; most prompts are English, and this is what that is worth as a prior.
`docs/prompts.md` has figures.
"""
MOST_READ = 4_000
"""Characters that are read of a text."""

LANGUAGE_OF_SCRIPT = {
    "LATIN": "en", "CYRILLIC": "ru", "GREEK": "el", "HEBREW": "he", "ARABIC": "ar", "DEVANAGARI": "hi",
    "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te", "GUJARATI": "gu", "GURMUKHI": "pa", "KANNADA": "kn",
    "MALAYALAM": "ml", "SINHALA": "si", "THAI": "th", "LAO": "lo", "KHMER": "km", "GEORGIAN": "ka", "ARMENIAN": "hy",
    "ETHIOPIC": "am", "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh",
}  # fmt: skip
"""First word of a letter's Unicode name → the language that is most often written so."""


@dataclass(frozen=True)
class Language:
    """An ISO 639-1 code, `und` where there is no letter, and what found it."""

    code: str
    by: Literal["model", "script"]


def language_of(text: str) -> Language:
    """The language that most of a text's beginning is in; `und` where it has no letter."""
    read = text[:MOST_READ]
    letters = [sign for sign in read if sign.isalpha()]
    by_script = LANGUAGE_OF_SCRIPT["LATIN"] if letters and read.isascii() else _of_script(letters)
    if not letters or (len(letters) < SHORT and by_script != "en"):
        return Language(by_script, "script")
    likely = _model().rank(read)
    code, likelihood = likely[0]
    is_english = by_script == "en" and likelihood - dict(likely)["en"] < MARGIN
    return Language("en" if is_english else str(code), "model")


def _of_script(letters: list[str]) -> str:
    """By the script of most letters; a single kana makes Han characters Japanese."""
    codes = Counter(LANGUAGE_OF_SCRIPT.get(_script(letter), "und") for letter in letters)
    if not codes:
        return "und"
    return "ja" if codes["ja"] else codes.most_common(1)[0][0]


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


@cache
def _model() -> Any:
    """py3langid's own model, read once: it takes more than a second."""
    import py3langid

    return py3langid
