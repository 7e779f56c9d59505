"""How figures are worded for people, everywhere the same."""

from collections.abc import Sequence

from preceptor.reporting.data import Estimate

FLAG_TITLES = {
    "fails_instruction": "Fails the instruction", "inappropriate_for_assistant": "Inappropriate for an assistant",
    "hallucination": "Hallucination", "satisfies_constraint": "Satisfies the constraint",
    "sexual_content": "Sexual content", "violent_content": "Violent content",
    "encourages_violence": "Encourages violence", "denigrates_protected_class": "Denigrates a protected class",
    "harmful_advice": "Harmful advice", "expresses_opinion": "Expresses an opinion",
    "expresses_moral_judgment": "Expresses a moral judgment",
}  # fmt: skip
"""The eleven flags, for people."""


def percent(value: float, digits: int = 1) -> str:
    """'64.2 %', which does not break at the space."""
    return f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"


def whole_percent(value: float) -> str:
    """'64 %'."""
    return percent(value, 0)


def share_of(part: int, whole: int) -> str:
    """'41 %'; never 0 % of what is not nothing, nor 100 % of what is not all."""
    share = part / whole if whole else 0.0
    if 0 < share < 0.001:
        return "less than " + percent(0.001)
    return percent(share) if (0 < share < 0.01 or 0.99 < share < 1) else whole_percent(share)


def two_digits(value: float) -> str:
    """'0.81'."""
    return f"{value:.2f}"


def percent_range(estimate: Estimate) -> str:
    """'59.1 to 69.0 %'; nothing where the bounds are not known."""
    return "" if estimate.bounds is None else f"{100 * estimate.bounds[0]:.1f} to {percent(estimate.bounds[1])}"


def number_range(estimate: Estimate) -> str:
    """'0.68 to 0.75'; nothing where the bounds are not known."""
    return "" if estimate.bounds is None else f"{estimate.bounds[0]:.2f} to {estimate.bounds[1]:.2f}"


def listed(words: Sequence[str]) -> str:
    """'a, b and c'."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def duration(seconds: float) -> str:
    """'4 s', '3 min 20 s', '2 h 5 min'."""
    if seconds < 60:
        return f"{seconds:.1f}\N{NO-BREAK SPACE}s" if seconds < 10 else f"{seconds:.0f}\N{NO-BREAK SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\N{NO-BREAK SPACE}min {rest}\N{NO-BREAK SPACE}s"
    return f"{minutes // 60}\N{NO-BREAK SPACE}h {minutes % 60}\N{NO-BREAK SPACE}min"
