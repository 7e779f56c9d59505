"""What fits into the model's context: longer rows are left out before any stage, counted and said."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from preceptor.errors import UserError
from preceptor.models.load import load_chat
from preceptor.pipeline.recipe import Recipe
from preceptor.prompts.few_shot import shortened
from preceptor.records import Demonstration, Message, Prompt, Ranking
from preceptor.text.chat import Chat

TOO_LONG = "prompt leaves no room for a response in the model's context"
OVER_LIMIT = "prompt longer than prompts.max_tokens"
SHORTENED = "few-shot prompt, of which only the last examples fit"


@dataclass
class Room:
    """How long prompts may be: the model's context less the longest response that a stage samples."""

    chat: Chat
    max_context: int | None
    max_response: int
    max_prompt: int
    _overhead: dict[tuple[str, ...], int] = field(default_factory=dict)

    @classmethod
    def of(cls, recipe: Recipe, base: str) -> "Room":
        """For a base model, without loading its weights.

        Raises:
            UserError: the model's tokenizer or config cannot be read, or the recipe's responses fill the context.
        """
        chat, max_context = load_chat(base)
        samplings = [recipe.candidates, recipe.evaluation.sampling, *(config.sampling for config in recipe.rl.values())]
        longest = max(sampling.max_tokens for sampling in samplings)
        if max_context is not None and longest >= max_context:
            raise UserError(
                f"responses of up to {longest} tokens leave no room for prompts in a context of {max_context}",
                field="sampling.max_tokens",
                remedy="lower max_tokens of candidates, of evaluation.sampling and of sampling in each rl policy",
            )
        return cls(chat, max_context, longest, recipe.prompts.max_tokens)

    def refuses(self, prompt: Prompt) -> str | None:
        """Why a prompt does not fit; None when it does."""
        left = inf if self.max_context is None else self.max_context - self.max_response
        limit = min(left, self.max_prompt)
        if self._most_tokens(prompt) <= limit:
            return None
        num = len(self._tokens(prompt, prompt.messages))
        return None if num <= limit else TOO_LONG if num > left else OVER_LIMIT

    def _most_tokens(self, prompt: Prompt) -> int:
        """Cheap and never too low: a byte of text is at most one token, what the template adds is counted once."""
        roles = tuple(message.role for message in prompt.messages)
        if roles not in self._overhead:
            bare = [Message(role=message.role, content="a") for message in prompt.messages]
            self._overhead[roles] = len(self._tokens(prompt, bare))
        return self._overhead[roles] + sum(len(message.content.encode()) for message in prompt.messages)

    def _tokens(self, prompt: Prompt, messages: Sequence[Message]) -> list[int]:
        try:
            return self.chat.prompt(messages)
        except UserError as error:
            raise UserError(f"prompt '{prompt.id}': {error.problem}", remedy=error.remedy) from None


def fitting_prompts(prompts: Sequence[Prompt], room: Room, changed: Counter[str]) -> list[Prompt]:
    """Prompts that fit, few-shot ones with as many examples as do; those left out and those shortened are counted."""
    kept = []
    for prompt in prompts:
        reason = room.refuses(prompt)
        fitting = shortened(prompt, lambda one: room.refuses(one) is None) if reason else prompt
        if fitting is not None:
            kept.append(fitting)
        if reason is not None:
            changed[reason if fitting is None else SHORTENED] += 1
    return kept


def fitting_demonstrations(rows: Sequence[Demonstration], room: Room) -> tuple[list[Demonstration], dict[str, int]]:
    """Demonstrations whose prompts fit."""
    reasons = [room.refuses(row.prompt) for row in rows]
    kept = [row for row, reason in zip(rows, reasons, strict=True) if reason is None]
    return kept, dict(Counter(reason for reason in reasons if reason is not None))


def fitting_rankings(
    rows: Sequence[Ranking], chat: Chat, max_context: int | None
) -> tuple[list[Ranking], dict[str, int]]:
    """Rankings without the responses that do not fit into the context; those left with one response are left out."""
    if max_context is None:
        return list(rows), {}
    kept, num_responses, num_rankings = [], 0, 0
    for row in rows:
        asked = len(chat.prompt(row.prompt.messages))
        short = [one for one in row.responses if asked + len(chat.response(one.text)) <= max_context]
        num_responses += len(row.responses) - len(short)
        if len(short) == len(row.responses):
            kept.append(row)
        elif len(short) > 1:
            names = {one.id for one in short}
            groups = (tuple(name for name in group if name in names) for group in row.groups)
            update = {"responses": tuple(short), "groups": tuple(group for group in groups if group)}
            kept.append(row.model_copy(update=update))
        else:
            num_rankings += 1
    return kept, {
        **_counted("response longer than the model's context", num_responses),
        **_counted("ranking left with one response", num_rankings),
    }


def _counted(reason: str, number: int) -> dict[str, int]:
    return {reason: number} if number else {}
