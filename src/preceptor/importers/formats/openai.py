"""OpenAI-style request logs: what was sent to a server that speaks this API."""

from collections.abc import Iterable, Mapping
from typing import Any

from preceptor.importers.base import Format, row_id
from preceptor.importers.conversations import messages_in, prompts_of
from preceptor.importers.item import Item
from preceptor.records import Prompt

ENVELOPES = ("body", "request")
"""Where a log or a batch file keeps what was sent."""


class OpenAI(Format):
    """The last turn of the user is the prompt, with all that was sent before it: each turn was sent for itself."""

    name = "openai"
    title = 'OpenAI-style requests: {"model", "messages", "user"}, also under "request" or "body"'

    @classmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """A row is a request or holds one; a conversation that ends with the assistant is somebody's data set."""
        if row is None:
            return False
        sent = next((row[name] for name in ENVELOPES if isinstance(row.get(name), dict)), None)
        if sent is not None:
            return "messages" in sent or "prompt" in sent
        messages = row.get("messages")
        last = messages[-1] if isinstance(messages, list) and messages else None
        return "model" in row and isinstance(last, dict) and last.get("role") != "assistant"

    def records(self, item: Item) -> Iterable[Prompt]:
        """One prompt per request; its user and time where the log has them."""
        envelope = next((name for name in ENVELOPES if isinstance(item.value.get(name), dict)), None)
        sent = item.inside(envelope) if envelope else item
        messages = messages_in(sent, "messages" if sent.has("messages") else "prompt")
        name = item.name("id") or item.name("custom_id") or row_id(item)
        time = next((item.value[key] for key in ("created", "timestamp", "time") if item.has(key)), None)
        metadata = {"model": sent.value.get("model"), "time": time}
        yield self.prompt(
            prompts_of(item, messages)[-1],
            id=name,
            user=sent.name("user") or item.name("user"),
            metadata={key: value for key, value in metadata.items() if value is not None},
        )
