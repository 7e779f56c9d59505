"""The policy: a causal LM that gives log-probabilities of responses.

Shapes: B responses, T response tokens, L all tokens, R packed rows, N tokens of all documents, M tokens asked for.
"""

from typing import Any

import torch
from torch import Tensor, nn

from preceptor.models.forward import body_of, fitting, has_plain_head, lay_out, max_context, model_inputs
from preceptor.ops.logprobs import next_token_logprobs
from preceptor.text.batches import Rollout, SFTBatch
from preceptor.text.chat import Chat
from preceptor.text.packing import Layout

CHUNK_ELEMENTS = 2**25
"""Logits computed at a time (tokens × vocabulary): bounds the memory, 128 MB in fp32."""


class Policy(nn.Module):
    """A Hugging Face causal LM and the chat it speaks."""

    def __init__(self, model: Any, chat: Chat) -> None:
        super().__init__()
        self.model = model
        self.chat = chat
        self.train(model.training)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    @property
    def max_context(self) -> int | None:
        """Most tokens of prompt and response together; None when the architecture sets no limit."""
        return max_context(self.model)

    def logprobs(self, rollout: Rollout, temperature: float) -> tuple[Tensor, Tensor]:
        """(logprobs_BT, entropy_BT) of the response tokens under softmax(logits / temperature); 0 where masked.

        Both are on the rollout's device.
        """
        response_mask_BL = torch.zeros_like(rollout.token_mask_BL)
        response_mask_BL[:, response_mask_BL.shape[1] - rollout.num_response :] = rollout.response_mask_BT
        tokens_N = rollout.tokens_BL[rollout.token_mask_BL].to(self.device)
        is_response_N = response_mask_BL[rollout.token_mask_BL].to(self.device)
        layout = lay_out(self.model, rollout.token_mask_BL.sum(1).tolist())
        columns_M = self._next_token(layout, layout.put(tokens_N, self.chat.pad_id), is_response_N, temperature)
        home, mask_BT = rollout.tokens_BL.device, rollout.response_mask_BT
        empty_BT = torch.zeros(mask_BT.shape, dtype=torch.float32, device=home)
        logprobs_BT, entropy_BT = (empty_BT.masked_scatter(mask_BT, column_M.to(home)) for column_M in columns_M)
        return logprobs_BT, entropy_BT

    def nll(self, batch: SFTBatch) -> tuple[Tensor, Tensor]:
        """(Σ −log π(token) over the learned tokens in nats, their number), for packed conversations."""
        tokens_N = batch.layout.take(batch.tokens_RL).to(self.device)
        is_learned_N = batch.layout.take(batch.loss_mask_RL).to(self.device)
        layout = fitting(self.model, batch.layout)
        logprobs_M, _ = self._next_token(layout, layout.put(tokens_N, self.chat.pad_id), is_learned_N, temperature=1.0)
        return -logprobs_M.sum(), is_learned_N.sum()

    def _next_token(
        self, layout: Layout, tokens_RL: Tensor, is_asked_N: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        """(log-probability, entropy) of the tokens asked for, each predicted by the token before it."""
        is_plain = has_plain_head(self.model)
        inputs = model_inputs(self.model, layout, tokens_RL)
        head = self.model.get_output_embeddings()
        columns_RL = next_token_logprobs(
            body_of(self.model)(**inputs).last_hidden_state if is_plain else self.model(**inputs).logits,
            head if is_plain else _as_they_are,
            tokens_RL,
            layout.put(is_asked_N, False),
            temperature=temperature,
            chunk_size=max(1, CHUNK_ELEMENTS // head.out_features),
        )
        logprobs_M, entropy_M = (layout.take(column_RL)[is_asked_N] for column_RL in columns_RL)
        return logprobs_M, entropy_M


def _as_they_are(logits: Tensor) -> Tensor:
    return logits
