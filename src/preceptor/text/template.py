"""The plain chat template, and the checks that make any template safe to train with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from preceptor.errors import UserError
from preceptor.records import Message

PLAIN_TEMPLATE = (
    "{% if add_bos %}{{ bos_token }}{% endif %}"
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] }}\n\n"
    "{% elif message['role'] == 'user' %}User: {{ message['content'] }}\n"
    "{% else %}Assistant: {{ message['content'] }}{{ eos_token }}\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For tokenizers that come without a template; it needs no special token but the end token."""

_PROBE = "PROBE"


def plain_template(add_bos: bool) -> str:
    """The plain template, with a leading BOS for tokenizers that put one before any text."""
    return PLAIN_TEMPLATE.replace("add_bos", "true" if add_bos else "false")


@dataclass(frozen=True)
class AssistantTurn:
    """What a template puts around the assistant's words, where the generation prompt has ended."""

    lead: str
    """Between the generation prompt and the words."""
    tail: str
    """After the words, up to where a next turn would start."""
    end: str | None
    """The single special token in `tail` that ends the turn; None when there is none."""

    @property
    def before_end(self) -> str:
        """What is left of `tail` before the end token."""
        return self.tail.partition(self.end)[0] if self.end else ""


def render(tokenizer: Any, messages: Sequence[Message], *, for_response: bool) -> str:
    """The text of a conversation; with the generation prompt when `for_response`.

    Raises:
        UserError: the template does not take this conversation.
    """
    turns = [{"role": message.role, "content": message.content} for message in messages]
    try:
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=for_response)
    except Exception as error:  # templates raise what they like: jinja2, TypeError, ValueError
        roles = " → ".join(message.role for message in messages)
        raise UserError(
            f"the chat template refuses this conversation ({roles}): {error}",
            remedy="change the messages (many templates want user and assistant to alternate), or use a model with "
            "another chat template",
        ) from error


def assistant_turn(tokenizer: Any, special_tokens: Sequence[str]) -> AssistantTurn:
    """Find out by a probe what the template writes around the assistant's words."""
    user, assistant = Message(role="user", content="Hi"), Message(role="assistant", content=_PROBE)
    before = render(tokenizer, [user], for_response=True)
    whole = render(tokenizer, [user, assistant], for_response=False)
    turn = continuation(whole, before)
    lead, found, tail = turn.partition(_PROBE)
    if not found:
        raise UserError("the chat template drops what the assistant says", remedy="use another chat template")
    inside = sorted((tail.index(token), -len(token), token) for token in special_tokens if token and token in tail)
    end = inside[0][2] if inside else None
    if end is not None and tail.partition(end)[0].strip():
        end = None  # words between: this special token belongs to what comes after
    return AssistantTurn(lead=lead, tail=tail, end=end)


def continuation(text: str, prefix: str) -> str:
    """What `text` adds to `prefix`.

    Raises:
        UserError: it does not start with it: the template changes earlier turns when a later one comes.
    """
    if not text.startswith(prefix):
        raise UserError(
            "the chat template is not prefix-stable: it writes earlier turns differently once later turns follow, so "
            "the policy would be trained on other tokens than it is sampled from",
            remedy="put a template that writes each turn the same wherever it stands into chat_template.jinja of the "
            "model directory (templates that cut earlier reasoning do not)",
        )
    return text[len(prefix) :]
