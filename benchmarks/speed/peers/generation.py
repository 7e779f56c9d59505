"""The peer's side of generation: `transformers.generate` on the same prompts, with weights of the same type."""

import torch
from transformers import AutoModelForCausalLM

from benchmarks.speed.turns import Turns
from benchmarks.speed.work import MODELS, PAD, padded_left, prompts


def main() -> None:
    """Answer turns with generated batches."""
    turns = Turns()
    options = turns.options
    size, num, length = options["size"], options["batch_size"], options.get("response", 64)
    model = AutoModelForCausalLM.from_pretrained(MODELS / size, dtype=getattr(torch, options["dtype"])).eval()
    model.generation_config.eos_token_id = None
    tokens, mask = (torch.tensor(rows) for rows in padded_left(prompts(size, num, turn=0)))
    settings = {
        "do_sample": True,
        "top_k": 0,
        "top_p": 1.0,
        "temperature": 1.0,
        "max_new_tokens": length,
        "pad_token_id": PAD,
    }
    for _ in turns:
        made = model.generate(tokens, attention_mask=mask, **settings)
        assert made.shape == (num, tokens.shape[1] + length)
        turns.facts["tokens"] = num * length


if __name__ == "__main__":
    main()
