"""The peer's side of a step of supervised fine-tuning: TRL's trainer, 32 padded texts, every token learned."""

import torch
import trl
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.speed.peers.callback import TurnByTurn
from benchmarks.speed.turns import Turns
from benchmarks.speed.work import BUILD, MODELS, NUM_TURNS, texts

BATCH_SIZE = 32


def main() -> None:
    """Answer turns with steps."""
    turns = Turns()
    size = turns.options["size"]
    rows = [row for turn in range(NUM_TURNS) for row in texts(size, BATCH_SIZE, turn)]
    config = trl.SFTConfig(
        output_dir=str(BUILD / "scratch"), use_cpu=True, bf16=turns.options["bf16"], max_steps=NUM_TURNS,
        per_device_train_batch_size=BATCH_SIZE, gradient_accumulation_steps=1, max_length=256, packing=False,
        report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True, gradient_checkpointing=False,
        train_sampling_strategy="sequential", learning_rate=1e-5, seed=0,
    )  # fmt: skip
    trl.SFTTrainer(
        AutoModelForCausalLM.from_pretrained(MODELS / size, dtype=torch.float32), args=config,
        train_dataset=Dataset.from_dict({"input_ids": rows}), callbacks=[TurnByTurn(turns)],
        processing_class=AutoTokenizer.from_pretrained(MODELS / size),
    ).train()  # fmt: skip


if __name__ == "__main__":
    main()
