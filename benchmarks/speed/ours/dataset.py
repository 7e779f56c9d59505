"""Supervised fine-tuning of the tiny model on a whole set, one pass, by `train_sft` itself."""

import tempfile
from pathlib import Path

from benchmarks.speed.turns import Turns
from benchmarks.speed.work import MODELS, text, texts
from preceptor.models.load import load_policy
from preceptor.records import Demonstration, Labeler, Message, Prompt
from preceptor.runs.run import Run
from preceptor.training.sft import SFTConfig, train_sft

LONGEST = 128
NUM_VALID = 8


def main() -> None:
    """Answer turns with whole trainings."""
    turns = Turns()
    rows = texts("tiny", turns.options["num_rows"] + NUM_VALID, turn=0, longest=LONGEST)
    demonstrations = [demonstration(row) for row in rows]
    policy = load_policy(MODELS / "tiny")
    config = SFTConfig(num_epochs=1, max_tokens=LONGEST + 1)
    for _ in turns:
        with tempfile.TemporaryDirectory() as folder:
            run = Run(Path(folder) / "run", seed=0, config=config, progress=False, tensorboard=False)
            train_sft(config, run, policy, demonstrations[NUM_VALID:], demonstrations[:NUM_VALID])


def demonstration(tokens: list[int]) -> Demonstration:
    """A text whose first half asks and whose second half is what is said to it."""
    half = len(tokens) // 2
    prompt = Prompt(id="p", messages=(Message(role="user", content=text(tokens[:half])),))
    labeler = Labeler(id="nobody", origin="simulated")
    return Demonstration(id="d", prompt=prompt, response=text(tokens[half:]), labeler=labeler)


if __name__ == "__main__":
    main()
