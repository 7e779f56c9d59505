"""Imported rows put into train, valid and test."""

from collections import Counter
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from preceptor.config import BaseConfig
from preceptor.errors import UserError
from preceptor.importers.base import OWN_SPLIT
from preceptor.importers.imported import Imported
from preceptor.records import (
    Demonstration,
    Prompt,
    Ranking,
    Rating,
    Record,
    Split,
    split_by_group,
    split_by_response,
)


class SplitConfig(BaseConfig):
    """How imported rows are put into train, valid and test."""

    by: Literal["auto", "group", "response", "keep"] = "auto"
    """`group`: no user and no beginning of a conversation is in two splits. `response`: no response text is, and
    rankings across splits are dropped; for data in which all rows share one prompt. `keep`: as the rows say.
    `auto`: `keep` where each row names its split, `response` for rankings of one prompt, else `group`."""
    valid: float = Field(default=0.1, ge=0, le=1)
    """Share of the groups that goes into valid."""
    test: float = Field(default=0.1, ge=0, le=1)
    """Share of the groups that goes into test."""
    seed: int = 0
    """Another seed makes other splits."""

    def shares(self) -> dict[Split, float]:
        """Share of each split.

        Raises:
            UserError: nothing is left to train on.
        """
        if self.valid + self.test >= 1:
            raise UserError("valid and test leave nothing to train on", remedy="make their sum less than 1")
        return {"train": 1 - self.valid - self.test, "valid": self.valid, "test": self.test}


def split_imported(imported: Imported, config: SplitConfig) -> Imported:
    """The same rows with their splits; says how, and how many rows are in each split.

    Raises:
        UserError: the splits' shares leave nothing to train on.
    """
    if imported.kind == "documents":
        return imported
    rows: Any = imported.rows
    by = _way(imported) if config.by == "auto" else config.by
    dropped = imported.dropped.copy()
    if by == "response" and imported.kind != "rankings":
        raise UserError(f"{imported.kind} cannot be split by response", field="by", remedy="split by group")
    if by == "response":
        rows, num_between = split_by_response(rows, config.seed, config.shares())
        dropped["responses in different splits"] += num_between
    elif by == "group":
        rows = split_by_group(rows, config.seed, config.shares())
    if not rows:
        raise UserError("no row is left after the split", field="by", remedy="import more rows, or split by group")
    numbers = Counter(_prompt(row).split for row in rows)
    notes = imported.notes | {"split": {"by": by, "seed": config.seed, "rows": dict(sorted(numbers.items()))}}
    return replace(imported, rows=tuple(rows), dropped=+dropped, notes=notes)


def _prompt(row: Record) -> Prompt:
    assert isinstance(row, Prompt | Demonstration | Ranking | Rating)
    return row if isinstance(row, Prompt) else row.prompt


def _way(imported: Imported) -> Literal["group", "response", "keep"]:
    if imported.notes["counts"].get(OWN_SPLIT) == len(imported.rows):
        return "keep"
    is_one_prompt = len({_prompt(row).messages for row in imported.rows}) == 1
    return "response" if imported.kind == "rankings" and is_one_prompt and len(imported.rows) > 1 else "group"
