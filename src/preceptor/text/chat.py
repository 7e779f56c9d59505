"""The one renderer: the only file that knows special tokens. SFT, sampling, scoring and evaluation all go through it.

A conversation is cut where the assistant starts and stops to speak, and each piece is tokenised by itself as a
continuation of text. So the prompt is a token prefix of prompt + response by construction, whatever the words are.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from preceptor.errors import UserError
from preceptor.records import Message
from preceptor.text.template import AssistantTurn, assistant_turn, continuation, plain_template, render

_PAD_NAMES = ("<|pad|>", "<pad>", "[PAD]", "<PAD>", "<|endofpad|>")
_ANCHORS = ("\n", "a", "1", ".", ":")


class Chat:
    """Messages to tokens and back, for one tokenizer.

    Attributes:
        pad_id: a token of its own, never the end token.
        end_id: the token that ends the assistant's turn.
        notes: what had to be supplied because the tokenizer lacks it, in words for people.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        notes = []
        if tokenizer.chat_template is None:
            if tokenizer.eos_token_id is None:
                raise _no_end()
            tokenizer.chat_template = plain_template(self._adds_bos)
            notes.append("the tokenizer has no chat template: the plain one is used (User: … / Assistant: …)")
        self._turn: AssistantTurn = assistant_turn(tokenizer, self._special_tokens)
        if self._turn.end is not None:
            self.end_id = int(tokenizer.convert_tokens_to_ids(self._turn.end))
        elif tokenizer.eos_token_id is not None:
            self.end_id = int(tokenizer.eos_token_id)
            notes.append(f"the chat template does not end the assistant's turn: {tokenizer.eos_token} is put there")
        else:
            raise _no_end()
        if tokenizer.pad_token_id is None or tokenizer.pad_token_id in (self.end_id, tokenizer.eos_token_id):
            notes.append(f"the tokenizer has no pad token of its own: {self._supply_pad()} is used")
        self.pad_id = int(tokenizer.pad_token_id)
        self.notes: tuple[str, ...] = tuple(notes)

    # ── messages to tokens ──────────────────────────────────────────────────────────────────────────────────────────

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of a conversation up to where the assistant is to speak.

        Raises:
            UserError: the template refuses the conversation or is not prefix-stable.
        """
        tokens, _ = self._history(messages)
        return tokens

    def response(self, text: str) -> list[int]:
        """Tokens of what the assistant says, end token included. A special token's name in it is mere text."""
        lead, special = self._turn.lead, self._special_tokens
        head = self._continue(lead) if any(token in lead for token in special) else []
        words = text + self._turn.before_end
        return [*head, *self._continue(words if head else lead + words, is_plain=True), self.end_id]

    def conversation(self, messages: Sequence[Message]) -> tuple[list[int], list[bool]]:
        """Tokens of a conversation that ends with the assistant, and its loss mask.

        The mask is True exactly on the assistant's words and end tokens, in all of its turns.
        """
        if messages[-1].role != "assistant":
            raise UserError("the conversation does not end with the assistant", remedy="add what it should say")
        tokens, mask = self._history(messages[:-1])
        response = self.response(messages[-1].content)
        return tokens + response, mask + [True] * len(response)

    def document(self, text: str) -> list[int]:
        """Tokens of plain text, as in pretraining: BOS where the tokenizer puts one, the text, the end of text."""
        end = self.tokenizer.eos_token_id
        tokens = list(self.tokenizer.encode(text, add_special_tokens=True, verbose=False))
        return tokens if end is None or tokens[-1:] == [end] else [*tokens, int(end)]

    # ── tokens to text ──────────────────────────────────────────────────────────────────────────────────────────────

    def text_of(self, tokens: Sequence[int]) -> str:
        """The words of a response, without end token, padding and other special tokens; inverse of `response`."""
        tokens = list(tokens)
        if self.end_id in tokens:
            tokens = tokens[: tokens.index(self.end_id)]
        anchor = self._decode(self._anchor_tokens)
        text = self._decode([*self._anchor_tokens, *tokens])[len(anchor) :]
        text = text.removeprefix(self._turn.lead)
        return text.removesuffix(self._turn.before_end) if self._turn.before_end else text

    # ── fitting into the context ────────────────────────────────────────────────────────────────────────────────────

    def shorten(self, messages: Sequence[Message], max_tokens: int) -> tuple[tuple[Message, ...], bool]:
        """The conversation in at most `max_tokens` prompt tokens, and whether something was cut for it.

        First the earliest turns go, then whole examples (blocks between blank lines, the first and the last block
        stay), then the last lines of the last message. A line is never cut (cf. Stiennon et al. 2020, which cuts
        posts at newlines).

        Raises:
            UserError: not even one line fits.
        """
        kept, is_cut = tuple(messages), False
        while len(self.prompt(kept)) > max_tokens:
            shorter = _without_first_turn(kept) or _without_block(kept) or _without_last_line(kept)
            if shorter is None:
                raise UserError(
                    f"the prompt has {len(self.prompt(kept))} tokens, {max_tokens} are allowed, and there is no "
                    "newline left to cut at",
                    remedy="shorten the prompt, or raise max_prompt_tokens if the model's context allows it",
                )
            kept, is_cut = shorter, True
        return kept, is_cut

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of all that decides which tokens come out: for keys of prepared data."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        vocabulary = backend.to_str() if backend is not None else sorted(self.tokenizer.get_vocab().items())
        state = [self.tokenizer.chat_template, vocabulary, self.end_id, self.pad_id]
        return hashlib.sha256(json.dumps(state).encode()).hexdigest()

    # ── how ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _history(self, messages: Sequence[Message]) -> tuple[list[int], list[bool]]:
        """Tokens and loss mask up to the generation prompt, piece by piece between the assistant's turns."""
        tokens: list[int] = []
        mask: list[bool] = []
        written = ""
        for i, message in enumerate(messages):
            if message.role != "assistant":
                continue
            before = render(self.tokenizer, messages[:i], for_response=True)
            self._extend(tokens, mask, continuation(before, written))
            response = self.response(message.content)
            tokens += response
            mask += [True] * len(response)
            after = render(self.tokenizer, messages[: i + 1], for_response=False)
            written = self._through_end(after, before)
        whole = render(self.tokenizer, messages, for_response=True)
        self._extend(tokens, mask, continuation(whole, written))
        self._check_bos(tokens)
        return tokens, mask

    def _extend(self, tokens: list[int], mask: list[bool], text: str) -> None:
        piece = self._continue(text) if tokens else self._encode(text)
        tokens += piece
        mask += [False] * len(piece)

    def _through_end(self, after: str, before: str) -> str:
        """The rendering up to and including the end of the assistant's turn; the rest belongs to the next turn."""
        turn = continuation(after, before)
        tail = self._turn.tail
        if not turn.endswith(tail):
            raise UserError(
                "the chat template does not end each of the assistant's turns in the same way",
                remedy="use a template that does; put it into chat_template.jinja of the model directory",
            )
        kept = self._turn.before_end + (self._turn.end or "")
        return after[: len(after) - len(tail) + len(kept)]

    def _check_bos(self, tokens: Sequence[int]) -> None:
        bos = self.tokenizer.bos_token_id
        if bos is None or bos in (self.end_id, self.tokenizer.eos_token_id):
            return
        if tokens.count(bos) > 1:
            raise UserError(
                f"the beginning-of-text token {self.tokenizer.bos_token} occurs {tokens.count(bos)} times in a prompt",
                remedy="remove it from the message text, or from the chat template if it is written there twice",
            )

    def _encode(self, text: str, *, is_plain: bool = False) -> list[int]:
        # What is too long is counted where it is left out; transformers would warn of it, once.
        return list(self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=is_plain, verbose=False))

    def _continue(self, text: str, *, is_plain: bool = False) -> list[int]:
        """Tokens of `text` in the middle of a text, where no tokenizer puts its start-of-text space."""
        if not text:
            return []
        for anchor, anchor_tokens in self._anchors:
            tokens = self._encode(anchor + text, is_plain=is_plain)
            if tokens[: len(anchor_tokens)] == anchor_tokens:
                return tokens[len(anchor_tokens) :]
        return self._encode(text, is_plain=is_plain)

    @cached_property
    def _anchors(self) -> list[tuple[str, list[int]]]:
        return [(text, self._encode(text)) for text in _ANCHORS]

    @cached_property
    def _anchor_tokens(self) -> list[int]:
        return self._encode(_ANCHORS[-1])

    def _decode(self, tokens: Sequence[int]) -> str:
        return self.tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    @property
    def _adds_bos(self) -> bool:
        bos = self.tokenizer.bos_token_id
        return bos is not None and self.tokenizer.encode("a", add_special_tokens=True)[:1] == [bos]

    @property
    def _special_tokens(self) -> list[str]:
        added = self.tokenizer.added_tokens_decoder.values()
        return sorted({*self.tokenizer.all_special_tokens, *(token.content for token in added if token.special)})

    def _supply_pad(self) -> str:
        taken = {self.end_id, self.tokenizer.eos_token_id, self.tokenizer.bos_token_id, self.tokenizer.unk_token_id}
        vocabulary = self.tokenizer.get_vocab()
        name = next((n for n in _PAD_NAMES if n in self._special_tokens and vocabulary[n] not in taken), None)
        if name is None:
            name = next(n for n in _PAD_NAMES if n not in vocabulary)
        self.tokenizer.add_special_tokens({"pad_token": name})
        return name


def _no_end() -> UserError:
    return UserError(
        "the tokenizer has no end-of-text token, so a policy could never learn to stop",
        remedy="set eos_token in tokenizer_config.json of the model directory to a token of its vocabulary",
        field="eos_token",
    )


def _without_first_turn(messages: tuple[Message, ...]) -> tuple[Message, ...] | None:
    """Without the earliest user turn and the assistant's turn to it; system messages stay."""
    system = tuple(message for message in messages[:1] if message.role == "system")
    turns = messages[len(system) :]
    next_user = next((i for i in range(1, len(turns)) if turns[i].role == "user"), None)
    return None if next_user is None else (*system, *turns[next_user:])


def _without_block(messages: tuple[Message, ...]) -> tuple[Message, ...] | None:
    """Without the earliest block between the first and the last block of the last message."""
    blocks = messages[-1].content.split("\n\n")
    if len(blocks) < 3:
        return None
    return (*messages[:-1], messages[-1].model_copy(update={"content": "\n\n".join([blocks[0], *blocks[2:]])}))


def _without_last_line(messages: tuple[Message, ...]) -> tuple[Message, ...] | None:
    """Without the last line of the last message."""
    head, newline, _ = messages[-1].content.rstrip("\n").rpartition("\n")
    if not newline or not head.strip():
        return None
    return (*messages[:-1], messages[-1].model_copy(update={"content": head}))
