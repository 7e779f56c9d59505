"""ShareGPT: conversations with a model, as people shared them."""

from collections.abc import Iterable, Mapping
from typing import Any

from preceptor.importers.base import Format, row_id
from preceptor.importers.conversations import messages_in, prompts_of
from preceptor.importers.item import Item
from preceptor.records import Prompt


class ShareGPT(Format):
    """Each turn of the user is a prompt, with all that was said before it."""

    name = "sharegpt"
    title = 'ShareGPT conversations: {"id", "conversations": [{"from": "human", "value"}, {"from": "gpt", "value"}]}'

    @classmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """A row holds a conversation of {from, value}."""
        turns = row.get("conversations") if row is not None else None
        return isinstance(turns, list) and bool(turns) and isinstance(turns[0], dict) and "from" in turns[0]

    def records(self, item: Item) -> Iterable[Prompt]:
        """One prompt for each turn of the user; the conversation stands for a user who is not named."""
        name = item.name("id") or row_id(item)
        for number, messages in enumerate(prompts_of(item, messages_in(item, "conversations"))):
            user = item.name("user") or item.name("user_id") or item.name("id")
            yield self.prompt(messages, id=f"{name}:{number}", user=user)
