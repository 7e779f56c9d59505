"""Chat messages out of the ways in which data sets write conversations."""

from collections.abc import Sequence
from typing import Any

from preceptor.importers.item import Item
from preceptor.records import Message

ROLES = {
    "system": "system", "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "chatgpt": "assistant", "developer": "system",
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


def prompts_of(item: Item, messages: Sequence[Message]) -> list[Sequence[Message]]:
    """What was asked in a conversation: up to each turn of the user, with all that came before it.

    Raises:
        BadRow: the user says nothing.
    """
    turns = [number for number, message in enumerate(messages) if message.role == "user"]
    ends = [number + 1 for number in turns if number + 1 not in turns]
    if not ends:
        raise item.bad("nothing asked", "holds no turn of the user")
    return [messages[:end] for end in ends]


def _message(item: Item, field: str, number: int, value: Any) -> Message:
    """{role, content}, or {from, value} as ShareGPT has it; content in parts is joined."""
    place = f"{field}.{number}"
    said = value if isinstance(value, dict) else {}
    role = ROLES.get(str(said.get("role", said.get("from"))))
    if role is None:
        raise item.bad("malformed message", f"expected a role among {', '.join(ROLES)}, got {value!r:.60}", field=place)
    content = said.get("content", said.get("value"))
    if isinstance(content, list) and content and all(isinstance(part, dict) and "text" in part for part in content):
        content = "\n".join(str(part["text"]) for part in content)
    if not isinstance(content, str):
        raise item.bad("malformed message", f"expected content as text, got {content!r:.40}", field=place)
    return Message(role=role, content=content)


def num_shared(first: Sequence[Message], second: Sequence[Message]) -> int:
    """Number of messages with which both conversations begin."""
    for number, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return number
    return min(len(first), len(second))
