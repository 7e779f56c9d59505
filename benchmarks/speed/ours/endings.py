"""Our side of generation with natural stops: the model ends its responses by itself, and freed places are taken.

Lengths are lognormal: of many seeds those are taken whose responses end where they should.
"""

from benchmarks.speed.turns import Turns
from benchmarks.speed.work import ENDING, MODELS, prompts
from preceptor.generation.native import generate
from preceptor.models.load import load_policy
from preceptor.models.policy import Policy
from preceptor.models.precision import autocast
from preceptor.records import Sampling

NUM_SEEDS = 6
"""Tried for each prompt."""
SAMPLING = Sampling(max_tokens=ENDING.longest)


def main() -> None:
    """Answer turns with all responses."""
    turns = Turns()
    size = turns.options["size"]
    policy = load_policy(MODELS / f"{size}-ending")
    asked, seeds = chosen(policy, prompts(size, ENDING.num_prompts, turn=0), ENDING.lengths())
    for _ in turns:
        turns.facts["tokens"] = sum(lengths(policy, asked, seeds))


def lengths(policy: Policy, asked: list[list[int]], seeds: list[int]) -> list[int]:
    """Tokens of each response."""
    with autocast("bfloat16"):
        sampled = generate(policy, asked, SAMPLING, seeds, batch_size=ENDING.batch_size)
    return [len(one.tokens) for one in sampled]


def chosen(policy: Policy, asked: list[list[int]], wanted: list[int]) -> tuple[list[list[int]], list[int]]:
    """Prompts and seeds whose responses have about the wanted lengths, in their order."""
    candidates = [(prompt, seed) for seed, prompt in enumerate(asked * NUM_SEEDS)]
    found = lengths(policy, *map(list, zip(*candidates, strict=True)))
    free, picked = set(range(len(candidates))), {}
    for row in sorted(range(len(wanted)), key=lambda row: -wanted[row]):
        picked[row] = min(free, key=lambda one: abs(found[one] - wanted[row]))
        free.remove(picked[row])
    rows = [candidates[picked[row]] for row in range(len(wanted))]
    return [prompt for prompt, _ in rows], [seed for _, seed in rows]


if __name__ == "__main__":
    main()
