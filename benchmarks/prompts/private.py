"""Recall and precision of the finders of personal data, kind by kind: `python -m benchmarks.prompts.private`.

The labelled file is made here by seed: prompts in six languages with invented personal data, and as many that only look
like it. It speaks for the formats that it has, not for all that people write.
"""

import argparse
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from benchmarks.prompts.private_values import VALUES, near_miss
from preceptor.prompts.private import Finding, PrivateKind, find_private
from preceptor.stats import Interval, wilson_interval

KINDS: tuple[PrivateKind, ...] = get_args(PrivateKind)
SLOT = re.compile(r"\{(\w+)\}")

TEMPLATES = (
    "Write a reply to {email} and say that I am ill.",
    "My mail is {email}, please check the grammar of this line.",
    "Schreib bitte an {email}, dass ich später komme.",
    "Envía la factura a {email}.",
    "Contactez {email} pour plus de détails !",
    "From: {email}\nTo: {email}\nSubject: lunch\n\nSummarise this.",
    "Scrivi a {email} domani.",
    "Call me at {phone} tomorrow.",
    "My phone number is {phone}, turn this into a business card.",
    "Tel.: {phone}",
    "Meine Handynummer ist {phone}.",
    "Llámame al {phone} por la tarde.",
    "Mon téléphone : {phone}",
    "Text {phone} if you are late.",
    "Reach us under {phone} or {phone}.",
    "Contact: {name}, {phone}",
    "Pay with {card}, expires 12/27, code 123.",
    "Card number: {card}",
    "Meine Kreditkarte {card} wurde abgelehnt, was tun?",
    "Mi tarjeta {card} no funciona.",
    "La carte {card} est-elle valide ?",
    "Transfer 40 euro to {iban} today.",
    "IBAN: {iban}",
    "Bitte überweise es auf {iban}.",
    "El IBAN es {iban}, ¿es correcto?",
    "Voici mon RIB {iban} pour le virement.",
    "The server at {ip} does not answer, why?",
    "Block {ip} in nginx.",
    "ping {ip} schlägt fehl",
    "Mi IP es {ip}",
    "Failed password for root from {ip} port 22",
    "Why does {url_credentials} time out?",
    "curl '{url_credentials}' gives 403",
    "Verbinde dich mit {url_credentials}.",
    "Conéctate a {url_credentials} por favor",
    "My SSN or ID is {national_id}, fill in the form.",
    "ID: {national_id}",
    "Meine Nummer lautet {national_id}, stimmt sie?",
    "Mi documento es {national_id}.",
    "Meu número é {national_id}, está certo?",
    "I live at {address}. How far is the sea?",
    "Ship it to {address}, please.",
    "Ich wohne in {address} und suche einen Arzt.",
    "Vivo en {address} y busco piso.",
    "Address: {address}",
    "Anschrift: {address}",
    "My name is {name} and I need a poem.",
    "Hello, my name is {name}. Write my biography.",
    "Dear Mr. {last_name},\nwrite the rest of this letter.",
    "Dear {name},\nthank you for the gift. Continue.",
    "Improve this: See you soon.\n\nBest regards,\n{name}",
    "Name: {name}\nAge: 34\nMake a CV.",
    "Ich heiße {name}, schreib mir ein Gedicht.",
    "Mein Name ist {name}.",
    "Sehr geehrte Frau {last_name}, wie geht es weiter?",
    "Viele Grüße\n{name}",
    "Me llamo {name} y tengo dos hijos.",
    "Estimada Sra. {last_name}:",
    "Mi nombre es {name}.",
    "Un saludo,\n{name}",
    "Je m'appelle {name} et je cherche un emploi.",
    "Mi chiamo {name}, ho trent'anni.",
    "Meu nome é {name}.",
    "Patient: {name}, 54, chest pain. Summarise.",
    "Hi, I am {name} from accounting, fix this mail.",
    "Hey {name}, can you come? Rewrite politely.",
    "It's {name} here, what's the weather?",
    "Please call me {name}.",
    "Signed: {name}",
    "Dear Dr. {last_name}, I write because",
)


@dataclass(frozen=True)
class Labelled:
    """A prompt and all the personal data in it."""

    text: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Figures:
    """How well one kind is found."""

    num_labelled: int
    recall: Interval
    """Share of what is labelled that is found with its kind and exact place."""
    hidden: Interval
    """Share of what is labelled of which no character is left over, whatever kind it was taken for."""
    precision: Interval
    """Share of what is found that is labelled with this kind and place."""


def labelled_prompts(seed: int = 0, num_each: int = 60) -> list[Labelled]:
    """Every template so many times with new values, and as many near misses; small letters now and then."""
    draw = random.Random(seed)
    made = [_filled(template, draw) for template in TEMPLATES for _ in range(num_each)]
    misses = [Labelled(near_miss(draw), ()) for _ in made]
    return made + misses


def _filled(template: str, draw: random.Random) -> Labelled:
    parts, findings, done, length = [], [], 0, 0
    for slot in SLOT.finditer(template):
        value = VALUES[slot[1]](draw)
        if slot[1] in ("name", "last_name") and draw.random() < 0.1:
            value = value.lower()
        before = template[done : slot.start()]
        start = length + len(before)
        kind = next(kind for kind in KINDS if kind == slot[1].removeprefix("last_"))
        findings.append(Finding(kind, start, start + len(value)))
        parts += [before, value]
        done, length = slot.end(), start + len(value)
    return Labelled("".join([*parts, template[done:]]), tuple(findings))


def figures(rows: Iterable[Labelled]) -> dict[PrivateKind, Figures]:
    """Recall and precision of each kind that is labelled."""
    labelled, right, hidden, found = (Counter[PrivateKind]() for _ in range(4))
    for row in rows:
        seen = find_private(row.text)
        found.update(one.kind for one in seen)
        right.update(one.kind for one in set(seen) & set(row.findings))
        labelled.update(one.kind for one in row.findings)
        hidden.update(one.kind for one in row.findings if _is_hidden(row.text, one, seen))
    return {
        kind: Figures(
            labelled[kind], wilson_interval(right[kind], labelled[kind]), wilson_interval(hidden[kind], labelled[kind]),
            wilson_interval(right[kind], found[kind]),
        )
        for kind in KINDS
    }  # fmt: skip


def _is_hidden(text: str, label: Finding, seen: Sequence[Finding]) -> bool:
    covered = {place for one in seen for place in range(one.start, one.end)}
    return all(place in covered for place in range(label.start, label.end) if text[place].isalnum())


def errors(rows: Iterable[Labelled], kind: PrivateKind) -> list[str]:
    """What was missed or wrongly found of one kind; the data is invented, so it may be shown."""
    lines = []
    for row in rows:
        seen = {one for one in find_private(row.text) if one.kind == kind}
        known = {one for one in row.findings if one.kind == kind}
        lines += [f"missed {row.text[one.start : one.end]!r} in {row.text!r}" for one in known - seen]
        lines += [f"wrong  {row.text[one.start : one.end]!r} in {row.text!r}" for one in seen - known]
    return lines


def main() -> None:
    """Print the table, or what went wrong with one kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--num-each", type=int, default=60, help="prompts of each template")
    parser.add_argument("--errors", choices=KINDS, help="show what was missed or wrongly found of this kind")
    options = parser.parse_args()
    rows = labelled_prompts(options.seed, options.num_each)
    if options.errors:
        print("\n".join(errors(rows, options.errors)))
        return
    print("| kind | labelled | recall | hidden | precision |\n|---|---|---|---|---|")
    for kind, one in figures(rows).items():
        shares = " | ".join(map(_percent, (one.recall, one.hidden, one.precision)))
        print(f"| `{kind}` | {one.num_labelled} | {shares} |")


def _percent(share: Interval) -> str:
    return f"{100 * share.value:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


if __name__ == "__main__":
    main()
