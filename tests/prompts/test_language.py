"""Languages: by script where a text is short, by the model with English as its prior, and the measured shares."""

import sys
from pathlib import Path
from subprocess import run

import pytest

from benchmarks.prompts.language import Labelled, accuracy, class_of, labelled, seed_instructions
from benchmarks.prompts.sentences import SENTENCES
from preceptor.prompts.language import Language, language_of


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Привет", "ru"),
        ("안녕", "ko"),
        ("東京", "zh"),
        ("東京へ", "ja"),
        ("γεια", "el"),
        ("สวัสดี", "th"),
        ("שלום", "he"),
        ("مرحبا", "ar"),
    ],
)
def test_a_short_text_has_the_language_of_its_script(text: str, code: str) -> None:
    assert language_of(text) == Language(code, "script")


@pytest.mark.parametrize("text", ["", "   ", "123 + 4 = ?", "🙂🙂"])
def test_a_text_without_letters_has_none(text: str) -> None:
    assert language_of(text) == Language("und", "script")


@pytest.mark.parametrize("text", ["hello", "ok", "hi", "thanks", "def f(x): return x + 1", "What is love?"])
def test_short_english_is_english_though_the_model_alone_doubts_it(text: str) -> None:
    assert language_of(text).code == "en"


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_whole_sentences_are_told_apart(code: str) -> None:
    assert {language_of(sentence).code for sentence in SENTENCES[code]} == {code}


def test_a_long_text_is_read_in_part() -> None:
    assert language_of("This is a sentence in English. " * 100_000) == Language("en", "model")


def test_accuracy_by_length_stays_above_its_floors(shared_data: Path) -> None:
    found = accuracy(labelled(seed_instructions(shared_data / "self-instruct"), seed=1))
    shares = {key: right / total for key, (right, total) in found.items()}
    assert min(share for (group, _), share in shares.items() if group == "English") >= 0.98
    assert min(share for (group, _), share in shares.items() if group == "other scripts") >= 0.95
    latin = [shares["other Latin script", class_of(num)] for num in (10, 20, 40)]
    assert latin[0] >= 0.75
    assert min(latin[1:]) >= 0.95


def test_accuracy_counts_by_group_and_length() -> None:
    rows = [Labelled("Привет", "ru"), Labelled("Привет", "el"), Labelled("hello", "en")]
    assert accuracy(rows) == {("other scripts", (1, 9)): (1, 2), ("English", (1, 9)): (1, 1)}


def test_importing_does_not_read_the_model() -> None:
    code = "import sys, preceptor.prompts.language; sys.exit('py3langid' in sys.modules or 'torch' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
