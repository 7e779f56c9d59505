"""The peer's side of a PPO step: the last release of TRL that has one, `trl.experimental.ppo` of 1.12.

Policy and reference, value model and reward model are four models; four epochs of one minibatch of 64. `dtype` is that
in which all of them are loaded: float32 is how the trainer is shipped, bfloat16 leaves no fp32 copy of the weights. Its
own `bf16=True` changes nothing: its accelerator is made without it.
"""

from collections.abc import Callable
from typing import Any

import torch
import trl.experimental.ppo.ppo_trainer as module
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl.experimental.ppo import PPOConfig, PPOTrainer

from benchmarks.speed.peers.callback import TurnByTurn
from benchmarks.speed.turns import Turns
from benchmarks.speed.work import BUILD, MODELS, NUM_TURNS, prompts

BATCH_SIZE = RESPONSE = 64


def main() -> None:
    """Answer turns with steps."""
    turns = Turns()
    size, dtype = turns.options["size"], getattr(torch, turns.options["dtype"])
    for name, phase in {"batch_generation": "generate", "forward": "score", "get_reward": "score"}.items():
        setattr(module, name, timed(getattr(module, name), phase, turns))
    rows = [row for turn in range(NUM_TURNS) for row in prompts(size, BATCH_SIZE, turn)]
    config = PPOConfig(
        output_dir=str(BUILD / "scratch"), use_cpu=True, bf16=False, per_device_train_batch_size=BATCH_SIZE,
        gradient_accumulation_steps=1, num_mini_batches=1, num_ppo_epochs=4, total_episodes=len(rows),
        local_rollout_forward_batch_size=BATCH_SIZE, response_length=RESPONSE, temperature=1.0, learning_rate=1e-5,
        num_sample_generations=0, report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True,
        gradient_checkpointing=False, seed=0,
    )  # fmt: skip
    policy, reference = (AutoModelForCausalLM.from_pretrained(MODELS / size, dtype=dtype) for _ in range(2))
    reward_model, value_model = (
        AutoModelForSequenceClassification.from_pretrained(MODELS / f"{size}-rm", num_labels=1, dtype=dtype)
        for _ in range(2)
    )
    PPOTrainer(
        args=config, processing_class=AutoTokenizer.from_pretrained(MODELS / size, padding_side="left"), model=policy,
        ref_model=reference, reward_model=reward_model, value_model=value_model,
        train_dataset=Dataset.from_dict({"input_ids": rows}), callbacks=[TurnByTurn(turns)],
    ).train()  # fmt: skip


def timed(function: Callable[..., Any], phase: str, turns: Turns) -> Callable[..., Any]:
    """The function, its time counted as a phase where it takes no gradients."""

    def run(*arguments: Any, **named: Any) -> Any:
        if torch.is_grad_enabled():
            return function(*arguments, **named)
        with turns.phase(phase):
            return function(*arguments, **named)

    return run


if __name__ == "__main__":
    main()
