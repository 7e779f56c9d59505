"""The reward model: a Hugging Face sequence classifier with one label, read at the last real token.

Hugging Face heads have no bias, so the bias that makes demonstrations score 0 on average is kept beside the weights, in
the model's config: ours = theirs + `config.reward_bias`.

Shapes: B responses, T response tokens, L all tokens, N tokens of all documents, M tokens asked for.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from preceptor.errors import UserError
from preceptor.models.forward import hidden_states, lay_out
from preceptor.models.precision import autocast
from preceptor.text.batches import Rollout
from preceptor.text.chat import Chat


class RewardModel(nn.Module):
    """Scores of responses; also the value model, read before every token of a response."""

    _bias: Tensor

    def __init__(self, model: Any, chat: Chat) -> None:
        super().__init__()
        self.model = model
        self.chat = chat
        head_of(model)  # refused here rather than at the first score
        bias = torch.tensor(float(getattr(model.config, "reward_bias", 0.0)), dtype=torch.float64)
        self.register_buffer("_bias", bias)
        self.train(model.training)

    @property
    def bias(self) -> float:
        """Added to every score."""
        return float(self._bias)

    @bias.setter
    def bias(self, bias: float) -> None:
        self._bias.fill_(bias)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    def scores(
        self, tokens_BL: Tensor, token_mask_BL: Tensor, prompts: Sequence[Sequence[int]] | None = None
    ) -> Tensor:
        """The score of each row, (B,): the value at its last real token, wherever its padding is.

        With the prompts that the rows begin with, equal ones are read once.
        """
        if not len(tokens_BL):
            return torch.zeros(0, device=tokens_BL.device)
        return self._values(tokens_BL, token_mask_BL, token_mask_BL.sum(1).cumsum(0) - 1, prompts)

    def rollout_scores(self, rollout: Rollout) -> Tensor:
        """The score of each response, (B,)."""
        return self.scores(rollout.tokens_BL, rollout.token_mask_BL, rollout.prompts)

    def values(self, rollout: Rollout) -> Tensor:
        """V(state before response token t), (B, T): read at the token before it; 0 where masked.

        Raises:
            ValueError: a response has no prompt, so nothing stands before its first token.
        """
        prompts = rollout.prompts
        if not all(prompts):
            raise ValueError("a response has no prompt: there is no state before its first token")
        asked_M = rollout.is_response_BL[rollout.token_mask_BL].nonzero().flatten() - 1
        values_M = self._values(rollout.tokens_BL, rollout.token_mask_BL, asked_M, prompts)
        mask_BT = rollout.response_mask_BT
        return torch.zeros(mask_BT.shape, device=values_M.device).masked_scatter(mask_BT, values_M)

    def _values(
        self, tokens_BL: Tensor, token_mask_BL: Tensor, asked_M: Tensor, prompts: Sequence[Sequence[int]] | None
    ) -> Tensor:
        """The head's value at the tokens asked for, counted through all real tokens, on the device of `tokens_BL`."""
        layout = lay_out(self.model, token_mask_BL.sum(1).tolist(), prompts)
        tokens_N = tokens_BL[token_mask_BL].to(self.device)
        return self._head(hidden_states(self.model, layout, tokens_N, asked_M.to(self.device))).to(tokens_BL.device)

    def _head(self, hidden: Tensor) -> Tensor:
        """Scores in fp32: in bf16 two responses that differ by a hundredth would often get the same one."""
        with autocast("float32", self.device.type):
            return head_of(self.model)(hidden.float()).squeeze(-1).float() + self._bias.float()


def head_of(model: Any) -> nn.Linear:
    """The layer that turns a hidden state into a score."""
    for name in ("score", "classifier"):
        head = getattr(model, name, None)
        if isinstance(head, nn.Linear) and head.out_features == 1:
            return head
    raise UserError(
        f"a {model.config.model_type} classifier has no plain linear head",
        remedy="use an architecture whose sequence classifier ends in one linear layer (most decoder-only ones do)",
    )


@torch.no_grad()
def init_head(head: nn.Linear, generator: torch.Generator) -> None:
    """w ~ N(0, 1/√(d+1)), b = 0 (Ziegler et al. 2019; Stiennon et al. 2020)."""
    std = 1 / math.sqrt(head.in_features + 1)
    head.weight.copy_(torch.randn(head.weight.shape, generator=generator) * std)
    if head.bias is not None:
        head.bias.zero_()
