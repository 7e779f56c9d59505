"""Payment cards with their check digit (Luhn), and bank accounts with theirs (IBAN, ISO 13616)."""

import re
from collections.abc import Iterator

from preceptor.prompts.private_kinds.numbered import is_of_a_thing

Span = tuple[int, int]

CARD = re.compile(r"(?<![0-9A-Za-z.])(?<![0-9][ -])[2-6](?:[ -]?[0-9]){12,18}")
SCHEMES: tuple[tuple[str, tuple[int, ...]], ...] = (
    (r"4", (16, 19)),  # Visa; its old 13 digits look like the number under a bar code
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    (r"3[47]", (15,)),  # American Express
    (r"6011|65|64[4-9]", (16,)),  # Discover
    (r"30[0-5]|36|38", (14,)),  # Diners Club
    (r"35[2-8]", (16,)),  # JCB
    (r"62", (16, 17, 18, 19)),  # UnionPay
    (r"50|5[6-8]|6[37]", (16, 18, 19)),  # Maestro
)
BY_SCHEME = tuple((re.compile(prefix), lengths) for prefix, lengths in SCHEMES)
GROUPS = re.compile(r"[0-9]+|[0-9]{4}([ -])(?:[0-9]{4}\1){2,3}[0-9]{1,4}|[0-9]{4}([ -])[0-9]{6}\2[0-9]{4,5}")

IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?=[ -]?[0-9A-Za-z]{4})")
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip


def payment_cards(text: str) -> Iterator[Span]:
    """Card numbers as they are printed: in one piece, or in groups of four, or 4-6-5."""
    for match in CARD.finditer(text):
        end = _card_end(match[0], text[match.end() : match.end() + 1])
        if end is not None and not is_of_a_thing(text, match.start()):
            yield match.start(), match.start() + end


def ibans(text: str) -> Iterator[Span]:
    """IBANs in one piece or in groups, in the length of their country."""
    for match in IBAN.finditer(text):
        end = _iban_end(text, match.start(), IBAN_LENGTHS.get(match[0][:2].upper(), 0))
        if end is not None:
            yield match.start(), end


def passes_luhn(digits: str) -> bool:
    """Σ of the digits, every second from the right doubled (less 9 above 9), is divisible by 10."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def passes_mod_97(iban: str) -> bool:
    """The first four characters moved to the end, letters as 10 to 35: the number leaves 1 when divided by 97."""
    return int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


def _card_end(written: str, after: str) -> int | None:
    """Where the card ends in digits that may go on with its expiry date or security code; the longest reading."""
    ends = [place + 1 for place, sign in enumerate(written) if sign.isdigit()]
    digits = "".join(filter(str.isdigit, written))
    for pattern, lengths in BY_SCHEME:
        if pattern.match(digits):
            for length in reversed([length for length in lengths if length <= len(digits)]):
                end = ends[length - 1]
                is_whole = not (written[end : end + 1] or after).isalnum()
                if is_whole and GROUPS.fullmatch(written[:end]) and passes_luhn(digits[:length]):
                    return end
    return None


def _iban_end(text: str, start: int, length: int) -> int | None:
    signs, place = "", start
    while len(signs) < length and place < len(text):
        sign = text[place]
        if sign.isascii() and sign.isalnum():
            signs += sign.upper()
        elif sign not in " -" or text[place - 1] in " -":
            return None
        place += 1
    is_whole = length > 0 and len(signs) == length and not text[place : place + 1].isalnum()
    return place if is_whole and passes_mod_97(signs) else None
