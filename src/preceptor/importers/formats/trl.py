"""TRL: `prompt`/`chosen`/`rejected`, `prompt`/`completion` and `messages`, each as text or as message lists."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from preceptor.importers.base import Format, row_id
from preceptor.importers.conversations import messages_in, num_shared
from preceptor.importers.item import Item
from preceptor.records import Demonstration, Message, Record


class TRL(Format):
    """The data set formats of the TRL documentation: preference (also with the prompt left implicit in both texts or
    message lists), prompt-completion, and conversations, whose last turn is the demonstration."""

    name = "trl"
    title = 'TRL: {"prompt", "chosen", "rejected"}, {"prompt", "completion"} or {"messages"}'

    @classmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """A preference that is not HH-RLHF's, a prompt-completion pair, or a conversation."""
        if row is None:
            return False
        if "chosen" in row and "rejected" in row:
            is_dialogue = isinstance(row["chosen"], str) and "\n\nAssistant:" in row["chosen"]
            return "prompt" in row or not is_dialogue
        if "prompt" in row:
            return "completion" in row
        messages = row.get("messages")
        last = messages[-1] if isinstance(messages, list) and messages else None
        return isinstance(last, dict) and last.get("role") == "assistant"

    def records(self, item: Item) -> Iterable[Record]:
        """One ranking of two responses, or one demonstration."""
        ids = {"id": item.name("id") or row_id(item)}
        if "messages" in item.value:
            conversation = messages_in(item, "messages")
            yield self._demonstration(item, conversation[:-1], conversation[-1:], ids)
        elif "completion" in item.value:
            yield self._demonstration(item, messages_in(item, "prompt"), self._response(item, "completion"), ids)
        else:
            prompt, chosen, rejected = self._preference(item)
            texts = {
                "chosen": self._only(item, "chosen", chosen),
                "rejected": self._only(item, "rejected", rejected),
            }
            yield self.pair(item, self.prompt(prompt), texts, best="chosen", **ids)

    def _demonstration(
        self, item: Item, prompt: Sequence[Message], response: Sequence[Message], ids: Mapping[str, Any]
    ) -> Demonstration:
        field = "messages" if "messages" in item.value else "completion"
        text = self._only(item, field, response)
        return Demonstration(prompt=self.prompt(prompt), response=text, labeler=self.labeler(None), **ids)

    def _preference(self, item: Item) -> tuple[list[Message], list[Message], list[Message]]:
        if not item.has("prompt"):
            return self._implicit(item)
        prompt = messages_in(item, "prompt")
        chosen, rejected = self._response(item, "chosen"), self._response(item, "rejected")
        # Some data sets repeat the prompt in both conversations.
        if num_shared(prompt, chosen) == num_shared(prompt, rejected) == len(prompt):
            chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
        return prompt, chosen, rejected

    def _implicit(self, item: Item) -> tuple[list[Message], list[Message], list[Message]]:
        """The prompt is what both have in common: messages, or text up to the end of a word."""
        self.counts["implicit prompts"] += 1
        if isinstance(item.value.get("chosen"), str) and isinstance(item.value.get("rejected"), str):
            chosen, rejected = item.text("chosen"), item.text("rejected")
            common = _common_words(chosen, rejected)
            if not common.strip():
                raise item.bad("no prompt", "there is no prompt, and chosen and rejected do not begin alike")
            texts = (common, chosen[len(common) :], rejected[len(common) :])
            prompt, first, second = (text.strip() for text in texts)
            return (
                [Message(role="user", content=prompt)],
                [Message(role="assistant", content=first)],
                [Message(role="assistant", content=second)],
            )
        chosen_list, rejected_list = messages_in(item, "chosen"), messages_in(item, "rejected")
        shared = min(num_shared(chosen_list, rejected_list), len(chosen_list) - 1, len(rejected_list) - 1)
        if shared < 1:
            raise item.bad("no prompt", "there is no prompt, and chosen and rejected do not begin alike")
        return chosen_list[:shared], chosen_list[shared:], rejected_list[shared:]

    def _response(self, item: Item, field: str) -> list[Message]:
        """Text here is what the assistant says, unlike in `prompt`."""
        if isinstance(item.value.get(field), str):
            return [Message(role="assistant", content=item.text(field).strip())]
        return messages_in(item, field)

    def _only(self, item: Item, field: str, messages: Sequence[Message]) -> str:
        if len(messages) == 1 and messages[0].role == "assistant":
            return messages[0].content
        roles = ", ".join(message.role for message in messages) or "nothing"
        raise item.bad("not one response", f"expected one assistant message after the prompt, got {roles}", field=field)


def _common_words(first: str, second: str) -> str:
    """What both texts begin with, up to the last space in it, so that no word is cut."""
    end = 0
    for place, (a, b) in enumerate(zip(first, second, strict=False), start=1):
        if a != b:
            break
        if a.isspace():
            end = place
    return first[:end]
