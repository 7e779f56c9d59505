"""Preceptor's own JSON lines: prompts, demonstrations, rankings, ratings and documents."""

import json
import string
from collections.abc import Iterable, Mapping
from typing import Any

from preceptor.importers.base import OWN_SPLIT, Format, content_id, row_id
from preceptor.importers.conversations import messages_in
from preceptor.importers.item import Item
from preceptor.records import KINDS, Document, Record


class Own(Format):
    """A row has the fields of its record; what can be filled in may be left out or written short.

    Short forms: `prompt` as text or as a message list; `id` and `labeler` left out; a ranking's `responses` as texts,
    which `groups` then calls A, B, C, …; a rating's `response` as text.
    """

    name = "own"
    title = 'Preceptor\'s own: {"prompt"}, {"prompt", "response"}, {…, "groups"}, {…, "likert"} or {"text"}'

    @classmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """The fields say which record it is."""
        return row is not None and _kind(row) is not None

    def records(self, item: Item) -> Iterable[Record]:
        """One record, of the kind that its fields say."""
        kind = _kind(item.value)
        if kind is None:
            known = ", ".join(f"'{name}'" for name in item.value) or "nothing"
            raise item.bad("no known record", f"is no prompt, demonstration, ranking, rating or document; has {known}")
        # As JSON, because only there do strict types allow lists for tuples.
        text = json.dumps(getattr(self, f"_{kind}")(item))
        prompt = item.value if kind == "prompts" else item.value.get("prompt")
        self.counts[OWN_SPLIT] += isinstance(prompt, dict) and "split" in prompt
        yield KINDS[kind].model_validate_json(text, strict=True)

    def _prompts(self, item: Item) -> dict[str, Any]:
        field = "prompt" if "prompt" in item.value else "messages"
        messages = [message.model_dump() for message in messages_in(item, field)]
        return {"id": row_id(item), "source": self.name} | item.rest("prompt") | {"messages": messages}

    def _demonstrations(self, item: Item) -> dict[str, Any]:
        return self._labels(item)

    def _rankings(self, item: Item) -> dict[str, Any]:
        responses = item.items("responses")
        named = [_response(name, value) for name, value in zip(_names(len(responses)), responses, strict=True)]
        texts = [response.get("text") for response in named if isinstance(response, dict)]
        self.counts["rankings with equal responses"] += len(set(map(str, texts))) < len(texts)
        return self._labels(item) | {"responses": named}

    def _ratings(self, item: Item) -> dict[str, Any]:
        return self._labels(item) | {"response": _response("A", item.value.get("response"))}

    def _documents(self, item: Item) -> dict[str, Any]:
        known = {name: value for name, value in item.value.items() if name in Document.model_fields}
        self.counts.update(f"field '{name}' of a document not kept" for name in item.value if name not in known)
        return {"id": row_id(item)} | known

    def _labels(self, item: Item) -> dict[str, Any]:
        values = {"id": row_id(item), "labeler": self.labeler(None).model_dump()} | dict(item.value)
        if isinstance(values["labeler"], str):
            values["labeler"] = self.labeler(values["labeler"]).model_dump()
        if not isinstance(item.value.get("prompt"), dict):
            messages = messages_in(item, "prompt")
            dumped = [message.model_dump() for message in messages]
            values["prompt"] = {"id": content_id(messages), "messages": dumped, "source": self.name}
        return values


def _kind(row: Mapping[str, Any]) -> str | None:
    if "prompt" in row and "groups" in row:
        return "rankings"
    if "prompt" in row and "likert" in row:
        return "ratings"
    if "prompt" in row and "response" in row:
        return "demonstrations"
    if isinstance(row.get("prompt"), str | list) and not {"chosen", "rejected", "completion"} & set(row):
        return "prompts"
    messages = row.get("messages")
    if isinstance(messages, list) and messages and "model" not in row:  # with a model it is a request to one
        last = messages[-1]
        return None if isinstance(last, dict) and last.get("role") == "assistant" else "prompts"
    return "documents" if "text" in row else None


def _names(number: int) -> list[str]:
    letters = string.ascii_uppercase
    return [letters[i] if i < len(letters) else str(i + 1) for i in range(number)]


def _response(name: str, value: Any) -> Any:
    """Text gets a name; an object may have one; anything else is for the record to refuse."""
    if isinstance(value, str):
        return {"id": name, "text": value}
    return {"id": name} | value if isinstance(value, dict) else value
