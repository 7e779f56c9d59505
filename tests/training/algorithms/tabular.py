"""Policies and value models small enough to know everything about, and rollouts for them.

The policy's logits depend on the previous token only. Everything is float64, so that equalities hold to 1e-12.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from preceptor.text.batches import Rollout
from preceptor.training.algorithms import ALGORITHMS, Algorithm, build_algorithm

VOCABULARY = 6
PAD = VOCABULARY
END_TOKEN = VOCABULARY - 1


def previous_tokens(rollout: Rollout) -> Tensor:
    """(B, T): the token before each response token."""
    start = rollout.tokens_BL.shape[1] - rollout.num_response
    return rollout.tokens_BL[:, start - 1 : -1]


class TabularPolicy(nn.Module):
    """log π(token | previous token) = log softmax of a row of a table; `planted` stands at masked places."""

    def __init__(self, logits: Tensor, *, planted: float = 0.0) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits.clone())
        self.planted = planted

    def table(self, temperature: float) -> Tensor:
        return (self.logits / temperature).log_softmax(dim=-1)

    def logprobs(self, rollout: Rollout, temperature: float) -> tuple[Tensor, Tensor]:
        rows = self.table(temperature)[previous_tokens(rollout).clamp(max=VOCABULARY - 1)]
        tokens = rollout.response_tokens_BT.clamp(max=VOCABULARY - 1)
        columns = rows.gather(-1, tokens.unsqueeze(-1)).squeeze(-1), -(rows.exp() * rows).sum(dim=-1)
        logprobs, entropy = (column.masked_fill(~rollout.response_mask_BT, self.planted) for column in columns)
        return logprobs, entropy


class TabularValues(nn.Module):
    """V(state) = an entry of a table, by the previous token."""

    def __init__(self, table: Tensor, *, planted: float = 0.0) -> None:
        super().__init__()
        self.table = nn.Parameter(table.clone())
        self.planted = planted

    def values(self, rollout: Rollout) -> Tensor:
        values = self.table[previous_tokens(rollout).clamp(max=VOCABULARY - 1)]
        return values.masked_fill(~rollout.response_mask_BT, self.planted)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def new_policy(seed: int = 0, **options: float) -> TabularPolicy:
    return TabularPolicy(normal(seed, VOCABULARY, VOCABULARY), **options)


def new_values(seed: int = 1, **options: float) -> TabularValues:
    return TabularValues(normal(seed, VOCABULARY), **options)


def new_algorithm(
    name: str, *, planted: float = 0.0, policy_seed: int = 0, settings: Mapping[str, Any] | None = None
) -> Algorithm:
    config = ALGORITHMS[name].Config(**(settings or {}))
    return build_algorithm(config, new_policy(policy_seed, planted=planted), new_values(planted=planted))


def rollout_of(responses: list[list[int]], *, num_left_pads: int = 0, num_right_pads: int = 0) -> Rollout:
    """Responses to a prompt that is one token, 0; the last token of each is its end. No other columns yet."""
    width = max(len(response) for response in responses) + num_right_pads
    mask = torch.arange(width) < torch.tensor([[len(response)] for response in responses])
    tokens = torch.tensor([response + [PAD] * (width - len(response)) for response in responses])
    prompt = torch.tensor([[PAD] * num_left_pads + [0]]).expand(len(responses), -1)
    prompt_mask = torch.tensor([[False] * num_left_pads + [True]]).expand(len(responses), -1)
    return Rollout(
        prompt_ids=tuple(f"prompt-{row}" for row in range(len(responses))),
        tokens_BL=torch.cat([prompt, tokens], dim=1),
        token_mask_BL=torch.cat([prompt_mask, mask], dim=1),
        response_mask_BT=mask,
        finished_B=torch.ones(len(responses), dtype=torch.bool),
        old_logprobs_BT=torch.zeros(mask.shape, dtype=torch.float64),
    )


@torch.no_grad()
def judged(rollout: Rollout, policy: TabularPolicy, *, temperature: float = 1.0, planted: float = 0.0) -> Rollout:
    """With old_logprobs of `policy`, a reference and scores that depend on the tokens, not on the row."""
    columns = {
        "old_logprobs_BT": policy.logprobs(rollout, temperature)[0],
        "ref_logprobs_BT": new_policy(seed=7).logprobs(rollout, temperature)[0],
    }
    columns = {name: column.masked_fill(~rollout.response_mask_BT, planted) for name, column in columns.items()}
    tokens = rollout.response_tokens_BT.masked_fill(~rollout.response_mask_BT, 0).double()
    scores = torch.sin(3.0 * tokens.sum(dim=1)) + 0.1 * rollout.response_mask_BT.sum(dim=1)
    return Rollout(**{**vars(rollout), **columns, "scores_B": scores})


RESPONSES = [[1, 2, 5], [3, 5], [4, 4, 4, 2, 5], [5], [2, 1, 3, 5], [0, 5], [1, 1, 5], [3, 4, 5]]


def gradients(algorithm: Algorithm) -> dict[str, Tensor]:
    """Gradients of policy and value model by name; then they are cleared."""
    found = {}
    for owner, module in (("policy", algorithm.policy), ("value_model", algorithm.value_model)):
        if module is None:
            continue
        for name, parameter in module.named_parameters():
            found[f"{owner}.{name}"] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
        module.zero_grad(set_to_none=True)
    return found


def total_loss(
    algorithm: Algorithm, minibatch: Rollout, num_tokens: int, num_responses: int | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum of the algorithm's losses, with the metrics of all of them; by default the minibatch is whole."""
    found = [loss_of(minibatch, num_tokens, num_responses or len(minibatch)) for loss_of in algorithm.losses]
    return sum(loss for loss, _ in found), {name: value for _, metrics in found for name, value in metrics.items()}
