"""Dolly: instructions with a context and a category, answered by people (Conover et al. 2023)."""

from collections.abc import Iterable, Mapping
from typing import Any

from preceptor.importers.base import Format, row_id
from preceptor.importers.item import Item
from preceptor.records import Demonstration, UseCase

USE_CASE_OF: dict[str, UseCase] = {
    "brainstorming": "brainstorming", "classification": "classification", "closed_qa": "closed_qa",
    "creative_writing": "generation", "general_qa": "open_qa", "information_extraction": "extract",
    "open_qa": "open_qa", "summarization": "summarization",
}  # fmt: skip


class Dolly(Format):
    """One demonstration a row; the category becomes the use case, and one that is not known 'other', counted."""

    name = "dolly"
    title = 'Dolly: {"instruction", "context", "response", "category"}'

    @classmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """A row has an instruction and a response."""
        return row is not None and "instruction" in row and "response" in row

    def records(self, item: Item) -> Iterable[Demonstration]:
        """One demonstration."""
        category = item.name("category")
        use_case = USE_CASE_OF.get(category or "", "other")
        self.counts["categories taken as 'other'"] += category not in USE_CASE_OF
        context = item.text("context").strip() if item.has("context") else ""
        text = "\n\n".join(part for part in (item.text("instruction").strip(), context) if part)
        prompt = self.prompt(text, use_case=use_case, metadata=item.rest("instruction", "context", "response"))
        yield Demonstration(
            id=item.name("id") or row_id(item),
            prompt=prompt,
            response=item.text("response").strip(),
            labeler=self.labeler(None),
        )
