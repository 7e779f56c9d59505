"""The data card: what the prompt sets are and how they were made, as Hugging Face reads it."""

from collections.abc import Mapping, Sequence

import yaml
from pydantic import JsonValue

from preceptor import __version__
from preceptor.prompts.private_report import PrivacyReport
from preceptor.prompts.tables import Table

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

TEXT = """\
# Prompts

{num:,} prompts in {num_sets} sets, made by preceptor {version} from {num_raw:,} raw prompts as in Ouyang et al.
2022, section 3.2. Users are pseudonyms. No user and no text of one split is in another; that was read off these files.

## How they were made

{steps}

Each step is a section of the recipe under `prompts.build`; with a step off, what it left out is in the data again.
`prompts-dropped/rows.jsonl` names each prompt that was left out, with the step and the prompt that stands for it.

```yaml
{recipe}```

## What is in them

{tables}

## Personal data, masked

{examples}
"""


def data_card(
    sets: Mapping[str, int],
    steps: Table,
    tables: Sequence[Table],
    num_raw: int,
    recipe: Mapping[str, JsonValue],
    languages: Sequence[str],
    report: PrivacyReport,
) -> str:
    """The card, for a folder that holds each set NAME as `prompts-NAME/rows.jsonl`."""
    num = sum(sets.values())
    metadata = {
        "pretty_name": "Prompts",
        "task_categories": ["text-generation"],
        "tags": ["rlhf", "prompts", "preceptor"],
        "size_categories": [next((name for most, name in SIZES if num < most), "1M<n<10M")],
        "language": list(languages),
        "configs": [{"config_name": name, "data_files": f"prompts-{name}/rows.jsonl"} for name in sets],
    }
    examples = [f"- `{text}`" for one in report.kinds.values() for text in one.examples]
    text = TEXT.format(
        num=num,
        num_sets=len(sets),
        version=__version__,
        num_raw=num_raw,
        steps=steps.markdown(),
        recipe=yaml.safe_dump(dict(recipe), sort_keys=False),
        examples="\n".join(examples) or "None was found.",
        tables="\n\n".join(table.markdown() for table in tables),
    )
    return f"---\n{yaml.safe_dump(metadata, sort_keys=False)}---\n\n{text}"
