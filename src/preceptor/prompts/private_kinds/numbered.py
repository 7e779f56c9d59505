"""Words that say that a number is a thing's and no person's: an order, a version, a chapter."""

import re

REACH = 28
"""Characters before a number that are read."""

THING = re.compile(
    r"\b(?:order|invoice|article|part|item|batch|tracking|serial|model|sku|ticket|case|isbn|ean|issn|doi|bestellung"
    r"|rechnung|artikel|teile?|sendung|pedido|factura|art[ií]culo|expediente|lote|commande|facture)"
    r"[- ]?(?:numbers?|no|nr|num|nummer|número|n[º°]|code|id)?[.:#]? ?#?$",
    re.IGNORECASE,
)
VERSION = re.compile(
    r"(?:\bv|[a-z]/|\bver(?:sion|sión)?|\brelease|\bbuild|\bfirmware|\bkernel|\bdriver|\bchapter|\bsection|\bclause|§"
    r"|\bkapitel|\babschnitt|\bcap[ií]tulo|\bsecci[oó]n|\bapartado|\bfigure|\btable)[.:#]? ?$",
    re.IGNORECASE,
)


def is_of_a_thing(text: str, start: int) -> bool:
    """Whether the words before say that the number at `start` is that of an order, an article or a file."""
    return THING.search(text[max(0, start - REACH) : start]) is not None


def is_a_version(text: str, start: int) -> bool:
    """Whether the words before say that the number at `start` is a version or a chapter."""
    return VERSION.search(text[max(0, start - REACH) : start]) is not None
