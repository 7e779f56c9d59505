"""The policy: a causal LM that gives log-probabilities of responses.

Shapes: B responses, T response tokens, L all tokens, R packed rows, N tokens of all documents, M tokens asked for,
D width, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from preceptor.models.forward import body_of, can_pack, has_plain_head, lay_out, model_inputs
from preceptor.models.logprobs import logprobs_and_entropy
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
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)

    def logprobs(self, rollout: Rollout, temperature: float) -> tuple[Tensor, Tensor]:
        """(logprobs_BT, entropy_BT) of the response tokens under softmax(logits / temperature); 0 where masked.

        Entropies carry no gradient. Both are on the rollout's device.
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
        layout = batch.layout.to(self.device)
        tokens_N = layout.take(batch.tokens_RL.to(self.device))
        is_learned_N = layout.take(batch.loss_mask_RL.to(self.device))
        if not can_pack(self.model):
            layout = Layout.padded(layout.lengths).to(self.device)
        logprobs_M, _ = self._next_token(layout, layout.put(tokens_N, self.chat.pad_id), is_learned_N, temperature=1.0)
        return -logprobs_M.sum(), is_learned_N.sum()

    def _next_token(
        self, layout: Layout, tokens_RL: Tensor, is_asked_N: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        """(log-probability, entropy) of the tokens asked for, each predicted by the token before it."""
        place_M = layout.place_N[is_asked_N] - 1
        is_predictor_RL = torch.zeros_like(tokens_RL, dtype=torch.bool)
        is_predictor_RL.view(-1)[place_M] = True
        target_M = tokens_RL.view(-1)[1:][is_predictor_RL.view(-1)[:-1]]  # in the order of places
        logprobs_M, entropy_M = self._columns(layout, tokens_RL, is_predictor_RL, target_M, temperature)
        rank_M = torch.empty_like(place_M)
        rank_M[place_M.argsort()] = torch.arange(len(place_M), device=place_M.device)
        return logprobs_M[rank_M], entropy_M[rank_M]

    def _columns(
        self, layout: Layout, tokens_RL: Tensor, is_predictor_RL: Tensor, target_M: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        """(log-probability, entropy) in the order of places, a chunk of logits at a time where the head allows it."""
        is_plain = has_plain_head(self.model)
        inputs = model_inputs(self.model, layout, tokens_RL)
        if not is_plain:
            logits_MV = self.model(**inputs, logits_to_keep=is_predictor_RL).logits
            return logprobs_and_entropy(logits_MV, target_M, temperature)
        head = self.model.get_output_embeddings()
        hidden_MD = body_of(self.model)(**inputs).last_hidden_state[is_predictor_RL]

        def columns(hidden_CD: Tensor, target_C: Tensor) -> tuple[Tensor, Tensor]:
            return logprobs_and_entropy(head(hidden_CD), target_C, temperature)

        size = max(1, CHUNK_ELEMENTS // head.out_features)
        if len(target_M) <= size:
            return columns(hidden_MD, target_M)
        parts = [
            checkpoint(columns, *chunk, use_reentrant=False, preserve_rng_state=False)
            for chunk in zip(hidden_MD.split(size), target_M.split(size), strict=True)
        ]
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
