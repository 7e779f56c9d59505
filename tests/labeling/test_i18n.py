"""Every language says everything that the pages say, with the same placeholders."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po

from preceptor.labeling.i18n import LOCALE, choose_language, languages, script_messages, translations
from preceptor.labeling.tasks import kinds

ROOT = Path(__file__).parents[2]
KEYWORDS = ["-k", "Refused", "-k", "TooFast", "-k", "Concern"]
PLACEHOLDER = re.compile(r"\{\w*\}")
TRANSLATED = sorted(set(languages()) - {"en"})


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What the pages, scripts and modules say, extracted as `make messages` does it."""
    found = tmp_path_factory.mktemp("messages") / "messages.pot"
    room = ROOT / "src" / "preceptor" / "labeling"
    CommandLineInterface().run(
        ["pybabel", "-q", "extract", "-F", str(ROOT / "pyproject.toml"), *KEYWORDS, "-o", str(found), str(room)]
    )
    with found.open("rb") as file:
        return read_po(file)


def catalogue(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def strings(words: str | tuple[str, ...] | list[str]) -> list[str]:
    return [words] if isinstance(words, str) else list(words)


def problems(source: Catalog, translated: Catalog) -> list[str]:
    """What is wrong with a catalogue; nothing when it is complete and sound."""
    found = [f"says what nobody asks: {one.id}" for one in translated if one.id and one.id not in source]
    for message in source:
        if not message.id:
            continue
        theirs = translated.get(message.id)
        said = strings(theirs.string) if theirs else []
        forms = translated.num_plurals if message.pluralizable else 1
        if theirs is None or theirs.fuzzy or len(said) != forms or not all(said):
            found.append(f"missing: {message.id}")
            continue
        asked = {mark for words in strings(message.id) for mark in PLACEHOLDER.findall(words)}
        found += [f"other placeholders: {words}" for words in said if set(PLACEHOLDER.findall(words)) != asked]
    return found


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_language_is_complete(source: Catalog, language: str) -> None:
    assert problems(source, catalogue(language)) == []


def test_what_is_said_is_found(source: Catalog) -> None:
    """One of each place that words come from: templates, scripts, refusals, limits, concerns, titles of kinds."""
    said = [
        "Skip to the content", "Keyboard shortcuts", "This name is taken.", "All responses are tied.",
        "That was very fast. Wait a minute; nothing is lost.",
    ]  # fmt: skip
    assert [words for words in said if words not in source] == []
    assert [task.title for task in kinds().values() if task.title not in source] == []


def test_spanish_is_there() -> None:
    assert languages() == {"en": "English", "es": "Español"}


@pytest.mark.parametrize(
    "spoiled",
    [
        "",
        'msgid "Rank {rank}"\nmsgstr ""',
        'msgid "Rank {rank}"\nmsgstr "Puesto {puesto}"',
        'msgid "Rank {rank}"\nmsgstr "Puesto"',
        '#, fuzzy\nmsgid "Rank {rank}"\nmsgstr "Puesto {rank}"',
        'msgid "Rank {rank}"\nmsgstr "Puesto {rank}"\n\nmsgid "Old"\nmsgstr "Viejo"',
    ],
    ids=["missing", "empty", "other name", "no placeholder", "fuzzy", "obsolete"],
)
def test_a_spoiled_catalogue_would_be_noticed(tmp_path: Path, spoiled: str) -> None:
    asked, good = Catalog(), Catalog("es")
    asked.add("Rank {rank}")
    good.add("Rank {rank}", "Puesto {rank}")
    assert problems(asked, good) == []
    (tmp_path / "messages.po").write_text(spoiled)
    with (tmp_path / "messages.po").open("rb") as file:
        assert problems(asked, read_po(file, locale="es"))


@pytest.mark.parametrize(
    ("setting", "header", "language"),
    [
        (None, "", "en"),
        ("es", "en", "es"),
        ("es_MX", "", "es"),
        ("xx", "es", "es"),
        ("", "fr;q=0.9, es-MX;q=0.8, en;q=0.7", "es"),
        (None, "en;q=0.3,es;q=0.4", "es"),
        (None, "es;q=0, en", "en"),
        (None, "*", "en"),
        (None, "../../etc/passwd, ;;;q=x,\x00", "en"),
    ],
)
def test_choosing_a_language(setting: str | None, header: str, language: str) -> None:
    assert choose_language(setting, header) == language


def test_english_says_what_is_written_and_spanish_something_else() -> None:
    assert translations("en").gettext("Sign in") == "Sign in"
    assert translations("es").gettext("Sign in") == "Iniciar sesión"


def test_scripts_get_their_own_words_only() -> None:
    spoken = script_messages("es")
    assert script_messages("en") == {}
    assert spoken["Saved"] == "Guardado"
    assert "Sign in" not in spoken
