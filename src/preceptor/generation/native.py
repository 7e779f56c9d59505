"""Sampling with any Hugging Face causal LM in this process.

Shapes: B rows still sampled, L places of prompt and response, V vocabulary.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from preceptor.errors import UserError
from preceptor.generation.base import Sampled
from preceptor.generation.cache import new_cache
from preceptor.models.forward import choose_attention
from preceptor.models.policy import Policy
from preceptor.models.precision import Precision, autocast
from preceptor.records import Sampling

LEAVE_SHARE = 0.25
"""Finished rows leave the batch once they are this share of it: leaving copies the cache of those who stay."""


def generate(
    policy: Policy,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    seeds: Sequence[int],
    batch_size: int,
    progress: Callable[[int], None] | None = None,
    *,
    precision: Precision | None = None,
) -> list[Sampled]:
    """One response for each prompt's tokens.

    Each row draws from its own seed, so its text does not depend on its neighbours or on `batch_size` (but for
    rounding). `precision` None keeps the arithmetic of the context it is called in; `progress` is told the number of
    responses finished since it was last called.

    Raises:
        UserError: a prompt leaves no room for `max_tokens` in the model's context.
    """
    if len(prompts) != len(seeds):
        raise ValueError(f"{len(prompts)} prompts and {len(seeds)} seeds")
    _check_lengths(policy, prompts, sampling)
    sampled: list[Sampled | None] = [None] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    was_training = policy.training
    policy.eval()
    try:
        with torch.inference_mode(), nullcontext() if precision is None else autocast(precision, policy.device.type):
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                batch = _Batch(policy, [prompts[i] for i in rows], sampling, [seeds[i] for i in rows])
                for i, one in zip(rows, batch.run(progress), strict=True):
                    sampled[i] = one
    finally:
        policy.train(was_training)
    return [one for one in sampled if one is not None]


def _check_lengths(policy: Policy, prompts: Sequence[Sequence[int]], sampling: Sampling) -> None:
    limit = policy.max_context
    for i, prompt in enumerate(prompts):
        if not prompt:
            raise ValueError(f"prompt {i} has no tokens")
        if limit is not None and len(prompt) + sampling.max_tokens > limit:
            raise UserError(
                f"prompt {i} has {len(prompt)} tokens; with {sampling.max_tokens} for the response that is more than "
                f"the model's context of {limit}",
                field="sampling.max_tokens",
                remedy="shorten the prompt, lower max_tokens, or use a model with a longer context",
            )


class _Batch:
    """Rows sampled together; those that have ended leave."""

    def __init__(
        self, policy: Policy, prompts: Sequence[Sequence[int]], sampling: Sampling, seeds: Sequence[int]
    ) -> None:
        self._policy, self._sampling = policy, sampling
        device, num_rows = policy.device, len(prompts)
        self._width = max(len(prompt) for prompt in prompts)
        self._tokens_BL = torch.full((num_rows, self._width), policy.chat.pad_id, dtype=torch.long)
        self._mask_BL = torch.zeros(num_rows, self._width + sampling.max_tokens, dtype=torch.bool)
        for b, prompt in enumerate(prompts):
            self._tokens_BL[b, self._width - len(prompt) :] = torch.tensor(prompt, dtype=torch.long)
            self._mask_BL[b, self._width - len(prompt) :] = True
        self._tokens_BL, self._mask_BL = self._tokens_BL.to(device), self._mask_BL.to(device)
        self._uniforms_BT = torch.stack([_uniforms(seed, sampling.max_tokens) for seed in seeds]).to(device)
        self._response_BT = torch.zeros(num_rows, sampling.max_tokens, dtype=torch.long, device=device)
        self._logprobs_BT = torch.zeros(num_rows, sampling.max_tokens, device=device)
        self._length_B = torch.full((num_rows,), sampling.max_tokens, dtype=torch.long, device=device)
        self._finished_B = torch.zeros(num_rows, dtype=torch.bool, device=device)

    def run(self, progress: Callable[[int], None] | None) -> list[Sampled]:
        """Sample until all rows have ended or have `max_tokens`."""
        model, max_tokens = self._policy.model, self._sampling.max_tokens
        choose_attention(model, self._width + max_tokens)
        dtype = torch.get_autocast_dtype(model.device.type) if torch.is_autocast_enabled(model.device.type) else None
        cache = new_cache(model, self._width + max_tokens, dtype)
        row_B = torch.arange(len(self._tokens_BL), device=model.device)
        tokens_BL, mask_BL = self._tokens_BL, self._mask_BL
        position_BL = (mask_BL[:, : self._width].long().cumsum(1) - 1).clamp(min=0)
        num_told = 0
        for t in range(max_tokens):
            logits_BV = model(
                input_ids=tokens_BL,
                attention_mask=mask_BL[:, : self._width + t],
                position_ids=position_BL,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
            token_B, logprob_B = draw(logits_BV, self._uniforms_BT[row_B, t], self._sampling)
            self._response_BT[row_B, t], self._logprobs_BT[row_B, t] = token_B, logprob_B
            ended_B = token_B == self._policy.chat.end_id
            is_new_B = ended_B & ~self._finished_B[row_B]
            self._length_B[row_B[is_new_B]] = t + 1
            self._finished_B[row_B[is_new_B]] = True
            num_open = int((~self._finished_B[row_B]).sum())
            if progress is not None and (num_new := int(self._finished_B.sum()) - num_told):
                progress(num_new)
                num_told += num_new
            if not num_open:
                break
            if len(row_B) - num_open >= LEAVE_SHARE * len(row_B):
                keep_B = (~self._finished_B[row_B]).nonzero().flatten()
                cache.batch_select_indices(keep_B)
                row_B, token_B = row_B[keep_B], token_B[keep_B]
                mask_BL, position_BL = mask_BL[keep_B], position_BL[keep_B]
            tokens_BL, position_BL = token_B[:, None], position_BL[:, -1:] + 1
        if progress is not None and num_told < len(self._finished_B):
            progress(len(self._finished_B) - num_told)
        return self._results()

    def _results(self) -> list[Sampled]:
        rows = zip(
            self._response_BT.tolist(), self._logprobs_BT.tolist(), self._length_B.tolist(), self._finished_B.tolist(),
            strict=True,
        )  # fmt: skip
        return [Sampled(tuple(tokens[:n]), tuple(logprobs[:n]), ended) for tokens, logprobs, n, ended in rows]


def _uniforms(seed: int, num: int) -> Tensor:
    return torch.rand(num, generator=torch.Generator().manual_seed(seed))


def draw(logits_BV: Tensor, uniform_B: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """(tokens_B, logprobs_B): the smallest token whose cumulative probability exceeds the row's uniform number.

    Log-probabilities are those of softmax(logits / temperature), of softmax(logits) when temperature is 0.
    """
    logits_BV = logits_BV.float()
    if sampling.temperature == 0:
        token_B = logits_BV.argmax(dim=-1)
    else:
        logits_BV = logits_BV / sampling.temperature
        kept_BV = _cut(logits_BV, sampling)
        token_B = _inverse_cdf((kept_BV - kept_BV.amax(dim=-1, keepdim=True)).exp_(), uniform_B)
    chosen_B = logits_BV.gather(-1, token_B[:, None]).squeeze(-1)
    return token_B, chosen_B - logits_BV.logsumexp(dim=-1)


def _inverse_cdf(weight_BV: Tensor, uniform_B: Tensor) -> Tensor:
    """One token per row with probability weight / Σ weight; never one of weight 0."""
    cumulative_BV = weight_BV.cumsum(dim=-1)
    total_B = cumulative_BV[:, -1]
    below_B = torch.minimum(uniform_B * total_B, torch.nextafter(total_B, torch.zeros_like(total_B)))
    return torch.searchsorted(cumulative_BV, below_B[:, None], right=True).squeeze(-1)


def _cut(logits_BV: Tensor, sampling: Sampling) -> Tensor:
    """Logits with all but the top-k tokens, and all beyond probability mass top-p, at −∞; the top token stays."""
    if 0 < sampling.top_k < logits_BV.shape[-1]:
        least_B1 = logits_BV.topk(sampling.top_k, dim=-1).values[:, -1:]
        logits_BV = logits_BV.masked_fill(logits_BV < least_B1, float("-inf"))
    if sampling.top_p < 1:
        sorted_BV, index_BV = logits_BV.sort(dim=-1, descending=True)
        probability_BV = sorted_BV.softmax(dim=-1)
        is_beyond_BV = probability_BV.cumsum(dim=-1) - probability_BV >= sampling.top_p
        logits_BV = logits_BV.masked_fill(is_beyond_BV.scatter(-1, index_BV, is_beyond_BV), float("-inf"))
    return logits_BV
