"""Personal data in prompts: found with exact places, treated kind by kind, reported without showing any."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from preceptor.config import BaseConfig
from preceptor.prompts.private_kinds import identities, names, online, payments, phones, places

PrivateKind = Literal["url_credentials", "email", "iban", "card", "national_id", "ip", "phone", "address", "name"]
Action = Literal["drop", "mask", "keep"]
Span = tuple[int, int]

FINDERS: Mapping[PrivateKind, Callable[[str], Iterable[Span]]] = {
    "url_credentials": online.urls_with_credentials,
    "email": online.emails,
    "iban": payments.ibans,
    "card": payments.payment_cards,
    "national_id": identities.national_ids,
    "ip": online.ip_addresses,
    "phone": phones.phones,
    "address": places.street_addresses,
    "name": names.names_after_cues,
}
"""Every kind with its finder, the more specific one first: where two overlap, the earlier kind stands."""


@dataclass(frozen=True, order=True)
class Finding:
    """Personal data in `text[start:end]`."""

    kind: PrivateKind
    start: int
    end: int


class PrivacyConfig(BaseConfig):
    """What becomes of a prompt with personal data, kind by kind: `drop` it, `mask` the place, or `keep` it as it is.

    What opens an account or proves who somebody is drops the prompt: it is rare, was most likely pasted by mistake, and
    a part that is overlooked does harm. What only reaches or names somebody is masked: the task stays the same.
    """

    url_credentials: Action = "drop"
    """An address of the web that holds a password or a key."""
    iban: Action = "drop"
    """A bank account."""
    card: Action = "drop"
    """A payment card."""
    national_id: Action = "drop"
    """A number that a state gives to a person."""
    email: Action = "mask"
    """An e-mail address."""
    ip: Action = "mask"
    """An IP address."""
    phone: Action = "mask"
    """A telephone number."""
    address: Action = "mask"
    """A street address."""
    name: Action = "mask"
    """A name after words that announce one, such as `my name is`."""

    def action(self, kind: PrivateKind) -> Action:
        """What is done about a kind."""
        action: Action = getattr(self, kind)
        return action


@dataclass(frozen=True)
class Treated:
    """A prompt after treatment: its text, None where the prompt is dropped, and what was found in the original."""

    text: str | None
    findings: tuple[Finding, ...]


def find_private(text: str) -> list[Finding]:
    """All personal data in a text, from left to right and without overlap."""
    taken: list[tuple[int, int, PrivateKind]] = []
    for kind, spans in FINDERS.items():
        for start, end in sorted(spans(text), key=lambda span: (span[0], -span[1])):
            place = bisect_left(taken, (start,))
            is_free_before = place == 0 or taken[place - 1][1] <= start
            is_free_after = place == len(taken) or end <= taken[place][0]
            if is_free_before and is_free_after:
                taken.insert(place, (start, end, kind))
    return [Finding(kind, start, end) for start, end, kind in taken]


def treat(text: str, config: PrivacyConfig) -> Treated:
    """A prompt with what the config says done to each finding; no text where any finding drops the prompt."""
    findings = find_private(text)
    actions = [config.action(finding.kind) for finding in findings]
    masked = [finding for finding, action in zip(findings, actions, strict=True) if action == "mask"]
    return Treated(None if "drop" in actions else mask(text, masked), tuple(findings))


def mask(text: str, findings: Iterable[Finding]) -> str:
    """The text with `[KIND]` in the place of each finding; findings come from left to right."""
    parts, done = [], 0
    for finding in findings:
        parts += [text[done : finding.start], f"[{finding.kind.upper()}]"]
        done = finding.end
    return "".join([*parts, text[done:]])
