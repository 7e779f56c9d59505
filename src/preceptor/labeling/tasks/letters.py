"""Responses under letters: in another order for each labeler, and without a word of who wrote them."""

from preceptor.labeling.outcomes import Refused
from preceptor.labeling.tasks.base import A_PROMPT
from preceptor.records import Candidates, Record, Response

LETTERS = "ABCDEFGHI"
MAX_RESPONSES = len(LETTERS)

SOME_CANDIDATES = Candidates(
    id="bread",
    prompt=A_PROMPT,
    responses=(
        Response(id="bread-1", text="Mix flour and water.", model="sft"),
        Response(id="bread-2", text="Buy it.", model="ppo"),
    ),
)
"""To make examples of."""

Board = tuple[tuple[str, ...], ...]
"""Letters in groups, best first; who ties shares a group."""


class Lettered(Record):
    """The order in which one labeler sees responses."""

    order: tuple[str, ...]
    """Response ids as shown: the first is A. One may be there twice."""

    @property
    def letters(self) -> dict[str, str]:
        """Letter → response id."""
        return dict(zip(LETTERS, self.order, strict=False))

    def texts(self, item: Candidates) -> list[dict[str, str]]:
        """What a page shows of the responses: letters and texts."""
        texts = {response.id: response.text for response in item.responses}
        return [{"letter": letter, "text": texts[name]} for letter, name in self.letters.items()]


def check_responses(item: Candidates, least: int) -> None:
    """Check that each response can have a letter of its own.

    Raises:
        Refused: there are fewer than `least` or more than there are letters, or two share an id.
    """
    names = [response.id for response in item.responses]
    if not least <= len(names) <= MAX_RESPONSES:
        raise Refused("{least} to {most} responses can be shown together.", least=least, most=MAX_RESPONSES)
    if len(set(names)) != len(names):
        raise Refused("Two responses share an id.")
