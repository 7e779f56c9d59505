"""The peer's side of generation: `transformers.generate` on the same prompts, with weights of the same type."""

import torch
from transformers import AutoModelForCausalLM

from benchmarks.speed.turns import Turns
from benchmarks.speed.work import MODELS, PAD, prompts


def main() -> None:
    """Answer turns with generated batches."""
    turns = Turns()
    options = turns.options
    size, num, length = options["size"], options["batch_size"], options.get("response", 64)
    model = AutoModelForCausalLM.from_pretrained(MODELS / size, dtype=getattr(torch, options["dtype"])).eval()
    model.generation_config.eos_token_id = None
    rows = prompts(size, num, turn=0)
    width = max(map(len, rows))
    tokens = torch.tensor([[PAD] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
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
        assert made.shape == (num, width + length)
        turns.facts["tokens"] = num * length


if __name__ == "__main__":
    main()
