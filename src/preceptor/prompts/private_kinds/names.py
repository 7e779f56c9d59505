"""Names of people where the words before say that a name comes: `my name is`, `Dear Mr`, `me llamo`."""

import re
from collections.abc import Iterator

Span = tuple[int, int]

SELF = re.compile(
    r"\b(?:my (?:full |first |last )?name(?:'s| is)|name's|i am called|i'm called|people call me|please call me"
    r"|this is(?= [A-Z][a-z]+ [A-Z][a-z]+ (?:from|calling|speaking|writing))"
    r"|ich heiß?e|ich heisse|mein name ist|me llamo|mi nombre es|se llama|je m['’]appelle|mon nom est|mi chiamo"
    r"|il mio nome è|me chamo|(?:o )?meu nome é|ik heet|mijn naam is|jag heter|mitt namn är|nazywam się|mam na imię"
    r"|меня зовут)[ :]{1,2}(?:is |ist )?",
    re.IGNORECASE,
)
"""Here people also write their name small."""
GREETING = re.compile(
    r"(?:^|[\n\"“„'(>]|[.:!?] )[ \t]{0,4}(?:dear|sehr geehrte[rs]?|liebe[r]?|estimad[oa]|querid[oa]"
    r"|cher|chère|gentile|car[oa]|prezad[oa]|beste|hey|hi|hello|hola|hallo|bonjour|ciao|olá) ",
    re.IGNORECASE,
)
"""Not in the middle of a sentence: there it is "the dear Princess"."""
FAREWELL = re.compile(
    r"\b(?:(?:kind |best |warm )?regards|sincerely(?: yours)?|yours (?:sincerely|faithfully|truly)|best wishes|cheers"
    r"|(?:mit )?freundlichen grüßen|viele grüße|liebe grüße|atentamente|un saludo|saludos(?: cordiales)?|cordialement"
    r"|bien à vous|cordiali saluti|atenciosamente)[ \t]{0,4}[,.]?[ \t]{0,4}\n{1,2}[ \t]{0,4}",
    re.IGNORECASE,
)
FIELD = re.compile(
    r"(?:^|[\n,;|(\t])[ \t]{0,4}(?:(?:full|customer|patient|client|employee|student|contact|billing|first|last)"
    r"(?:'?s)? ?name"
    r"|name|patient|employee|cardholder|contact|attn|nombre(?: completo)?|paciente|vorname|nachname|nom|signed(?: by)?)"
    r" ?[:=] {0,4}",
    re.IGNORECASE,
)

TITLE = re.compile(
    r"(?:(?:mr|mrs|ms|miss|mx|dr|prof|professor|doctor|herr|herrn|frau|señora?|sra?|srta|don|doña|monsieur|madame|mme|m"
    r"|signora?|sig|senhora?)\b\.? ){1,2}",
    re.IGNORECASE,
)
WORD = re.compile(r"[^\W\d_](?:[\w'’-]{0,30}\w|\.)?")
MOST_WORDS = 6
END_OF_GREETING = re.compile(r" ?[,:!;\n]|$")
AFTER_NAME = re.compile(r"[.,;:!?\n]|$| (?:and|und|y|et|e|i|from)\b")
PARTICLES = {
    "de", "del", "la", "las", "los", "van", "von", "der", "den", "zu", "da", "dos", "di", "bin", "al", "y", "e", "le",
}  # fmt: skip
NO_NAMES = {
    # whom a greeting is for who is nobody in particular
    "sir", "sirs", "madam", "hiring", "customer", "customers", "team", "friend", "friends", "editor", "all", "diary",
    "santa", "god", "lord", "committee", "user", "users", "student", "students", "mom", "dad", "mum", "mother",
    "father", "sister", "brother", "grandma", "grandpa", "colleague", "colleagues", "recruiter", "manager", "member",
    "members", "parent", "parents", "teacher", "professor", "doctor", "neighbor", "neighbors", "reader", "readers",
    "reviewer", "reviewers", "valued", "applicant", "candidate", "president", "principal", "admissions", "everyone",
    "everybody", "there", "world", "guys", "folks", "future", "human", "assistant", "ai", "chatgpt", "gpt",
    "openassistant", "oa", "bard", "claude", "alexa", "siri", "bot", "robot", "damen", "kollegen", "kunde", "kunden",
    "freunde", "cliente", "clientes", "amigo", "amiga", "amigos", "equipo", "señores", "señor", "señora", "monde",
    "mondo", "mundo", "welt",
    # what stands in a field that nobody has filled in
    "unknown", "none", "null", "anonymous", "string", "str", "text", "required", "optional", "first", "last", "full",
    "name", "nombre",
    # what follows "my name is" in a sentence about names
    "on", "in", "at", "not", "a", "an", "the", "this", "that", "and", "or", "of", "to", "too", "so", "very", "also",
    "what", "spelled", "pronounced", "written", "called", "being", "hard", "common", "unique", "rare", "similar",
    "wrong", "important", "no", "my", "your", "his", "her", "auf", "nicht", "ein", "eine", "sehr", "schwer", "la",
    "el", "un", "una", "muy", "como", "cómo", "igual", "le", "pas",
}  # fmt: skip


def names_after_cues(text: str) -> Iterator[Span]:
    """Names after `my name is`, in a greeting, under a farewell or in a field `Name:`; titles are left standing."""
    for cue in (SELF, GREETING, FAREWELL, FIELD):
        for match in cue.finditer(text):
            title = TITLE.match(text, match.end())
            start = title.end() if title else match.end()
            span = _capitals_at(text, start, may_begin_small=title is not None)
            if span is None and (cue is SELF or title):
                span = _small_letters_at(text, start)
            if span and (cue is not GREETING or title or END_OF_GREETING.match(text, span[1])):
                yield span


def _capitals_at(text: str, start: int, *, may_begin_small: bool) -> Span | None:
    """Words with a capital, with particles between: `María de la Cruz`, after a title also `de la Cruz`."""
    words: list[re.Match[str]] = []
    place = start
    while len(words) < MOST_WORDS and (word := WORD.match(text, place)):
        is_particle = word[0].lower() in PARTICLES and (bool(words) or may_begin_small)
        if not is_particle and (word[0].lower() in NO_NAMES or not word[0][0].isupper()):
            break
        words.append(word)
        if text[word.end() : word.end() + 1] != " ":
            break
        place = word.end() + 1
    while words and not words[-1][0][0].isupper():
        words.pop()
    if not words:
        return None
    last = words[-1]
    is_initial = len(last[0]) == 2  # the stop after `J.` belongs to the name, that after `Smith.` to the sentence
    return start, last.end() - (last[0].endswith(".") and not is_initial)


def _small_letters_at(text: str, start: int) -> Span | None:
    """One word; a second one where the sentence ends or goes on with `and` behind it."""
    first = WORD.match(text, start)
    if first is None or not _may_be_name(first[0]):
        return None
    second = WORD.match(text, first.end() + 1) if text[first.end() : first.end() + 1] == " " else None
    is_longer = second is not None and _may_be_name(second[0]) and AFTER_NAME.match(text, second.end())
    return start, second.end() if second and is_longer else first.end()


def _may_be_name(word: str) -> bool:
    return len(word) > 1 and word.lower() not in NO_NAMES | PARTICLES
