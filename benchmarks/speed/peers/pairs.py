"""The peer's side of a reward-model step: every pair on its own, 32 at a time, as TRL's trainer has them.

The trunk is transformers' own, without the trainer's overhead. Each response is run K − 1 times, its prompt with it.
"""

import itertools

import torch
from torch.nn.functional import logsigmoid
from transformers import AutoModelForSequenceClassification

from benchmarks.speed.turns import Turns
from benchmarks.speed.work import MODELS, ranked

NUM_PROMPTS = 4
NUM_PAIRS_AT_ONCE = 32


def main() -> None:
    """Answer turns with steps."""
    turns = Turns()
    options = turns.options
    size, dtype = options["size"], getattr(torch, options["dtype"])
    model = AutoModelForSequenceClassification.from_pretrained(MODELS / f"{size}-rm", num_labels=1, dtype=dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    for turn, _ in enumerate(turns):
        chosen, rejected = [], []
        for prompt, *responses in ranked(size, NUM_PROMPTS, options["num_responses"], turn):
            for better, worse in itertools.combinations(responses, 2):
                chosen.append(prompt + better)
                rejected.append(prompt + worse)
        for start in range(0, len(chosen), NUM_PAIRS_AT_ONCE):
            part = slice(start, start + NUM_PAIRS_AT_ONCE)
            states = model.model(
                input_ids=torch.tensor(chosen[part] + rejected[part]), use_cache=False
            ).last_hidden_state
            better_scores, worse_scores = model.score(states[:, -1])[:, 0].float().chunk(2)
            (-logsigmoid(better_scores - worse_scores).sum() / len(chosen)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


if __name__ == "__main__":
    main()
