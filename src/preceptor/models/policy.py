"""The policy: a causal LM that gives log-probabilities of responses.

Shapes: B responses, T response tokens, L all tokens, R packed rows, N tokens of all documents, M tokens asked for.
"""

from typing import Any

import torch
from torch import Tensor, nn

from preceptor.models.forward import has_plain_head, hidden_states, lay_out, logits, max_context
from preceptor.models.precision import product_dtype
from preceptor.ops import fused
from preceptor.ops.logprobs import chunked_logprobs
from preceptor.text.batches import Rollout, SFTBatch
from preceptor.text.chat import Chat
from preceptor.text.packing import Layout

CHUNK_ELEMENTS = 2**24
"""Logits computed at a time (tokens × vocabulary): bounds the memory, 64 MB in fp32."""


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
        tokens_N = rollout.tokens_BL[rollout.token_mask_BL].to(self.device)
        is_response_N = rollout.is_response_BL[rollout.token_mask_BL].to(self.device)
        layout = lay_out(self.model, rollout.lengths, rollout.prompts)
        columns_M = self._next_token(layout, tokens_N, is_response_N, temperature)
        home, mask_BT = rollout.tokens_BL.device, rollout.response_mask_BT
        empty_BT = torch.zeros(mask_BT.shape, dtype=torch.float32, device=home)
        logprobs_BT, entropy_BT = (empty_BT.masked_scatter(mask_BT, column_M.to(home)) for column_M in columns_M)
        return logprobs_BT, entropy_BT

    def nll(self, batch: SFTBatch) -> tuple[Tensor, Tensor]:
        """(Σ −log π(token) over the learned tokens in nats, their number), for packed conversations."""
        tokens_N, is_learned_N = batch.tokens_N.to(self.device), batch.is_learned_N.to(self.device)
        logprobs_M, _ = self._next_token(lay_out(self.model, batch.lengths), tokens_N, is_learned_N, temperature=1.0)
        return -logprobs_M.sum(), is_learned_N.sum()

    def _next_token(
        self, layout: Layout, tokens_N: Tensor, is_asked_N: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        """(log-probability, entropy) of the tokens asked for, each predicted by the token before it.

        Raises:
            ValueError: a document's first token is asked for, which nothing predicts.
        """
        asked_M = is_asked_N.nonzero().flatten()
        if bool((layout.position_N[asked_M] == 0).any()):
            raise ValueError("the first token of a document has no prediction and cannot count")
        head = self.model.get_output_embeddings()
        settings = {"temperature": temperature, "chunk_size": max(1, CHUNK_ELEMENTS // head.out_features)}
        if not has_plain_head(self.model):
            logits_MV = logits(self.model, layout, tokens_N)[asked_M - 1]
            return chunked_logprobs(logits_MV, _as_they_are, tokens_N[asked_M], **settings)
        hidden_MD = hidden_states(self.model, layout, tokens_N, asked_M - 1)
        if type(head) is nn.Linear and head.bias is None and self.device.type == "cpu" and fused.is_available():
            hidden_MD = hidden_MD.to(product_dtype(hidden_MD))
            return fused.head_logprobs(hidden_MD, head.weight, tokens_N[asked_M], **settings)
        return chunked_logprobs(hidden_MD, head, tokens_N[asked_M], **settings)


def _as_they_are(logits: Tensor) -> Tensor:
    return logits
