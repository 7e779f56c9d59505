"""Sampling over a server that speaks OpenAI's API, from the policy's own weights.

A server samples from whatever weights it has, and nothing in its replies says which. So before each call the weights
are handed over: they are written into a folder that the server can read, and it is told to load them. And after each
call the log-probabilities of some responses are computed again with the policy: a server that answers from other
weights, at another temperature or from another distribution ends the run, where it would train off-policy in silence.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, Self

import torch

from preceptor.errors import UserError
from preceptor.generation.base import Sampled, check_room
from preceptor.generation.client import MAX_CONNECTIONS, Client
from preceptor.generation.config import FOLDER, RemoteConfig
from preceptor.generation.handover import handed_over
from preceptor.models.policy import Policy
from preceptor.records import Sampling
from preceptor.text.batches import rollout_from, token_parts
from preceptor.text.chat import Chat

NUM_CHECKED = 8
"""Responses of each call whose log-probabilities are compared with the policy's."""
MICRO_TOKENS = 8192
"""Tokens of one forward pass in which log-probabilities are computed again."""
MAX_RETOLD = 0.1
"""Share of responses that may come as text which our tokenizer writes in other tokens than were sampled."""


class Remote:
    """An engine that is a server; what it must be able to do is in docs/generation.md.

    The same seed gives a prompt the same response as far as the server keeps its promise on seeds: rounding depends on
    what else is in its batch.
    """

    def __init__(self, config: RemoteConfig, socket: Path | None = None) -> None:
        self._config = config
        self._client = Client(config, socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._client.__exit__(*error)

    def __call__(
        self,
        policy: Policy,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        seeds: Sequence[int],
        batch_size: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Sampled]:
        """One response for each prompt's tokens, from the policy as it is now; `batch_size` of them are open at a time.

        Raises:
            UserError: a prompt leaves no room for its response; or the server is away, refuses, or does not sample from
                this policy.
        """
        if not prompts:
            return []
        check_room(policy.max_context, prompts, sampling)
        with handed_over(policy, self._config.folder) as folder:
            self._reload(folder)
        bodies = [self._body(prompt, seed, sampling, policy.chat) for prompt, seed in zip(prompts, seeds, strict=True)]
        replies = self._ask(bodies, min(batch_size, MAX_CONNECTIONS), progress or (lambda num: None))
        sampled = [self._read(reply, policy.chat, sampling) for reply in replies]
        return self._verified(policy, prompts, sampled, sampling)

    # ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _model(self) -> str:
        return self._config.model or self._client.get("/v1/models")["data"][0]["id"]

    def _reload(self, folder: Path) -> None:
        for path, body in self._config.reload.items():
            reply = self._client.post(path, _naming(folder, body))
            if isinstance(reply, dict) and reply.get("success") is False:
                raise UserError(
                    f"the server at {self._config.url} did not load the policy's weights: {path} said {reply}",
                    field="generation.reload",
                    remedy="leave the server to this run alone while it samples, and look at what it has written",
                )

    def _body(self, prompt: Sequence[int], seed: int, sampling: Sampling, chat: Chat) -> dict[str, Any]:
        """A request for one response. What OpenAI's API does not know (the second half) servers may leave unheeded."""
        return {
            "model": self._model, "prompt": list(prompt), "max_tokens": sampling.max_tokens, "logprobs": 1,
            "temperature": sampling.temperature, "top_p": sampling.top_p, "seed": seed % 2**31,
        } | {
            "return_token_ids": True, "ignore_eos": True, "stop_token_ids": [chat.end_id],
            **({"top_k": sampling.top_k} if sampling.top_k else {}),
            **({"stop": sampling.stop, "include_stop_str_in_output": True} if sampling.stop else {}),
        }  # fmt: skip

    def _ask(self, bodies: Sequence[Any], num_open: int, progress: Callable[[int], None]) -> list[Any]:
        with ExitStack() as stack:
            pool = ThreadPoolExecutor(num_open, thread_name_prefix="generation")
            stack.callback(pool.shutdown, wait=False, cancel_futures=True)  # on an error nothing is waited for
            asked = [pool.submit(self._client.post, "/v1/completions", body) for body in bodies]
            for done in as_completed(asked):
                done.result()
                progress(1)
            return [done.result() for done in asked]

    def _read(self, reply: Any, chat: Chat, sampling: Sampling) -> Sampled:
        """A response; without log-probabilities where its text has other tokens than were sampled."""
        try:
            choice = reply["choices"][0]
            tokens, logprobs = choice.get("token_ids"), tuple(choice["logprobs"]["token_logprobs"])
            text, has_ended = choice["text"], choice["finish_reason"] == "stop"
        except (LookupError, TypeError):
            raise UserError(
                f"the server at {self._config.url} gives no response with log-probabilities: {str(reply)[:200]}",
                remedy="serve the policy with a server that gives them, such as `vllm serve`: without them nothing "
                "shows that it samples from this policy",
            ) from None
        if tokens is None:
            tokens = chat.response(text)[: None if has_ended else -1]
        is_known = len(tokens) == len(logprobs)
        is_stopped = has_ended and bool(sampling.stop)
        return Sampled(tuple(tokens), logprobs if is_known else (), is_stopped or tokens[-1:] == [chat.end_id])

    # ── checking ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _verified(
        self, policy: Policy, prompts: Sequence[Sequence[int]], sampled: list[Sampled], sampling: Sampling
    ) -> list[Sampled]:
        """The responses, each with log-probabilities of the plain distribution, once the server's are found true."""
        retold = [i for i, one in enumerate(sampled) if not one.logprobs]
        if len(retold) > MAX_RETOLD * len(sampled):
            raise UserError(
                f"{len(retold)} of {len(sampled)} responses came as text that is written in other tokens than the "
                f"server at {self._config.url} sampled: the policy did not say these tokens",
                remedy="use a server that gives the tokens' ids (`return_token_ids`, as vLLM does)",
            )
        if sampling.top_k or sampling.top_p < 1:
            return self._with_own_logprobs(policy, prompts, sampled, range(len(sampled)), sampling)
        checked = [i for i in range(len(sampled)) if i not in set(retold)][:NUM_CHECKED]
        own = self._with_own_logprobs(policy, prompts, sampled, checked, sampling)
        pairs = [zip(sampled[i].logprobs, own[i].logprobs, strict=True) for i in checked]
        distance = fmean(abs(theirs - ours) for row in pairs for theirs, ours in row)
        if distance > self._config.tolerance:
            raise UserError(
                f"the server at {self._config.url} does not sample from the policy: its log-probabilities are "
                f"{distance:.3g} nats per token from the policy's",
                field="generation",
                remedy="check that it loads the weights that it is told to, serves this model, and reports "
                "log-probabilities at the temperature that it samples at (`vllm serve --logprobs-mode "
                "processed_logprobs`)",
            )
        return self._with_own_logprobs(policy, prompts, sampled, retold, sampling)

    @torch.no_grad()
    def _with_own_logprobs(
        self,
        policy: Policy,
        prompts: Sequence[Sequence[int]],
        sampled: list[Sampled],
        rows: Sequence[int],
        sampling: Sampling,
    ) -> list[Sampled]:
        """The responses, those of `rows` with the log-probabilities that the policy gives them."""
        changed = list(sampled)
        lengths = [len(prompts[i]) + len(sampled[i].tokens) for i in rows]
        for positions in token_parts(lengths, MICRO_TOKENS):
            part = [rows[position] for position in positions]
            rollout = rollout_from(
                [""] * len(part), [prompts[i] for i in part], [sampled[i] for i in part], pad_id=policy.chat.pad_id
            )
            logprobs_BT, _ = policy.logprobs(rollout, sampling.temperature or 1.0)
            for i, logprobs_T in zip(part, logprobs_BT.tolist(), strict=True):
                changed[i] = replace(sampled[i], logprobs=tuple(logprobs_T[: len(sampled[i].tokens)]))
        return changed


def _naming(folder: Path, body: Mapping[str, Any]) -> Any:
    """A body in which the folder's path stands where its name was."""
    return json.loads(json.dumps(body).replace(FOLDER, json.dumps(str(folder))[1:-1]))
