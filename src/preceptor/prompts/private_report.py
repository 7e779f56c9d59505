"""What was found in a set of prompts and what was done about it, without showing any of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from preceptor.prompts.private import FINDERS, Action, Finding, PrivacyConfig, PrivateKind, Treated, mask

CONTEXT = 40
"""Characters on either side of an example."""
MAX_EXAMPLES = 3
"""Examples of each kind."""


@dataclass(frozen=True)
class KindReport:
    """What was found of one kind."""

    action: Action
    num_found: int
    num_prompts: int
    examples: tuple[str, ...]
    """Findings with what stands around them, all personal data masked."""

    def and_of(self, other: "KindReport") -> "KindReport":
        """What was found in both, with as many examples as one has."""
        return KindReport(
            other.action,
            self.num_found + other.num_found,
            self.num_prompts + other.num_prompts,
            (*self.examples, *other.examples)[:MAX_EXAMPLES],
        )


@dataclass(frozen=True)
class PrivacyReport:
    """Counts and masked examples over a set of prompts."""

    num_prompts: int
    num_with_findings: int
    num_dropped: int
    num_changed: int
    kinds: Mapping[PrivateKind, KindReport]
    """Every kind, in the order of `FINDERS`."""

    def and_of(self, other: "PrivacyReport") -> "PrivacyReport":
        """The report over the prompts of both."""
        return PrivacyReport(
            self.num_prompts + other.num_prompts,
            self.num_with_findings + other.num_with_findings,
            self.num_dropped + other.num_dropped,
            self.num_changed + other.num_changed,
            {kind: one.and_of(other.kinds[kind]) for kind, one in self.kinds.items()},
        )


@dataclass
class _Tally:
    num_found: int = 0
    num_prompts: int = 0
    examples: list[str] = field(default_factory=list)


def privacy_report(treatments: Iterable[tuple[str, Treated]], config: PrivacyConfig) -> PrivacyReport:
    """The report over original texts with their treatments, in one pass; memory does not grow with their number."""
    tallies = {kind: _Tally() for kind in FINDERS}
    num_prompts = num_with_findings = num_dropped = num_changed = 0
    for text, treated in treatments:
        num_prompts += 1
        num_with_findings += bool(treated.findings)
        num_dropped += treated.text is None
        num_changed += treated.text not in (None, text)
        for kind in {finding.kind for finding in treated.findings}:
            tallies[kind].num_prompts += 1
        for place, finding in enumerate(treated.findings):
            tally = tallies[finding.kind]
            tally.num_found += 1
            if len(tally.examples) < MAX_EXAMPLES:
                tally.examples.append(_example(text, treated.findings, place))
    kinds = {
        kind: KindReport(config.action(kind), tally.num_found, tally.num_prompts, tuple(tally.examples))
        for kind, tally in tallies.items()
    }
    return PrivacyReport(num_prompts, num_with_findings, num_dropped, num_changed, kinds)


def _example(text: str, findings: tuple[Finding, ...], place: int) -> str:
    """One finding with its surroundings on one line; a neighbour that the window cuts is masked whole."""
    low, high = findings[place].start - CONTEXT, findings[place].end + CONTEXT
    near = [finding for finding in findings if finding.start < high and finding.end > low]
    low, high = max(0, min(low, near[0].start)), max(high, near[-1].end)
    shifted = [Finding(one.kind, one.start - low, one.end - low) for one in near]
    shown = " ".join(mask(text[low:high], shifted).split())
    return ("…" if low > 0 else "") + shown + ("…" if high < len(text) else "")
