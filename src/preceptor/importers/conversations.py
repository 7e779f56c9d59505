"""Chat messages out of the ways in which data sets write conversations."""

from collections.abc import Sequence
from typing import Any

from preceptor.importers.item import Item
from preceptor.records import Message

ROLES = {
    "system": "system", "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant",
}  # fmt: skip


def messages_in(item: Item, field: str) -> list[Message]:
    """A field that holds text (one user message) or a list of {role, content}.

    Raises:
        BadRow: it is neither.
    """
    value = item.value.get(field)
    if isinstance(value, str):
        return [Message(role="user", content=value)]
    if not isinstance(value, list) or not value:
        item.text(field)  # says what is wrong with null, a number, nothing at all
        raise item.bad(f"field '{field}' is malformed", "expected text or a list of messages", field=field)
    return [_message(item, field, number, part) for number, part in enumerate(value)]


def _message(item: Item, field: str, number: int, value: Any) -> Message:
    place = f"{field}.{number}"
    role = ROLES.get(str(value.get("role"))) if isinstance(value, dict) else None
    if role is None:
        raise item.bad("malformed message", f"expected a role among {', '.join(ROLES)}, got {value!r:.60}", field=place)
    if not isinstance(value.get("content"), str):
        raise item.bad("malformed message", f"expected content as text, got {value.get('content')!r:.40}", field=place)
    return Message(role=role, content=value["content"])


def num_shared(first: Sequence[Message], second: Sequence[Message]) -> int:
    """Number of messages with which both conversations begin."""
    for number, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return number
    return min(len(first), len(second))
