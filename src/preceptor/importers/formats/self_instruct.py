"""Self-Instruct: seed tasks, each an instruction with instances (Wang et al. 2023)."""

from collections.abc import Iterable, Mapping
from typing import Any

from preceptor.importers.base import Format
from preceptor.importers.item import Item
from preceptor.records import Demonstration


class SelfInstruct(Format):
    """One demonstration per instance. The authors ask that the 252 user-oriented tasks train nothing: counted."""

    name = "self-instruct"
    title = 'Self-Instruct tasks: {"id", "instruction", "instances": [{"input", "output"}]}'

    @classmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """A row has an instruction and instances."""
        return row is not None and "instruction" in row and isinstance(row.get("instances"), list)

    def records(self, item: Item) -> Iterable[Demonstration]:
        """One demonstration per instance of a task."""
        instances = item.each("instances")
        if not instances:
            raise item.bad("task without instances", "is empty", field="instances")
        for number, instance in enumerate(instances):
            self.counts["user-oriented tasks, meant for evaluation only"] += item.has("motivation_app")
            name = item.text("id") + (f":{number}" if len(instances) > 1 else "")
            parts = (item.text("instruction").strip(), instance.text("input").strip())
            prompt = self.prompt(
                "\n\n".join(part for part in parts if part),
                id=name,
                use_case="classification" if item.value.get("is_classification") else None,
                metadata=item.rest("id", "instruction", "instances"),
            )
            response = instance.text("output").strip()
            yield Demonstration(id=name, prompt=prompt, response=response, labeler=self.labeler(None))
