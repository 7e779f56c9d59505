"""E-mail addresses, addresses of the web that carry a secret, and IP addresses."""

import ipaddress
import re
from collections.abc import Iterator

from preceptor.prompts.private_kinds.numbered import is_a_version

Span = tuple[int, int]

EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w@])")
SPELLED_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64} ?[\[({] ?at ?[\])}] ?[\w-]{1,63}(?:(?: ?[\[({] ?dot ?[\])}] ?|\.)[\w-]{1,63}){1,4}"
    r"|(?<![\w.+%-])[\w.+%-]{1,64} at (?:[\w-]{1,63} dot ){1,3}(?:com|org|net|edu|info|io|co|uk|de|es|fr)\b",
    re.IGNORECASE,
)

URL = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s<>\"`]{1,2000}")
AFTER_URL = ".,;:!?)]}'’»"
SECRET_FIELD = re.compile(
    r"[?&#](?:access_?token|auth_?token|token|api_?key|key|secret|client_secret|password|passwd|pwd|sig|signature)"
    r"=[^&#]{6}",
    re.IGNORECASE,
)

IPV4 = re.compile(r"(?<![\w.-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w-]|\.[0-9])")
IPV6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:.]{3,45}(?<![.])(?![\w:])")
NAMED = re.compile(
    r"(?:\bip|\bhost|\bserver|\baddress|adresse|\bdirección|\bping|\bssh|//|@)\W{0,3}(?:is |ist |es )?$", re.IGNORECASE
)
"""What stands before an address of four small numbers: else they are a version."""


def emails(text: str) -> Iterator[Span]:
    """`jane@mail.example`, and the same spelled out: `jane (at) mail (dot) example`."""
    if "@" in text:
        yield from (match.span() for match in EMAIL.finditer(text))
    yield from (match.span() for match in SPELLED_EMAIL.finditer(text))


def urls_with_credentials(text: str) -> Iterator[Span]:
    """Whole addresses that hold a password (`https://user:word@host`) or a secret field (`?api_key=…`)."""
    if "://" not in text:
        return
    for match in URL.finditer(text):
        url = match[0].rstrip(AFTER_URL)
        if _has_password(url) or SECRET_FIELD.search(url):
            yield match.start(), match.start() + len(url)


def ip_addresses(text: str) -> Iterator[Span]:
    """IPv4 and IPv6 addresses of a machine: no versions or chapters, nothing that is the same on every machine."""
    for match in IPV4.finditer(text):
        if _is_machine(match[0]) and not _is_version(text, match):
            yield match.span()
    for match in IPV6.finditer(text):
        if match[0].count(":") >= 2 and any(map(str.isdigit, match[0])) and _is_machine(match[0]):
            yield match.span()


def _has_password(url: str) -> bool:
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    name, _, host = authority.rpartition("@")
    return bool(host) and bool(name.partition(":")[2])


def _is_version(text: str, match: re.Match[str]) -> bool:
    if is_a_version(text, match.start()):
        return True
    is_small = all(len(part) == 1 for part in match[0].split("."))
    return is_small and not NAMED.search(text[max(0, match.start() - 24) : match.start()])


def _is_machine(written: str) -> bool:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    is_mask = address.version == 4 and address.packed[0] == 255
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or is_mask)
