"""Telephone numbers: what looks like one is put before the library `phonenumbers`, which knows every country's plan."""

import re
from collections.abc import Iterator
from functools import lru_cache

from phonenumbers import Leniency, PhoneNumberMatcher

from preceptor.prompts.private_kinds.numbered import is_of_a_thing

Span = tuple[int, int]

REGIONS = ("US", "ES", "GB", "DE", "FR")
"""Whose national forms are known; a number with + or 00 is known for all countries."""
TRUNK_0 = {"GB", "DE", "FR"}
"""Where a national number begins with 0: without it, the library would take most numbers for German."""

NUMBER_RUN = re.compile(r"(?<![\w$€£.,])[+(]?[0-9][0-9 ().\-/\u00a0]*[0-9]")
LONGEST = 64
"""A longer run of digits is a table, not telephone numbers: reading it all would take time and find chance."""
FEWEST_DIGITS, MOST_DIGITS = 7, 15
CALCULATION = re.compile(r"[1-9][0-9]* [-/] ")
CUE = re.compile(
    r"(?:\b(?:tele)?(?:phone|fon|fono)|\btel|\bcell(?:phone)?|\bmobile?|\bm[oó]vil|\bcelular|\bhandy|\bfax|\bcall|\btext"
    r"|\bring|\bdial|\bsms|\bwhats ?app|\bt[eé]l[eé]phone|\bportable"
    r"|\b(?:handy|telefon|mobil)(?:nummer|nr\.?)|\banrufen|\bll[aá]m[ae](?:me|nos)?|\brufnummer"
    r"|\breach|\bcontact|☎|📞)\b[^0-9\n]{0,24}$",
    re.IGNORECASE,
)


def phones(text: str) -> Iterator[Span]:
    """Numbers with a country code; national ones as their country groups them, or anyhow after words like `call`."""
    for match in NUMBER_RUN.finditer(text):
        digits = sum(map(str.isdigit, match[0]))
        is_table = len(match[0]) > LONGEST or (digits > MOST_DIGITS and match[0].isdigit())
        goes_on = text[match.end() : match.end() + 1].isalnum()
        if digits < FEWEST_DIGITS or is_table or goes_on or is_of_a_thing(text, match.start()):
            continue
        has_cue = CUE.search(text[max(0, match.start() - 40) : match.start()]) is not None
        yield from ((match.start() + a, match.start() + b) for a, b in _read(match[0], has_cue))


@lru_cache(maxsize=4096)  # a hotline or an example number comes again and again
def _read(written: str, has_cue: bool) -> tuple[Span, ...]:
    """Spans of numbers in a run of digits, by the first region that knows any."""
    dialled = "+" + written[2:] if written.startswith("00") else written  # the library reads 00 only where one dials so
    shift = len(written) - len(dialled)
    readings: list[tuple[str | None, int]] = [(None, Leniency.VALID)]
    if has_cue or not (written.isdigit() or CALCULATION.match(written)):
        regions = [region for region in REGIONS if region not in TRUNK_0 or written.lstrip("(").startswith("0")]
        readings += [(region, Leniency.VALID if has_cue else Leniency.STRICT_GROUPING) for region in regions]
    for region, leniency in readings:
        matches = PhoneNumberMatcher(dialled, region, leniency=leniency)
        found = [(one.start, one.end) for one in matches if not _is_cut(dialled, one.start, one.end)]
        if found:
            return tuple((start + shift * (start > 0), end + shift) for start, end in found)
    return ()


def _is_cut(written: str, start: int, end: int) -> bool:
    """Whether a number is only the decimals or the first half of a longer one."""
    return written[start - 1 : start] in {".", "-", "/"} or written[end : end + 1] in {".", "-", "/"}
