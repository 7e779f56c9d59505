"""HH-RLHF: `chosen` and `rejected`, each a whole dialogue as one text (Bai et al. 2022)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from preceptor.importers.base import Format
from preceptor.importers.item import Item
from preceptor.records import Message, Ranking

TURN = re.compile(r"(?:\A|\n\n)(Human|Assistant):")
Turn = tuple[str, str]


class HH(Format):
    """Dialogues that share all but the last Assistant turn, as a rule.

    In a few pairs of the published files the dialogues part earlier; there the prompt ends at the last turn that they
    share, and the response is all that follows, as the labeler saw it. Such pairs are counted.
    """

    name = "hh"
    title = 'HH-RLHF: {"chosen", "rejected"}, texts of "\\n\\nHuman: …\\n\\nAssistant: …"'

    @classmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """Both dialogues are texts with both speakers."""
        texts = [row.get("chosen"), row.get("rejected")] if row and "prompt" not in row else []
        return bool(texts) and all(isinstance(text, str) and "\n\nAssistant:" in text for text in texts)

    def records(self, item: Item) -> Iterable[Ranking]:
        """One ranking of two responses."""
        chosen, rejected = self._turns(item, "chosen"), self._turns(item, "rejected")
        shared = 0
        while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
            shared += 1
        while shared > 0 and not all(_follows(turns, shared) for turns in (chosen, rejected)):
            shared -= 1
        if shared == 0:
            raise item.bad("no shared prompt", "chosen and rejected share no turn that an Assistant turn follows")
        self.counts["dialogues that part before the last turn"] += max(len(chosen), len(rejected)) > shared + 1
        prompt = self.prompt(self._joined(chosen[:shared]))
        texts = {"chosen": _text(chosen[shared:]), "rejected": _text(rejected[shared:])}
        yield self.pair(item, prompt, texts, best="chosen")

    def _turns(self, item: Item, field: str) -> list[Turn]:
        parts = TURN.split(item.text(field))
        if len(parts) < 5:
            raise item.bad(
                "not a dialogue",
                "holds no Human turn that an Assistant turn follows",
                field=field,
                remedy='write dialogues as "\\n\\nHuman: …\\n\\nAssistant: …", or give --skip-bad',
            )
        return list(zip(parts[1::2], (text.strip() for text in parts[2::2]), strict=True))

    def _joined(self, turns: Sequence[Turn]) -> list[Message]:
        """Messages of the turns; one who speaks twice on end, as happens in the data, gets one message."""
        messages: list[Message] = []
        for speaker, text in turns:
            role = "user" if speaker == "Human" else "assistant"
            if messages and messages[-1].role == role:
                self.counts["turns joined with the one before"] += 1
                text = f"{messages.pop().content}\n\n{text}"
            messages.append(Message.model_validate({"role": role, "content": text}))
        return messages


def _follows(turns: Sequence[Turn], place: int) -> bool:
    return place < len(turns) and turns[place][0] == "Assistant" and turns[place - 1][0] == "Human"


def _text(turns: Sequence[Turn]) -> str:
    """The first turn's text and, if there are more, the others with their speakers."""
    return "\n\n".join([turns[0][1], *(f"{speaker}: {text}" for speaker, text in turns[1:])])
