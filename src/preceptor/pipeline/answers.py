"""What every policy says to the test prompts, the base model prompted and unprompted among them."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from preceptor.generation.base import Generate, Sampled
from preceptor.models.heads import RewardModel
from preceptor.models.load import load_policy, load_reward_model
from preceptor.models.policy import Policy
from preceptor.models.precision import autocast
from preceptor.models.scoring import score_responses
from preceptor.pipeline.human import TEST
from preceptor.pipeline.project import Project
from preceptor.pipeline.recipe import EvaluationConfig
from preceptor.pipeline.stages import base_model, dump, respond
from preceptor.records import (
    Artifact,
    Candidates,
    Demonstration,
    Document,
    Message,
    Prompt,
    Response,
    read_artifact,
    write_artifact,
)
from preceptor.runs.lineage import model_hash
from preceptor.runs.seeding import numpy_generator
from preceptor.text.batches import rollout_from
from preceptor.training.sft import encode_documents, mean_nll

SPEAKERS = {"system": "System", "user": "User", "assistant": "Assistant"}
NUM_CONTEST_PROMPTS = 24


@dataclass(frozen=True)
class Answers:
    """One policy's responses to the test prompts, and what can be measured on them without a judge."""

    name: str
    responses: tuple[Response, ...]
    kl_to_sft: float
    pretraining_loss: float | None


def transcript(messages: Sequence[Message]) -> str:
    """A conversation as a base model may have met it on a web page."""
    return "\n".join(f"{SPEAKERS[message.role]}: {message.content}" for message in messages)


def few_shot(demonstrations: Sequence[Demonstration]) -> list[str]:
    """Demonstrations as dialogues of a page, to put before a prompt."""
    return [
        transcript((*row.prompt.messages, Message(role="assistant", content=row.response))) + "\n\n"
        for row in demonstrations
    ]


def unprompted(policy: Policy) -> Callable[[Prompt], list[int]]:
    """The bare prompt, as a base model is asked: the text and nothing around it."""

    def render(prompt: Prompt) -> list[int]:
        one_turn = len(prompt.messages) == 1
        return opening(policy, (prompt.text if one_turn else transcript(prompt.messages)) + "\n")

    return render


def prompted(policy: Policy, examples: Sequence[str], max_tokens: int) -> Callable[[Prompt], list[int]]:
    """The prompt as the next turn of a dialogue page; the first examples are left out where the context is short."""
    limit = (policy.max_context or sys.maxsize) - max_tokens

    def render(prompt: Prompt) -> list[int]:
        ending = transcript(prompt.messages) + "\nAssistant:"
        pages = (opening(policy, "".join(examples[first:]) + ending) for first in range(len(examples) + 1))
        return next((page for page in pages if len(page) <= limit), opening(policy, ending))

    return render


def opening(policy: Policy, text: str) -> list[int]:
    """Tokens of a page that goes on: a document without its end."""
    tokens = policy.chat.document(text)
    return tokens[:-1] if tokens[-1] == policy.chat.tokenizer.eos_token_id else tokens


def first_turn(response: Response) -> Response:
    """What the base model says before it writes the user's next turn itself."""
    text = response.text.split("\nUser:")[0].split("\n\n")[0].strip()
    return response.model_copy(update={"text": text})


def choose_examples(
    generate: Generate,
    base: Policy,
    demonstrations: Sequence[Demonstration],
    judge: RewardModel,
    config: EvaluationConfig,
    seed: int,
) -> list[str]:
    """The few-shot examples that win a contest by reward-model score (Ouyang et al. 2022, footnote 6).

    The contest's prompts are those of the last demonstrations, which are in no prefix.
    """
    draw = numpy_generator(seed, "few-shot")
    prompts = [row.prompt for row in demonstrations[-NUM_CONTEST_PROMPTS:]]
    demonstrations = demonstrations[:-NUM_CONTEST_PROMPTS]
    one_turn = [row for row in demonstrations if len(row.prompt.messages) == 1]
    best: list[str] = []
    best_score = -np.inf
    for _ in range(config.num_prefixes):
        index = draw.choice(len(one_turn), size=min(config.num_shots, len(one_turn)), replace=False)
        examples = few_shot([one_turn[i] for i in index])
        render = prompted(base, examples, config.sampling.max_tokens)
        responses = respond(generate, base, "contest", prompts, config.sampling, seed, render=render)
        items = [(p.messages, first_turn(r).text) for p, r in zip(prompts, responses, strict=True)]
        score = float(np.mean(score_responses(judge, items)))
        if score > best_score:
            best, best_score = examples, score
    return best


@torch.no_grad()
def kl_to(
    reference: Policy,
    policy: Policy,
    prompts: Sequence[Prompt],
    responses: Sequence[Response],
    temperature: float,
    render: Callable[[Prompt], list[int]] | None = None,
    size: int = 64,
) -> float:
    """Mean over responses of Σ_t log π(y_t) − log π_ref(y_t), in nats: the policy under its own prompt format."""
    total = 0.0
    for start in range(0, len(prompts), size):
        rows = prompts[start : start + size]
        tokens = responses[start : start + size]
        own = [render(p) if render else policy.chat.prompt(p.messages) for p in rows]
        theirs = [reference.chat.prompt(p.messages) for p in rows]
        total += _log_likelihood(policy, rows, own, tokens, temperature)
        total -= _log_likelihood(reference, rows, theirs, tokens, temperature)
    return total / len(prompts)


def _log_likelihood(
    policy: Policy,
    rows: Sequence[Prompt],
    prompts: Sequence[list[int]],
    responses: Sequence[Response],
    temperature: float,
) -> float:
    sampled = [Sampled(tuple(r.tokens or ()), (), bool(r.finished)) for r in responses]
    rollout = rollout_from([p.id for p in rows], prompts, sampled, pad_id=policy.chat.pad_id)
    with autocast("float32"):
        logprobs_BT, _ = policy.logprobs(rollout, temperature)
    return float((logprobs_BT * rollout.response_mask_BT).sum())


def pretraining_loss(policy: Policy, documents: Sequence[Document], max_tokens: int) -> float | None:
    """Mean NLL per token of pretraining text, in nats: what alignment costs shows here."""
    examples = encode_documents(documents, policy.chat, max_tokens)
    return mean_nll(policy, examples, max_tokens, "auto") if examples else None


def answers_stage(
    project: Project,
    policies: Mapping[str, Path],
    reward_model: Path,
    demonstrations: Artifact[Demonstration],
    test: Artifact[Prompt],
    documents: Artifact[Document],
) -> tuple[list[Answers], Artifact[Candidates]]:
    """All policies' responses to the test prompts: base, prompted base and every trained one."""
    config, base = project.recipe.evaluation, base_model(project)
    sources = [artifact.manifest.content_hash for artifact in (demonstrations, test, documents)]
    parents = [model_hash(path) for path in (base, *policies.values(), reward_model)] + sources

    def make(directory: Path) -> Mapping[str, Any]:
        answers = collect_answers(
            project.generate, policies, base, demonstrations.rows, test.rows, documents.rows,
            load_reward_model(reward_model), config, project.recipe.seed,
        )  # fmt: skip
        rows = [
            Candidates(id=f"{TEST}{prompt.id}", prompt=prompt, responses=tuple(one.responses[i] for one in answers))
            for i, prompt in enumerate(test.rows)
        ]
        write_artifact(directory / "candidates", rows, "candidates", parents=parents)
        return {"policies": {one.name: [one.kl_to_sft, one.pretraining_loss] for one in answers}}

    key = [dump(config), project.recipe.generation.type, list(policies)]
    done = project.stage("responses", key, parents, make)
    candidates = read_artifact(done.path / "candidates", Candidates)
    answers = [
        Answers(name, tuple(row.responses[place] for row in candidates.rows), *figures)
        for place, (name, figures) in enumerate(done.facts["policies"].items())
    ]
    return answers, candidates


def collect_answers(
    generate: Generate,
    policies: Mapping[str, Path],
    base_path: Path,
    demonstrations: Sequence[Demonstration],
    test: Sequence[Prompt],
    documents: Sequence[Document],
    judge: RewardModel,
    config: EvaluationConfig,
    seed: int,
) -> list[Answers]:
    """Responses of base, prompted base and all trained policies, with KL to SFT and pretraining loss."""
    base, sft = load_policy(base_path), load_policy(policies["sft"])
    examples = choose_examples(generate, base, demonstrations, judge, config, seed)
    formats = {"base": unprompted(base), "base_prompted": prompted(base, examples, config.sampling.max_tokens)}
    answers = []
    for name in (*formats, *policies):
        policy = base if name in formats else load_policy(policies[name])
        render = formats.get(name)
        responses = respond(
            generate, policy, name, test, config.sampling, seed, label=f"{name} responds", render=render
        )
        kl = 0.0 if name == "sft" else kl_to(sft, policy, test, responses, config.sampling.temperature, render)
        shown = [first_turn(r) for r in responses] if name == "base_prompted" else responses
        answers.append(Answers(name, tuple(shown), kl, pretraining_loss(policy, documents, 256)))
    return answers
