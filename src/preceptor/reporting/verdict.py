"""The verdict in plain words: claims only what the intervals prove, and refuses the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from preceptor.reporting.data import Estimate, PolicyRow, ReportData
from preceptor.reporting.words import listed, percent, percent_range, whole_percent

Kind = Literal["better", "mixed", "not_shown", "worse"]


@dataclass(frozen=True)
class Verdict:
    """What the report claims."""

    kind: Kind
    headline: str
    """One sentence."""
    sentences: tuple[str, ...]
    """What it rests on, and what speaks against it."""


def verdict(data: ReportData) -> Verdict:
    """Better only where the whole win-rate interval lies above one half and the gold judge does not object."""
    baseline = data.policy(data.baseline)
    rows = [row for name in data.aligned if (row := data.policy(name)) and row.win_rate_vs_sft]
    if not rows or baseline is None:
        return Verdict("not_shown", "No aligned policy was compared, so nothing is claimed.", _caveats(data))
    kinds = {row.name: _kind(row, baseline) for row in rows}
    by_kind = {
        kind: [row.title for row in rows if kinds[row.name] == kind] for kind in ("better", "not_shown", "worse")
    }
    phrases = [
        ("better", "{} better than {}"),
        ("worse", "{} worse than {}"),
        ("not_shown", "it is not shown that {} better than {}"),
    ]
    clauses = [
        phrase.format(f"{listed(names)} {'is' if len(names) == 1 else 'are'}", baseline.title)
        for kind, phrase in phrases
        if (names := by_kind[kind])
    ]
    headline = "; ".join(clauses) + "."
    kind = kinds[rows[0].name] if len(set(kinds.values())) == 1 else "mixed"
    sentences = [_preference(rows, data), *_gold(rows, baseline), *_tax(data), *_caveats(data)]
    return Verdict(kind, headline[0].upper() + headline[1:], tuple(sentences))


def _kind(row: PolicyRow, baseline: PolicyRow) -> Literal["better", "not_shown", "worse"]:
    bounds = row.win_rate_vs_sft.bounds if row.win_rate_vs_sft else None
    if bounds is None:
        return "not_shown"
    if bounds[1] < 0.5:
        return "worse"
    return (
        "better" if bounds[0] > 0.5 and _compared(row.gold_utility, baseline.gold_utility) != "lower" else "not_shown"
    )


def _compared(one: Estimate | None, other: Estimate | None) -> Literal["higher", "lower", "open"] | None:
    """Whether two intervals lie apart; None where something is not known."""
    if one is None or other is None or one.bounds is None or other.bounds is None:
        return None
    if one.bounds[0] > other.bounds[1]:
        return "higher"
    return "lower" if one.bounds[1] < other.bounds[0] else "open"


def _preference(rows: Sequence[PolicyRow], data: ReportData) -> str:
    judges = {"simulated": "simulated held-out labelers", "human": "held-out labelers"}.get(
        data.origin, "held-out labelers, some of them simulated,"
    )
    base = data.policy(data.baseline)
    parts: list[str] = []
    for row in rows:
        if row.win_rate_vs_sft is not None:
            words = "{} in {}" if parts else "{} in {} of comparisons"
            rate = words.format(row.title, percent(row.win_rate_vs_sft.value))
            interval = "{}" if parts else "95\N{NO-BREAK SPACE}% interval {}"
            bounds = f" ({interval.format(percent_range(row.win_rate_vs_sft))})" if row.win_rate_vs_sft.bounds else ""
            parts.append(rate + bounds)
    against = base.title if base else data.baseline
    prompts = f"{data.num_prompts:,} held-out prompts, ties counting one half"
    return f"Against {against}, {judges} prefer {listed(parts)}; {prompts}."


def _gold(rows: Sequence[PolicyRow], baseline: PolicyRow) -> list[str]:
    """What the gold judge says, policies of the same finding in one sentence."""
    words = {
        "higher": "The gold judge, who knows the truth, agrees",
        "lower": "The gold judge, who knows the truth, disagrees: the labelers were pleased, not served",
        "open": "By the gold judge, who knows the truth, the difference may be luck",
    }
    sentences = []
    for finding, phrase in words.items():
        found = [row for row in rows if _compared(row.gold_utility, baseline.gold_utility) == finding]
        figures = [f"{row.gold_utility.value:.2f} for {row.title}" for row in (baseline, *found) if row.gold_utility]
        if found:
            sentences.append(f"{phrase} (utility {', '.join(figures)}).")
    return sentences


def _tax(data: ReportData) -> list[str]:
    """What aligning cost on pretraining text since the base model, and how much of it the pretraining mix gave back."""
    losses = [row.pretraining_loss if (row := data.policy(name)) else None for name in ("base", "ppo", "ppo_ptx")]
    base, ppo, ptx = losses
    if base is None or ppo is None or ptx is None or ppo - base < 0.005:
        return []
    back = (ppo - ptx) / (ppo - base)
    gives = "pays even more" if back < 0 else f"gives back {whole_percent(back)} of it"
    tax = f"{ppo - base:.2f} nats per token of pretraining text, measured from the base model"
    return [f"The alignment tax of PPO is {tax}; PPO-ptx {gives}."]


def _caveats(data: ReportData) -> tuple[str, ...]:
    caveats = [f"{path.title}: {path.message}" for path in data.optimization if path.overoptimized_since is not None]
    if data.reward_model.forced is not None:
        caveats.append(f"The gate was closed and was forced, with this reason: “{data.reward_model.forced}”.")
    caveats += [f"Health check failed in {item.stage}: {item.message}" for item in data.health if not item.is_ok]
    return tuple(caveats)
