"""The report: right counts, examples that show where and never what."""

from collections.abc import Sequence

from preceptor.prompts.private import FINDERS, PrivacyConfig, treat
from preceptor.prompts.private_report import PrivacyReport, privacy_report

SECRETS = ["jane@mail.example", "bob@mail.example", "(212) 555-0199", "4111 1111 1111 1111", "Smith"]
TEXTS = [
    "Write to jane@mail.example and bob@mail.example, or call (212) 555-0199 please.",
    "Nothing in this one.",
    "My card 4111 1111 1111 1111 was declined. Dear Mr. Smith never answered jane@mail.example.",
    "Dear Mr. Smith, " + "x" * 100 + " jane@mail.example " + "y" * 100,
]


def report_of(config: PrivacyConfig, texts: Sequence[str] = TEXTS) -> PrivacyReport:
    return privacy_report(((text, treat(text, config)) for text in texts), config)


def test_counts_are_those_of_the_findings() -> None:
    report = report_of(PrivacyConfig())
    assert (report.num_prompts, report.num_with_findings) == (4, 3)
    assert (report.num_dropped, report.num_changed) == (1, 2)
    counts = {kind: (one.num_found, one.num_prompts) for kind, one in report.kinds.items() if one.num_found}
    assert counts == {"email": (4, 3), "phone": (1, 1), "card": (1, 1), "name": (2, 2)}
    assert list(report.kinds) == list(FINDERS)
    assert report.kinds["card"].action == "drop"


def test_examples_show_the_surroundings_and_no_value_even_where_the_config_keeps_it() -> None:
    keep_all = PrivacyConfig(**dict.fromkeys(FINDERS, "keep"))
    for config in (PrivacyConfig(), keep_all):
        examples = [example for one in report_of(config).kinds.values() for example in one.examples]
        assert examples
        assert not [secret for secret in SECRETS for example in examples if secret in example]
    assert report_of(PrivacyConfig()).kinds["phone"].examples == ("…[EMAIL] and [EMAIL], or call [PHONE] please.",)


def test_examples_are_few_and_short() -> None:
    report = report_of(PrivacyConfig())
    assert report.kinds["email"].num_found == 4
    assert len(report.kinds["email"].examples) == 3
    assert report.kinds["iban"].examples == ()
    longest = report_of(PrivacyConfig(), TEXTS[3:]).kinds["email"].examples[-1]
    assert longest == "…" + "x" * 39 + " [EMAIL] " + "y" * 39 + "…"


def test_the_report_of_two_halves_is_that_of_the_whole() -> None:
    config = PrivacyConfig()
    for cut in range(len(TEXTS) + 1):
        assert report_of(config, TEXTS[:cut]).and_of(report_of(config, TEXTS[cut:])) == report_of(config)
