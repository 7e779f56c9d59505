"""Personal data: each kind with its exact place, near misses left alone, what is done about each, and linear time."""

import time

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preceptor.prompts.private import FINDERS, Finding, PrivacyConfig, find_private, mask, treat
from preceptor.prompts.private_kinds.identities import (
    is_brazilian_cpf,
    is_french_nir,
    is_german_tax_id,
    is_italian_code,
    is_spanish_id,
)
from preceptor.prompts.private_kinds.payments import passes_luhn, passes_mod_97

MARK = "‖"
FOUND = {
    "email": [
        "Write to ‖jane.doe+news@mail.example.co.uk‖.",
        "‖müller@firma.example‖, danke",
        "<‖a_b@c-d.example‖>",
        "mail ‖jane (at) mail (dot) example‖ please",
        "it is ‖jane.doe at mail dot com‖",
        "‖jane[at]mail.example‖",
    ],
    "url_credentials": [
        "use ‖postgres://admin:hunter2@db.example:5432/shop‖ here",
        "(‖https://u:p@host.example/x‖)",
        "GET ‖https://api.example/v1?api_key=abcdef123&x=1‖.",
        "‖redis://:secret@cache.example/0‖",
    ],
    "iban": [
        "to ‖DE89 3704 0044 0532 0130 00‖ please",
        "‖GB82WEST12345698765432‖",
        "‖es91 2100 0418 4502 0005 1332‖,",
        "‖FR14 2004 1010 0505 0001 3M02 606‖",
    ],
    "card": [
        "card ‖4111 1111 1111 1111‖ 12/27 123",
        "‖5555555555554444‖",
        "‖3782 822463 10005‖!",
        "‖6011-1111-1111-1117‖",
    ],
    "national_id": [
        "SSN ‖536-22-1187‖",
        "my SSN is ‖536221187‖",
        "‖AB 12 34 56 C‖",
        "NI number ‖AB123456C‖",
        "Steuer-ID ‖86 095 742 719‖",
        "DNI ‖12345678Z‖",
        "‖X1234567L‖",
        "NIR ‖2 55 08 14 168 025 38‖",
        "‖RSSMRA85T10A562S‖",
        "CPF ‖529.982.247-25‖",
    ],
    "ip": [
        "ping ‖203.0.113.77‖",
        "from ‖2001:db8::ff00:42:8329‖.",
        "IP ‖8.8.8.8‖",
        "http://‖198.51.100.7‖:80/x",
        "‖2001:0db8:85a3:0000:0000:8a2e:0370:7334‖",
    ],
    "phone": [
        "call ‖(212) 555-0199‖ now",
        "‖+44 20 7946 0958‖",
        "‖0049 30 1234567‖",
        "Handynummer ‖01512 3456789‖",
        "llámame al ‖612345678‖",
        "‖+1-415-555-0132‖",
        "tel. ‖4155550132‖",
        "ring ‖01 23 45 67 89‖",
        "‖+81 3-1234-5678‖",
    ],
    "address": [
        "at ‖12 Main Street, Apt 4, Springfield, IL 62704‖.",
        "‖221B Baker Street, London NW1 6XE‖",
        "‖390 Windsor St‖. It",
        "I live at ‖12 main street‖ now",
        "‖Hauptstraße 12a, 10115 Berlin‖!",
        "in der ‖Berliner Straße 3‖ wohne ich",
        "‖Am Alten Markt 4, 14467 Potsdam‖",
        "vivo en ‖Calle de Alcalá 45, 3º B, 28014 Madrid‖",
        "‖C/ Mayor, 3‖",
        "‖P.O. Box 123‖",
    ],
    "name": [
        "Hello, my name is ‖Anna-Lena O'Neill‖.",
        "my name is ‖john‖ and",
        "my name is ‖john smith‖.",
        "Dear Mr. ‖de la Cruz‖,",
        "Dear ‖Olivia‖,\nhow",
        "me llamo ‖María del Carmen García‖ y vivo",
        "Ich heiße ‖Jürgen Müller‖.",
        "Je m'appelle ‖Zoë‖ et",
        "Sehr geehrte Frau Dr. ‖Schmidt‖, ich",
        "Best regards,\n‖Tom Brown‖",
        "Name: ‖Ebony Moore‖\n",
        "меня зовут ‖Ольга‖",
    ],
}

NEAR_MISSES = [
    "Chrome/120.0.6099.109 Safari",
    "version 10.15.7.1",
    "see chapter 1.2.3.4",
    "1.2.3.4",
    "Kapitel 12.3.4.5",
    "127.0.0.1",
    "255.255.255.0",
    "256.1.1.1",
    "std::vector<int>",
    "12:30:45",
    "00:1A:2B:3C:4D:5E",
    "a @ b",
    "@property",
    "@jane_doe",
    "git@github:team/repo",
    "https://example.com/a?id=123456",
    "4111 1111 1111 1112",
    "order 4539578763621486",
    "DE89 3704 0044 0532 0130 01",
    "ISBN 978-0-306-40615-7",
    "2024-01-12 12:30",
    "order no. 114-3941689-8772232",
    "1234567890",
    "10,000,000",
    "12345678A",
    "529.982.247-26",
    "000-12-3456",
    "article AB123456C",
    "47.338989, -81.376699",
    "What is 9557 * 4991 - 798886 / 584?",
    "1990-2010",
    "Dear Sir or Madam,",
    "Dear Hiring Manager,",
    "Hello World!",
    "Hi there,",
    "the dear Princess, who slept",
    "my name is on the list",
    "Mein Name ist nicht da",
    "12 Angry Men",
    "5 Ways to Save",
    "The 4 Best Road Movies",
    "During 2021",
    "Spring 2024",
    "Am Montag 12",
    "2012 National Book Critics Circle",
    "la calle tiene 12 casas",
    "Kind regards,\nthe team",
    "name: string",
    "AB 12 34 56 E",
    "BG123456C",
    "look at the dot matrix",
]


def split_marked(marked: str) -> tuple[str, int, int]:
    before, inside, after = marked.split(MARK)
    return before + inside + after, len(before), len(before + inside)


@pytest.mark.parametrize(("kind", "marked"), [(kind, marked) for kind, texts in FOUND.items() for marked in texts])
def test_each_kind_is_found_at_its_exact_place(kind: str, marked: str) -> None:
    text, start, end = split_marked(marked)
    assert find_private(text) == [Finding(kind, start, end)]


def test_every_kind_has_examples_and_an_action() -> None:
    assert set(FOUND) == set(FINDERS) == set(PrivacyConfig.model_fields)


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_near_misses_are_left_alone(text: str) -> None:
    assert find_private(text) == []


@pytest.mark.parametrize(
    ("passes", "right"),
    [
        (passes_luhn, "4111111111111111"), (passes_mod_97, "GB82WEST12345698765432"), (is_german_tax_id, "86095742719"),
        (is_spanish_id, "12345678Z"), (is_spanish_id, "X1234567L"), (is_french_nir, "255081416802538"),
        (is_italian_code, "RSSMRA85T10A562S"), (is_brazilian_cpf, "52998224725"),
    ],
)  # fmt: skip
def test_published_examples_pass_and_any_other_last_sign_fails(passes, right: str) -> None:
    signs = "0123456789" if right[-1].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert [sign for sign in signs if passes(right[:-1] + sign)] == [right[-1]]


@pytest.mark.parametrize("region", ["US", "GB", "DE", "ES", "FR", "IT", "JP", "BR", "IN"])
def test_the_library_s_own_example_numbers_are_found_in_international_form(region: str) -> None:
    number = phonenumbers.format_number(
        phonenumbers.example_number(region), phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )
    assert find_private(f"({number}) is it") == [Finding("phone", 1, 1 + len(number))]


def test_where_kinds_overlap_the_more_specific_one_stands() -> None:
    text = "see postgres://jane@mail.example:secret@203.0.113.77/x or AT611904300234573201"
    assert [(one.kind, text[one.start : one.end]) for one in find_private(text)] == [
        ("url_credentials", "postgres://jane@mail.example:secret@203.0.113.77/x"), ("iban", "AT611904300234573201"),
    ]  # fmt: skip


@given(
    st.lists(
        st.sampled_from([split_marked(marked)[0] for texts in FOUND.values() for marked in texts] + NEAR_MISSES)
        | st.text(max_size=20),
        max_size=8,
    ),
    st.sampled_from(["\n", " ", "", ", "]),
)
def test_findings_are_ordered_apart_inside_the_text_and_masked_away(parts: list[str], glue: str) -> None:
    text = glue.join(parts)
    findings = find_private(text)
    ends = [0, *(one.end for one in findings)]
    assert all(end <= one.start < one.end <= len(text) for end, one in zip(ends, findings, strict=False))
    masked = mask(text, findings)
    lost = sum(one.end - one.start for one in findings)
    assert len(masked) == len(text) - lost + sum(len(one.kind) + 2 for one in findings)


def test_each_action_does_what_it_says() -> None:
    text = "I am reached at jane@mail.example or (212) 555-0199."
    both = ("email", "phone")
    assert treat(text, PrivacyConfig()).text == "I am reached at [EMAIL] or [PHONE]."
    assert treat(text, PrivacyConfig(phone="keep")).text == "I am reached at [EMAIL] or (212) 555-0199."
    assert treat(text, PrivacyConfig(email="keep", phone="keep")).text == text
    dropped = treat(text, PrivacyConfig(email="drop"))
    assert dropped.text is None
    assert tuple(one.kind for one in dropped.findings) == both
    assert treat("nothing here", PrivacyConfig(email="drop")).text == "nothing here"


def test_what_opens_an_account_or_proves_who_one_is_drops_the_prompt_by_default() -> None:
    config = PrivacyConfig()
    dropped = {kind for kind in FINDERS if config.action(kind) == "drop"}
    assert dropped == {"url_credentials", "iban", "card", "national_id"}
    assert {config.action(kind) for kind in set(FINDERS) - dropped} == {"mask"}


LENGTH = 1_000_000
UNFRIENDLY = [
    "a", "A", "1", "4", "é", ".", "+", "(", "::", "a.", "a@", "1.", "1 ", "12 ", "DE89", "DE89 ", "A-", "Aa ", "1 aa ",
    "http://", "name: ", "\nname:", ". dear ", "my name is ", "a (at) ", "x at a dot ", "Calle de la ", "call 1234567 ",
    "555-123-4567,", "1.2.3.4 ", "Mr. ", "ssn ", " ", "\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", UNFRIENDLY)
def test_time_grows_linearly_with_unfriendly_text(piece: str) -> None:
    """A tenth of 1 MB: what is quadratic would need 10¹⁰ steps, which is far beyond the limit."""
    started = time.monotonic()
    find_private(piece * (LENGTH // 10 // len(piece)))
    assert time.monotonic() - started < 20


def test_a_megabyte_without_spaces_does_not_hang() -> None:
    text = "".join(chr(33 + place * place * 7919 % 94) for place in range(LENGTH))
    assert " " not in text
    started = time.monotonic()
    find_private(text)
    find_private("a" * LENGTH)
    find_private("9" * LENGTH)
    assert time.monotonic() - started < 60
