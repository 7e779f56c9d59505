"""Our side of a step of reinforcement learning, as `training/rl.py` does it: 64 responses of 64 tokens.

PPO with its reward model and value model; REINFORCE with eight responses to a prompt and a score that costs nothing, as
the peers' have it, and four updates on a rollout, which is the peers' number and not what REINFORCE is derived for.
"""

import tempfile
from functools import partial
from pathlib import Path

import torch

from benchmarks.speed.turns import Turns
from benchmarks.speed.work import MODELS, SIZES, prompts, text
from preceptor.generation.native import generate
from preceptor.models.load import load_policy, load_reward_model
from preceptor.models.policy import Policy
from preceptor.records import Message, Prompt, Sampling
from preceptor.runs.run import Run
from preceptor.text.batches import Rollout
from preceptor.training.algorithms import build_algorithm
from preceptor.training.algorithms.ppo import PPO
from preceptor.training.algorithms.reinforce import REINFORCE
from preceptor.training.optim import MovingAverage
from preceptor.training.rl_config import RLConfig
from preceptor.training.rl_parts import build_optimizers, in_parts, sample, update

NUM_EPOCHS = 4
NEVER = -1
"""An end token that is never drawn: all responses have all their tokens."""


def main() -> None:
    """Answer turns with steps."""
    turns = Turns()
    options = turns.options
    size, batch_size = options["size"], options.get("batch_size", 64)
    lengths = {"shortest": options.get("prompt", 32), "longest": options.get("prompt", 64)}
    is_ppo = options["algorithm"] == "ppo"
    settings = PPO.Config(num_epochs=NUM_EPOCHS, minibatch_size=batch_size) if is_ppo else REINFORCE.Config()
    config = RLConfig(
        algorithm=settings, batch_size=batch_size,
        sampling=Sampling(max_tokens=options.get("response", 64)), precision=options.get("precision", "auto"),
    )  # fmt: skip
    policy, reference = (load_policy(MODELS / size) for _ in range(2))
    reference.requires_grad_(False)
    policy.chat.end_id = NEVER
    reward_model, value_model = (load_reward_model(MODELS / f"{size}-rm") if is_ppo else None for _ in range(2))
    algorithm = build_algorithm(settings, policy, value_model)
    optimizers, ema = build_optimizers(config, algorithm), MovingAverage(policy, config.ema_decay)
    score = reward_model.rollout_scores if is_ppo else free_scores
    num_prompts = batch_size if is_ppo else batch_size // 8
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), seed=0, config=config, progress=False, tensorboard=False)
        for step, _ in enumerate(turns, start=1):
            asked = [prompt_of(tokens) for tokens in prompts(size, num_prompts, step, **lengths)]
            asked = [prompt for prompt in asked for _ in range(batch_size // num_prompts)]
            with turns.phase("generate"):
                rollout = sample(config, policy, asked, run, step, generate)
            with turns.phase("score"), torch.no_grad():
                price = partial(logprobs, reference, config.sampling.temperature)
                rollout = rollout.add(
                    scores_B=in_parts(config, rollout, score), ref_logprobs_BT=in_parts(config, rollout, price)
                )
                if value_model is not None:
                    rollout = rollout.add(values_BT=in_parts(config, rollout, value_model.values))
                rollout = algorithm.credit(rollout, kl_coef=config.kl.coef)
            with turns.phase("learn"):
                for epoch in range(NUM_EPOCHS):
                    for minibatch in rollout.minibatches(batch_size, run.rng("minibatches", step, epoch)):
                        update(config, algorithm, optimizers, minibatch, [], step)
                ema.observe()
            turns.facts["tokens"] = int(rollout.response_mask_BT.sum())
            turns.facts["flops"] = flops(size, rollout, has_values=is_ppo)
            turns.facts["bytes"] = {"generate": decoding_bytes(size, rollout)}


def prompt_of(tokens: list[int]) -> Prompt:
    """A prompt of these tokens."""
    return Prompt(id="p", messages=(Message(role="user", content=text(tokens)),))


def flops(size: str, rollout: Rollout, *, has_values: bool) -> dict[str, float]:
    """Those of each phase, were no token run that does not count."""
    pairs = list(zip(rollout.token_mask_BL.sum(1).tolist(), rollout.response_mask_BT.sum(1).tolist(), strict=True))
    of = SIZES[size].flops
    policy = sum(of(num_tokens, num_response) for num_tokens, num_response in pairs)
    values = scores = 0.0
    if has_values:
        values = sum(of(num_tokens, num_response, has_head=False) for num_tokens, num_response in pairs)
        scores = sum(of(num_tokens, 1, has_head=False) for num_tokens, _ in pairs)
    return {"generate": policy, "score": policy + values + scores, "learn": NUM_EPOCHS * 3 * (policy + values)}


def decoding_bytes(size: str, rollout: Rollout) -> float:
    """What must be read while responses of equal length are decoded."""
    num_prompt = int(rollout.token_mask_BL.sum()) - int(rollout.response_mask_BT.sum())
    return SIZES[size].decoding_bytes(num_prompt, len(rollout), rollout.num_response - 1)


def logprobs(policy: Policy, temperature: float, rollout: Rollout) -> torch.Tensor:
    """Log-probabilities of the responses."""
    return policy.logprobs(rollout, temperature)[0]


def free_scores(rollout: Rollout) -> torch.Tensor:
    """Scores that cost no time."""
    return (rollout.response_tokens_BT.sum(1) % 7).float()


if __name__ == "__main__":
    main()
