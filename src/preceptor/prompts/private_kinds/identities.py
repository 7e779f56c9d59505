"""Numbers that a state gives to a person: with a checksum where there is one, with strict shape where there is none."""

import re
from collections.abc import Callable, Iterator

from preceptor.prompts.private_kinds.numbered import is_of_a_thing

Span = tuple[int, int]

US_SSN = re.compile(r"(?<![\w-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])")
US_SSN_NAMED = re.compile(
    r"\b(?:ssn|social security(?: number| no\.?)?)(?: is)?[ :#=]{1,3}"
    r"((?!000|666|9)[0-9]{3}[ .-]?(?!00)[0-9]{2}[ .-]?(?!0000)[0-9]{4})(?![\w-])",
    re.IGNORECASE,
)
UK_NINO = re.compile(
    r"(?<![\w-])(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]( ?)[0-9]{2}(?:\1[0-9]{2}){2}\1[A-D]"
    r"(?![\w-])"
)
GERMAN_TAX_ID = re.compile(r"(?<![\w.,-])(?<![0-9][ /])[1-9][0-9]( ?)[0-9]{3}\1[0-9]{3}\1[0-9]{3}(?![\w-]|[ .,][0-9])")
SPANISH_DNI = re.compile(r"(?<![\w.,-])(?:[0-9]{8}|[0-9]{2}\.[0-9]{3}\.[0-9]{3})[ -]?[A-HJ-NP-TV-Z](?![\w])", re.I)
SPANISH_NIE = re.compile(r"(?<![\w-])[XYZ][ -]?[0-9]{7}[ -]?[A-HJ-NP-TV-Z](?!\w)", re.IGNORECASE)
FRENCH_NIR = re.compile(
    r"(?<![\w.,-])[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}(?![\w-])"
)
ITALIAN_CODE = re.compile(
    r"(?<!\w)[A-Z]{6}[0-9L-NP-V]{2}[A-EHLMPR-T][0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{3}[A-Z](?!\w)", re.IGNORECASE
)
BRAZILIAN_CPF = re.compile(r"(?<![\w.,-])[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![\w-])")

DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
ODD_PLACES = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", [
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10,
    22, 25, 24, 23,
], strict=True))  # fmt: skip
"""What a sign at an odd place of the Italian code counts (decree of 23 December 1976)."""


def national_ids(text: str) -> Iterator[Span]:
    """US SSN, UK NINO, German Steuer-ID, Spanish DNI and NIE, French NIR, Italian codice fiscale, Brazilian CPF."""
    yield from (match.span(1) for match in US_SSN_NAMED.finditer(text))
    for pattern, passes in PATTERNS:
        for match in pattern.finditer(text):
            signs = "".join(filter(str.isalnum, match[0])).upper()
            if passes(signs) and not is_of_a_thing(text, match.start()):
                yield match.span()


def is_german_tax_id(digits: str) -> bool:
    """ISO 7064 mod 11,10; and of the first ten digits exactly one comes twice or thrice."""
    counts = sorted(digits[:10].count(digit) for digit in set(digits[:10]))
    if counts[-1] not in (2, 3) or counts[:-1] != [1] * (len(counts) - 1):
        return False
    product = 10
    for digit in digits[:10]:
        product = 2 * ((int(digit) + product) % 10 or 10) % 11
    return int(digits[10]) == (11 - product) % 10


def is_spanish_id(signs: str) -> bool:
    """The letter is number mod 23 of a fixed list; of a NIE, X, Y, Z stand for 0, 1, 2."""
    number = signs[:-1].translate(str.maketrans("XYZ", "012"))
    return DNI_LETTERS[int(number) % 23] == signs[-1]


def is_french_nir(signs: str) -> bool:
    """The last two digits are 97 − number mod 97; Corsica's 2A and 2B stand for 19 and 18."""
    number = signs[:13].replace("2A", "19").replace("2B", "18")
    return int(signs[13:]) == 97 - int(number) % 97


def is_italian_code(signs: str) -> bool:
    """The last letter is the sum of what the signs count at odd and even places, mod 26."""
    odd = sum(ODD_PLACES[sign] for sign in signs[:15:2])
    even = sum(int(sign, 36) - 10 * sign.isalpha() for sign in signs[1:15:2])
    return chr(ord("A") + (odd + even) % 26) == signs[15]


def is_brazilian_cpf(digits: str) -> bool:
    """Two check digits, each −Σ digit·weight mod 11 with 10 as 0; eleven equal digits are none."""
    checks = [
        sum(int(digit) * weight for digit, weight in zip(digits, range(length + 1, 1, -1), strict=False)) * 10 % 11 % 10
        for length in (9, 10)
    ]
    return len(set(digits)) > 1 and [int(digits[9]), int(digits[10])] == checks


def _has_its_shape(signs: str) -> bool:
    return True


PATTERNS: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (US_SSN, _has_its_shape), (UK_NINO, _has_its_shape), (GERMAN_TAX_ID, is_german_tax_id),
    (SPANISH_DNI, is_spanish_id), (SPANISH_NIE, is_spanish_id), (FRENCH_NIR, is_french_nir),
    (ITALIAN_CODE, is_italian_code), (BRAZILIAN_CPF, is_brazilian_cpf),
)  # fmt: skip
