"""The peer's side of a step with eight responses to a prompt: TRL's GRPO or RLOO trainer, four updates on each rollout.

The score costs nothing; the reference is priced with β = 0.05.
"""

from typing import Any

import torch
import trl
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.speed.peers.callback import TurnByTurn
from benchmarks.speed.turns import Turns
from benchmarks.speed.work import BUILD, MODELS, NUM_TURNS, prompts, text

BATCH_SIZE = RESPONSE = 64
NUM_SAMPLES, NUM_UPDATES = 8, 4


def main() -> None:
    """Answer turns with rollouts and their updates."""
    turns = Turns()
    size, name = turns.options["size"], turns.options["trainer"]
    trainer, settings = {"grpo": (trl.GRPOTrainer, trl.GRPOConfig), "rloo": (trl.RLOOTrainer, trl.RLOOConfig)}[name]
    asked = [text(row) for turn in range(NUM_TURNS) for row in prompts(size, BATCH_SIZE // NUM_SAMPLES, turn)]
    config = settings(
        output_dir=str(BUILD / "scratch"), use_cpu=True, bf16=turns.options["bf16"], max_steps=NUM_TURNS * NUM_UPDATES,
        per_device_train_batch_size=BATCH_SIZE, gradient_accumulation_steps=1, num_generations=NUM_SAMPLES,
        max_completion_length=RESPONSE, num_iterations=NUM_UPDATES, beta=0.05, temperature=1.0, top_k=0,
        report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True, gradient_checkpointing=False,
        learning_rate=1e-5, seed=0,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(MODELS / size, dtype=torch.float32)
    model.generation_config.eos_token_id = None
    tokenizer = AutoTokenizer.from_pretrained(MODELS / size)
    tokenizer.eos_token = tokenizer.unk_token
    trainer(
        model, reward_funcs=free_scores, args=config, train_dataset=Dataset.from_dict({"prompt": asked}),
        processing_class=tokenizer, callbacks=[TurnByTurn(turns, NUM_UPDATES)],
    ).train()  # fmt: skip


def free_scores(completions: list[str], **_: Any) -> list[float]:
    """Scores that cost no time."""
    return [float(len(response) % 7) for response in completions]


if __name__ == "__main__":
    main()
