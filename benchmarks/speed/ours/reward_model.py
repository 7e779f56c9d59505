"""Our side of a reward-model step: four prompts with K ranked responses each, as `training/reward_model.py` does it."""

from benchmarks.speed.turns import Turns
from benchmarks.speed.work import MODELS, SIZES, ranked, text
from preceptor.models.load import load_reward_model
from preceptor.records import Labeler, Message, Prompt, Ranking, Response
from preceptor.training.optim import apply_gradients, build_optimizer
from preceptor.training.reward_model import RewardModelConfig, accumulate

NUM_PROMPTS = 4


def main() -> None:
    """Answer turns with steps."""
    turns = Turns()
    options = turns.options
    size, lengths = options["size"], {name: options[name] for name in ("prompt", "response") if name in options}
    reward_model = load_reward_model(MODELS / f"{size}-rm")
    config = RewardModelConfig(batch_size=NUM_PROMPTS, precision=options.get("precision", "auto"))
    optimizer = build_optimizer(reward_model, config.optim)
    for turn, _ in enumerate(turns):
        rows = ranked(size, NUM_PROMPTS, options["num_responses"], turn, **lengths)
        batch = [ranking(*row) for row in rows]
        with turns.phase("learn"):
            accumulate(config, reward_model, batch, config.max_tokens)
            apply_gradients(optimizer, config.optim.learning_rate, config.optim.max_grad_norm)
        turns.facts["flops"] = {"learn": 3 * sum(flops(size, *row) for row in rows)}


def flops(size: str, prompt: list[int], *responses: list[int]) -> float:
    """A forward pass in which the prompt is read once and each response once."""
    once = SIZES[size].flops(len(prompt), 0)
    whole = (SIZES[size].flops(len(prompt) + len(response), 1, has_head=False) for response in responses)
    return once + sum(more - once for more in whole)


def ranking(prompt: list[int], *responses: list[int]) -> Ranking:
    """A ranking with its responses from best to worst."""
    named = [Response(id=str(place), text=text(tokens[:-1])) for place, tokens in enumerate(responses)]
    return Ranking(
        id="r",
        prompt=Prompt(id="p", messages=(Message(role="user", content=text(prompt)),)),
        responses=tuple(named),
        groups=tuple((response.id,) for response in named),
        labeler=Labeler(id="nobody", origin="simulated"),
    )


if __name__ == "__main__":
    main()
