"""Reinforcement learning from the reward model (Ouyang et al. 2022, section 3.5, Eq. 2): THE loop."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from preceptor.generation.base import Generate
from preceptor.generation.native import generate as generate_natively
from preceptor.models.adapters import merge_adapters
from preceptor.models.forward import set_recompute
from preceptor.models.policy import Policy
from preceptor.records import Document, Prompt
from preceptor.runs.run import Run
from preceptor.training.algorithms import build_algorithm
from preceptor.training.optim import MovingAverage, mean_of
from preceptor.training.rl_config import RLConfig
from preceptor.training.rl_parts import (
    Actors,
    KLController,
    PretrainingMix,
    algorithm_parts,
    build_optimizers,
    check_health,
    in_parts,
    prepare,
    sample,
    update,
)
from preceptor.training.stream import Stream

Evaluate = Callable[[Policy, int], Mapping[str, float]]
"""(policy, step) → metrics on held-out prompts."""


def train_rl(
    config: RLConfig,
    run: Run,
    actors: Actors,
    prompts: Sequence[Prompt],
    *,
    pretraining: Sequence[Document] = (),
    evaluate: Evaluate | None = None,
    generate: Generate = generate_natively,
    label: str = "RL",
) -> Mapping[str, Any]:
    """Make the policy score higher without leaving its reference; the policy ends with its averaged weights.

    Raises:
        UserError: a step-0 health check fails, or a pretraining mix is asked for without text.
    """
    reference = prepare(config, actors, run)
    algorithm = build_algorithm(config.algorithm, actors.policy, actors.value_model)
    optimizers = build_optimizers(config, algorithm)
    ema, kl = MovingAverage(actors.policy, config.ema_decay), KLController(config.kl)
    state = run.state(ema=ema, kl=kl, **algorithm_parts(algorithm), **optimizers)
    order = Stream(len(prompts), run.seed, "rl-prompts")
    mix = PretrainingMix(config.pretraining, pretraining, actors.policy, run.seed)
    for step in run.steps(config.num_steps, state, label=label):
        # 1. sample
        rollout = sample(config, actors.policy, order.take(prompts, step, config.batch_size), run, step, generate)
        # 2. judge   3. price the drift from the reference
        rollout = rollout.add(
            scores_B=in_parts(config, rollout, actors.reward_model.rollout_scores),
            ref_logprobs_BT=in_parts(
                config, rollout, lambda part: reference.logprobs(part, config.sampling.temperature)[0]
            ),
        )
        if step == 1:
            check_health(config, actors, rollout, run.directory / "health.json")
        # 4. credit: scores and KL become one advantage per response token
        if algorithm.value_model is not None:
            rollout = rollout.add(values_BT=in_parts(config, rollout, algorithm.value_model.values))
        rollout = algorithm.credit(rollout, kl_coef=kl.coef)
        # 5. learn: clipped epochs over the rollout, each minibatch with its share of pretraining text (PPO-ptx)
        minibatches = [
            minibatch
            for epoch in range(algorithm.num_epochs)
            for minibatch in rollout.minibatches(algorithm.minibatch_size, run.rng("minibatches", step, epoch))
        ]
        texts = mix.take(step, minibatches)
        updates = [update(config, algorithm, optimizers, *pair, step) for pair in zip(minibatches, texts, strict=True)]
        ema.observe()
        # 6. steer and tell
        run.log(step, rollout.metrics() | algorithm.metrics(rollout) | {"kl/coef": kl.coef} | mean_of(updates))
        kl.observe(rollout.mean_kl(), num_episodes=len(rollout))
        if evaluate is not None and run.every(config.eval_every, step):
            ema.swap()
            run.log(step, evaluate(actors.policy, step))
            ema.swap()
        if run.every(config.save_every, step):
            run.save(step)
    ema.swap()
    merge_adapters(actors.policy)
    set_recompute(actors.policy.model, False)
    return {"kl_coef": kl.coef, "num_steps": config.num_steps}
