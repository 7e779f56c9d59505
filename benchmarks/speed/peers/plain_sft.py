"""The peer's side of fine-tuning on texts of equal length: transformers' own pass, as it is or through torch.compile.

What forward and backward passes of our own, trunk and head, must beat to earn their keep.
"""

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

from benchmarks.speed.turns import Turns
from benchmarks.speed.work import MODELS, prompts

NUM_TEXTS, LONGEST, NUM_AT_ONCE = 32, 256, 16


def main() -> None:
    """Answer turns with steps."""
    turns = Turns()
    options = turns.options
    model = AutoModelForCausalLM.from_pretrained(MODELS / options["size"], dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    losses = torch.compile(loss, dynamic=False) if options["is_compiled"] else loss

    def step(turn: int) -> None:
        tokens_BL = torch.tensor(prompts(options["size"], NUM_TEXTS, turn, shortest=LONGEST, longest=LONGEST))
        for part_BL in tokens_BL.split(NUM_AT_ONCE):
            with torch.autocast("cpu", torch.bfloat16):
                total = losses(model, part_BL)
            (total / (tokens_BL.numel() - NUM_TEXTS)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step(0)  # compiles
    for turn, _ in enumerate(turns):
        step(turn)
        turns.facts["tokens"] = NUM_TEXTS * LONGEST


def loss(model: torch.nn.Module, tokens_BL: torch.Tensor) -> torch.Tensor:
    """Σ −log π of all tokens but the first of each text."""
    logits_BLV = model(tokens_BL, use_cache=False).logits
    return cross_entropy(logits_BLV[:, :-1].flatten(0, 1).float(), tokens_BL[:, 1:].flatten(), reduction="sum")


if __name__ == "__main__":
    main()
