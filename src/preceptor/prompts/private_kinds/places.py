"""Street addresses as they are written in English, German and Spanish: a street and a house number, with the town."""

import re
from collections.abc import Iterator

Span = tuple[int, int]

WORD = r"[A-ZÀ-ÖØ-Þ][\w'’]{0,24}"
NOT_BEFORE = r"(?<![\w.,/#$€£-])"

STREET = r"Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Highway|Hwy|Parkway|Pkwy|Terrace"
COURT = r"Court|Ct|Place|Pl|Square|Sq|Crescent|Close|Circle|Cir|Grove|Gardens|Mews|Row|Way|Trail|Loop|Alley"
"""Words that other things are called by, too: after a year they are no street."""
UNIT = r"Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Room|#"
POSTCODE = r"(?:[A-Z]{2},? [0-9]{5}(?:-[0-9]{4})?|[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][A-Z]{2})\b"
ENGLISH = re.compile(
    rf"(?:{NOT_BEFORE}(?:{UNIT})\.? ?[0-9]{{1,4}}[A-Za-z]?, )?"
    rf"{NOT_BEFORE}[0-9]{{1,5}}[A-Za-z]? (?:(?:[NSEW]|[NS][EW])\.? )?"
    rf"(?:(?:{WORD}|[0-9]{{1,3}}(?:st|nd|rd|th))\.? ){{1,3}}"
    rf"(?:{STREET}|{COURT})\b"
    rf"(?:\.?,? (?:{UNIT})\.? ?[0-9A-Z-]{{1,6}}\b)?"
    rf"(?:\.?,?[ \n]{WORD}\.?(?: {WORD}\.?){{0,2}},? {POSTCODE}|(?! [A-Z][a-z]))"
)
YEAR_OF_A_THING = re.compile(rf"(?:19|20)[0-9]{{2}} [^\n,]{{1,80}}(?:{COURT})")
TYPED = re.compile(
    rf"(?<![\w.,/#$€£-])[0-9]{{1,5}}[a-z]? (?:[a-z0-9'’]{{1,20}} ){{1,3}}(?:{STREET}|{COURT})\b", re.IGNORECASE
)
AT_HOME = re.compile(
    r"(?:\b(?:live|lives|lived|living|reside|located|stay|moved?|deliver|delivered|ship|shipped|send|sent)"
    r"(?: \w{1,8})? (?:at|on|in|to)"
    r"|\baddress(?: is)?:?|\banschrift:?|\badresse(?: ist)?:?|\bwohne in|\bvivo en|\bdirección(?: es)?:?) $",
    re.IGNORECASE,
)
"""What stands before an address that somebody typed in small letters."""
POST_BOX = re.compile(
    r"\bP\.? ?O\.? ?Box [0-9]{1,6}\b|\bPostfach [0-9]{2}(?: ?[0-9]{2}){0,2}\b|\bApartado de correos [0-9]{1,5}\b",
    re.IGNORECASE,
)

GERMAN_TOWN = r",?[ \n](?:D-)?[0-9]{5} [A-ZÄÖÜ][\wäöüß-]{1,24}(?: (?:am|an der|im) [A-ZÄÖÜ]\w{1,24})?"
GERMAN = re.compile(
    r"(?<![\w-])(?:"
    r"[A-ZÄÖÜ][A-Za-zÄÖÜäöüß-]{1,30}(?:straße|strasse|str\.|weg|allee|gasse|damm|ufer|chaussee)"
    rf"|{WORD}(?:[ -]{WORD})?[ -](?:Straße|Strasse|Str\.|Weg|Platz|Allee|Gasse|Ring|Damm|Ufer|Chaussee)"
    # Too much else ends so (During 2021, Arbeitsplatz 3) or begins so (Am Montag 12): here the town must follow.
    rf"|(?:[A-ZÄÖÜ][A-Za-zÄÖÜäöüß-]{{1,30}}(?:platz|markt|ring|hof)"
    rf"|(?:Am|An der|Auf der|Auf dem|Im|In der|Zum|Zur|Unter den)"
    rf" {WORD}(?: {WORD})?)(?= [0-9]{{1,4}}[a-z]?,?[ \n][0-9]{{5}} )"
    r") [0-9]{1,4}(?: ?[a-h])?(?![\w.]?\w)"
    rf"(?:{GERMAN_TOWN})?"
)

SPANISH = re.compile(
    r"(?<!\w)(?:[Cc]alle|C/|[Aa]venida|Avda\.?|Av\.|[Pp]laza|Pza\.?|[Pp]aseo|[Cc]amino|[Cc]arretera"
    r"|[Rr]onda|[Tt]ravesía|[Cc]arrer) ?"
    rf"(?:(?:de las|de los|de la|del|de|la|el|los|las) )?{WORD}(?:(?: de la| de los| del| de| y)? {WORD}){{0,4}}"
    r",? (?:(?:n\.?º|nº|núm\.|número|no\.) ?)?[0-9]{1,4}(?![\w.]?\w)"
    r"(?:, (?:[0-9]{1,2}\.?[ºª°](?: ?[A-Z]\b| (?:izquierda|derecha|izq\.?|dcha\.?))?|piso [0-9]{1,2}(?: ?[A-Z]\b)?))?"
    rf"(?:,[ \n][0-9]{{5}} {WORD}(?:(?: de la| de| del)? {WORD}){{0,2}})?"
)


def street_addresses(text: str) -> Iterator[Span]:
    """A street with its house number; flat, postcode and town belong to it where they follow."""
    if not any(map(str.isdigit, text)):
        return
    for match in ENGLISH.finditer(text):
        if not YEAR_OF_A_THING.fullmatch(match[0]):
            yield match.span()
    for match in TYPED.finditer(text):
        if AT_HOME.search(text[max(0, match.start() - 40) : match.start()]):
            yield match.span()
    for pattern in (GERMAN, SPANISH, POST_BOX):
        yield from (match.span() for match in pattern.finditer(text))
