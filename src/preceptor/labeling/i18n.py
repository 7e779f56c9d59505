"""The reader's language: gettext catalogues in `locale/`, compiled when loaded. A new file is a new language."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

LOCALE = Path(__file__).parent / "locale"
SOURCE_LANGUAGE = "en"
"""What the templates and scripts are written in; it needs no catalogue."""
NO_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
"""Codes of unions, of parts of the ocean, and of nothing."""
COUNTRIES = tuple(sorted(set(re.findall(r"\b[A-Z]{2}\b", " ".join(map(str, Locale("en").territories)))) - NO_COUNTRIES))
"""Codes of countries (ISO 3166-1) and of what else has one."""


@cache
def languages() -> dict[str, str]:
    """Code of each language → its own name for itself: {'en': 'English', 'es': 'Español'}."""
    codes = sorted({SOURCE_LANGUAGE, *(path.parts[-3] for path in LOCALE.glob("*/LC_MESSAGES/messages.po"))})
    return {code: Locale.parse(code).get_display_name(code).capitalize() for code in codes}


def choose_language(setting: str | None, accept_language: str) -> str:
    """The labeler's own setting if we speak it, else the best of an Accept-Language header, else English."""
    accepted = [_accepted(part) for part in accept_language.split(",") if part.strip()]
    by_wish = [code for weight, code in sorted(accepted, key=lambda pair: -pair[0]) if weight > 0]
    for code in [setting or "", *by_wish]:
        for known in (code, code.partition("_")[0]):
            if known in languages():
                return known
    return SOURCE_LANGUAGE


@cache
def translations(language: str) -> NullTranslations:
    """What templates and Python code say, in one of the `languages`."""
    compiled = BytesIO()
    write_mo(compiled, _catalogue(language))
    compiled.seek(0)
    return GNUTranslations(compiled)


@cache
def script_messages(language: str) -> dict[str, str]:
    """What the scripts say: the English words → those of the language. Empty for English itself."""
    return {
        str(message.id): str(message.string)
        for message in _catalogue(language)
        if any(place.endswith(".js") for place, _ in message.locations)
    }


def N_(words: str) -> str:
    """Marks words that stand in one place and are translated in another; gives them back."""
    return words


def decimal(number: float, digits: int, language: str) -> str:
    """A number as people read it: '0.75', '0,75'."""
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return str(format_decimal(number, format=pattern, locale=language))


def when(seconds: float, language: str) -> str:
    """A moment, given in seconds since 1970, as one says it in a language."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), "medium", locale=language) + " UTC"


def day(seconds: float, language: str) -> str:
    """The day of a moment, given in seconds since 1970."""
    return str(format_date(datetime.fromtimestamp(seconds, UTC), "medium", locale=language))


def duration(seconds: float, language: str) -> str:
    """About how long: '3 days', '3 días'."""
    return str(format_timedelta(timedelta(seconds=seconds), threshold=1.5, locale=language))


def countries(language: str) -> dict[str, str]:
    """Codes of countries → their names in a language, in the order of the names."""
    # A catalogue may lack a code that is new.
    names = {**Locale(SOURCE_LANGUAGE).territories, **Locale.parse(language).territories}
    return dict(sorted(((code, str(names[code])) for code in COUNTRIES), key=lambda pair: pair[1]))


def _accepted(part: str) -> tuple[float, str]:
    """'es-MX;q=0.8' → (0.8, 'es_MX')."""
    code, _, rest = part.strip().partition(";")
    weight = re.fullmatch(r"\s*q=([01](?:\.\d{1,3})?)\s*", rest)
    return float(weight[1]) if weight else 1.0, code.strip().replace("-", "_")


@cache
def _catalogue(language: str) -> Catalog:
    if language == SOURCE_LANGUAGE:
        return Catalog(language)
    with (LOCALE / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)
