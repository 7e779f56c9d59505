"""Training as one writes it first: transformers and autograd, padded, in fp32, all logits at once.

The measure of what memory the same work takes without any of our care. One epoch instead of PPO's four: more take
longer and no more memory.

Shapes: B rows, L tokens, T response tokens, V vocabulary.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from benchmarks.speed.turns import Turns
from benchmarks.speed.work import MODELS, padded_left, prompts, ranked, texts

NUM_RESPONSE = 64


def main() -> None:
    """Answer turns with steps."""
    turns = Turns()
    step = {"sft": sft, "reward-model": rankings, "ppo": ppo}[turns.options["stage"]](turns.options["size"])
    for turn, _ in enumerate(turns):
        step(turn)


def sft(size: str) -> Callable[[int], None]:
    """Steps on 32 texts."""
    model = AutoModelForCausalLM.from_pretrained(MODELS / size, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)

    def step(turn: int) -> None:
        tokens_BL, mask_BL = padded(texts(size, 32, turn))
        logits_BLV = model(tokens_BL, attention_mask=mask_BL).logits
        targets_BL = tokens_BL.masked_fill(mask_BL == 0, -100)
        descend(optimizer, cross_entropy(logits_BLV[:, :-1].flatten(0, 1), targets_BL[:, 1:].flatten()))

    return step


def rankings(size: str) -> Callable[[int], None]:
    """Steps on four prompts with nine responses each: every response once, with its prompt."""
    model = AutoModelForSequenceClassification.from_pretrained(MODELS / f"{size}-rm", dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)

    def step(turn: int) -> None:
        rows = [prompt + one for prompt, *responses in ranked(size, 4, 9, turn) for one in responses]
        tokens_BL, mask_BL = padded(rows)
        scores = model(tokens_BL, attention_mask=mask_BL).logits.view(4, 9)
        better, worse = torch.triu_indices(9, 9, 1)
        descend(optimizer, -logsigmoid(scores[:, better] - scores[:, worse]).mean())

    return step


def ppo(size: str) -> Callable[[int], None]:
    """Steps on 64 prompts: clipped policy and value losses, without credit, which takes no memory to speak of."""
    policy, reference = (AutoModelForCausalLM.from_pretrained(MODELS / size, dtype=torch.float32) for _ in range(2))
    reward_model, value_model = (
        AutoModelForSequenceClassification.from_pretrained(MODELS / f"{size}-rm", dtype=torch.float32) for _ in range(2)
    )
    policy.generation_config.eos_token_id = None
    optimizer = torch.optim.AdamW([*policy.parameters(), *value_model.parameters()], lr=1e-5)

    def step(turn: int) -> None:
        prompt_BL, prompt_mask_BL = padded(prompts(size, 64, turn))
        tokens_BL = policy.generate(
            prompt_BL, attention_mask=prompt_mask_BL, do_sample=True, top_k=0, max_new_tokens=NUM_RESPONSE
        )
        mask_BL = torch.cat([prompt_mask_BL, torch.ones(len(tokens_BL), NUM_RESPONSE, dtype=torch.long)], dim=1)
        with torch.no_grad():
            old_BT, reference_BT = (logprobs(model, tokens_BL, mask_BL) for model in (policy, reference))
            scores_B = reward_model(tokens_BL, attention_mask=mask_BL).logits[:, 0]
            advantages_BT = scores_B[:, None] - (old_BT - reference_BT) - values(value_model, tokens_BL, mask_BL)
        ratio_BT = (logprobs(policy, tokens_BL, mask_BL) - old_BT).exp()
        policy_loss = -torch.minimum(ratio_BT * advantages_BT, ratio_BT.clamp(0.8, 1.2) * advantages_BT).mean()
        value_loss = (values(value_model, tokens_BL, mask_BL) - scores_B[:, None]).square().mean()
        descend(optimizer, policy_loss + 0.1 * value_loss)

    return step


def logprobs(model: torch.nn.Module, tokens_BL: Tensor, mask_BL: Tensor) -> Tensor:
    """Log-probabilities of the response tokens (B, T), by way of all of them at all places."""
    logprobs_BLV = model(tokens_BL, attention_mask=mask_BL).logits.log_softmax(-1)
    return logprobs_BLV[:, :-1].gather(-1, tokens_BL[:, 1:, None])[:, -NUM_RESPONSE:, 0]


def values(model: torch.nn.Module, tokens_BL: Tensor, mask_BL: Tensor) -> Tensor:
    """Value before each response token (B, T)."""
    states_BLD = model.base_model(tokens_BL, attention_mask=mask_BL).last_hidden_state
    return model.score(states_BLD)[:, -NUM_RESPONSE - 1 : -1, 0]


def padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """(tokens_BL, mask_BL), padded on the left."""
    tokens, mask = padded_left(rows)
    return torch.tensor(tokens), torch.tensor(mask)


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step."""
    loss.backward()
    torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


if __name__ == "__main__":
    main()
