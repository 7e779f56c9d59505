"""Fine-grained RLHF: four responses to a question over passages, compared two by two (Wu et al. 2023)."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from preceptor.importers.base import Format, ImportConfig, row_id
from preceptor.importers.item import Item
from preceptor.records import Prompt, Ranking, Response

PAIRS = tuple(combinations(range(4), 2))
"""The order in which `preference` lists the comparisons: 12, 13, 14, 23, 24, 34."""


class FineGrained(Format):
    """Six comparisons of four responses, put together to one ranking of ordered groups.

    Comparisons that no ordered groups can express (a ties b, b ties c, but a beats c; or a circle) are kept as one
    ranking for each of the six, so that no judgement is lost or invented; such rows are counted.
    """

    name = "fine-grained"
    title = 'fine-grained RLHF feedback: {"question", "passages", "prediction 1…4", "preference": [6]}'

    class Config(ImportConfig):
        """Settings of the fine-grained RLHF importer."""

        passages: bool = True
        """Whether the prompt holds the passages beside the question."""

    @classmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """A row has four predictions and a preference."""
        return row is not None and "preference" in row and "prediction 1" in row

    def records(self, item: Item) -> Iterable[Ranking]:
        """One ranking of four, or six of two."""
        texts = [item.text(f"prediction {number}") for number in range(1, 5)]
        responses = tuple(Response(id=str(number), text=text) for number, text in enumerate(texts, start=1))
        self.count_responses(responses)
        sign = self._signs(item)
        self.counts["pairs without a tie"] += sum(value != 0 for value in sign.values())
        prompt = self._prompt(item)
        groups = ordered_groups(sign)
        if groups is not None:
            names = tuple(tuple(responses[i].id for i in group) for group in groups)
            yield self._ranking(item, "", prompt, responses, names)
        else:
            self.counts["rows that are no order, kept as six pairs each"] += 1
            yield from self._pairs(item, prompt, responses, sign)

    def _signs(self, item: Item) -> dict[tuple[int, int], int]:
        values = item.items("preference")
        if len(values) != len(PAIRS) or any(value not in (0, 1, 2) for value in values):
            raise item.bad("malformed preference", f"expected six of 0, 1, 2, got {values!r:.60}", field="preference")
        return {pair: (0, 1, -1)[value] for pair, value in zip(PAIRS, values, strict=True)}

    def _prompt(self, item: Item) -> Prompt:
        question = item.text("question").strip()
        if not self.config.passages:
            return self.prompt(question, use_case="closed_qa")
        passages = ["\n".join(str(line) for line in passage) for passage in item.items("passages")]
        return self.prompt("\n\n".join([*passages, f"Question: {question}"]), use_case="closed_qa")

    def _pairs(
        self, item: Item, prompt: Prompt, responses: tuple[Response, ...], sign: Mapping[tuple[int, int], int]
    ) -> Iterator[Ranking]:
        for pair, value in sign.items():
            a, b = (responses[i] for i in pair)
            groups = {0: ((a.id, b.id),), 1: ((a.id,), (b.id,)), -1: ((b.id,), (a.id,))}[value]
            yield self._ranking(item, f":{a.id}-{b.id}", prompt, (a, b), groups)

    def _ranking(
        self, item: Item, ending: str, prompt: Prompt, responses: tuple[Response, ...], groups: Any
    ) -> Ranking:
        return Ranking(
            id=row_id(item) + ending,
            prompt=prompt,
            responses=responses,
            groups=groups,
            labeler=self.labeler(None),
            metadata=item.rest("question", "passages", "preference", *(f"prediction {i}" for i in range(1, 5))),
        )


def ordered_groups(sign: Mapping[tuple[int, int], int]) -> list[list[int]] | None:
    """The ordered groups that agree with every comparison, best first; None where there are none.

    `sign[i, j]` is 1 where i beats j, −1 where j beats i and 0 for a tie. If groups exist, then
    wins(i) − losses(i) orders them, so it is enough to try that order against each comparison.
    """
    balance: dict[int, int] = {}
    for (i, j), value in sign.items():
        balance[i] = balance.get(i, 0) + value
        balance[j] = balance.get(j, 0) - value
    agrees = all((balance[i] > balance[j]) - (balance[i] < balance[j]) == value for (i, j), value in sign.items())
    if not agrees:
        return None
    return [[i for i in balance if balance[i] == level] for level in sorted(set(balance.values()), reverse=True)]
