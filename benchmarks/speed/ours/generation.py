"""Our side of generation: one response to each of many prompts."""

from benchmarks.speed.turns import Turns
from benchmarks.speed.work import MODELS, SIZES, prompts
from preceptor.generation.native import generate
from preceptor.models.load import load_policy
from preceptor.models.precision import autocast
from preceptor.records import Sampling

NEVER = -1
"""An end token that is never drawn: all responses have all their tokens."""


def main() -> None:
    """Answer turns with generated batches."""
    turns = Turns()
    options = turns.options
    size, num = options["size"], options["batch_size"]
    policy = load_policy(MODELS / size)
    policy.chat.end_id = NEVER
    asked = prompts(size, num, turn=0)
    length = options.get("response", 64)
    sampling = Sampling(max_tokens=length)
    for turn, _ in enumerate(turns):
        seeds = [turn * num + row for row in range(num)]
        with turns.phase("generate"), autocast(options.get("precision", "auto")):
            sampled = generate(policy, asked, sampling, seeds, batch_size=num)
        turns.facts["tokens"] = sum(len(one.tokens) for one in sampled)
        turns.facts["flops"] = {"generate": sum(SIZES[size].flops(len(row) + length - 1, length) for row in asked)}
        turns.facts["bytes"] = {"generate": SIZES[size].decoding_bytes(sum(map(len, asked)), num, length - 1)}


if __name__ == "__main__":
    main()
