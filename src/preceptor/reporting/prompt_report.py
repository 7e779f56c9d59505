"""The report of the prompts: what came in, what each step left out, and what the sets hold."""

import json
from pathlib import Path

from preceptor.reporting.page import fill, write_whole
from preceptor.reporting.prompt_data import PromptFacts
from preceptor.reporting.prompt_figures import draw
from preceptor.reporting.prompt_findings import findings, headline

SECTIONS = {
    "steps": "Steps", "sizes": "Sizes and users", "use-cases": "Use cases", "unsafe": "Unsafe content",
    "lengths": "Lengths", "languages": "Languages", "private": "Personal data",
}  # fmt: skip


def write_prompt_report(facts: PromptFacts, path: Path) -> None:
    """Write the report; whoever opens the path sees a whole one, old or new."""
    write_whole(path, render(facts))


def render(facts: PromptFacts) -> str:
    """The report as HTML; every text from the facts is escaped."""
    said = findings(facts)
    warnings = [(anchor, one) for anchor, found in said.items() for one in found if one.is_warning]
    return fill(
        "prompts.html.j2",
        facts=facts,
        headline=headline(facts),
        findings=said,
        warnings=warnings,
        sections=SECTIONS,
        drawings=draw(facts),
        examples=[(one.kind, example) for one in facts.private for example in one.examples],
        config=json.dumps(facts.config, indent=2, ensure_ascii=False),
        tag="",
    )
