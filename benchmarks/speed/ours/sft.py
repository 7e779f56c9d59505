"""Our side of a step of supervised fine-tuning, as `training/sft.py` does it, every token learned."""

from benchmarks.speed.turns import Turns
from benchmarks.speed.work import MODELS, SIZES, prompts, texts
from preceptor.models.load import load_policy
from preceptor.training.optim import apply_gradients, build_optimizer
from preceptor.training.sft import SFTConfig, accumulate


def main() -> None:
    """Answer turns with steps."""
    turns = Turns()
    options = turns.options
    size, num, longest = options["size"], options.get("batch_size", 32), options.get("longest", 256)
    policy = load_policy(MODELS / size)
    config = SFTConfig(max_tokens=longest, precision=options.get("precision", "auto"))
    optimizer = build_optimizer(policy, config.optim)
    for turn, _ in enumerate(turns):
        if options["lengths"] == "equal":
            rows = prompts(size, num, turn, shortest=longest, longest=longest)
        else:
            rows = texts(size, num, turn, longest=longest)
        examples = [(row, [True] * len(row)) for row in rows]
        policy.train()
        with turns.phase("learn"):
            accumulate(config, policy, examples)
            apply_gradients(optimizer, config.optim.learning_rate, config.optim.max_grad_norm)
        turns.facts["tokens"] = sum(map(len, rows))
        turns.facts["flops"] = {"learn": 3 * sum(SIZES[size].flops(len(row), len(row) - 1) for row in rows)}


if __name__ == "__main__":
    main()
