"""The stages: each loads what it needs, calls one function, saves what came out."""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from pydantic import BaseModel

from preceptor.errors import UserError
from preceptor.generation.base import Generate
from preceptor.models.load import load_policy, load_reward_model, new_reward_model
from preceptor.models.policy import Policy
from preceptor.models.precision import autocast
from preceptor.models.save import save_policy, save_reward_model
from preceptor.pipeline.project import Done, Project
from preceptor.pipeline.recipe import BUNDLED
from preceptor.records import (
    Artifact,
    Candidates,
    Demonstration,
    Document,
    Prompt,
    Ranking,
    Response,
    Sampling,
    read_artifact,
    write_artifact,
)
from preceptor.runs.lineage import MODEL_FILES, model_hash
from preceptor.runs.progress import Progress
from preceptor.runs.run import Run
from preceptor.runs.seeding import generator, row_seeds
from preceptor.training.reward_model import train_reward_model
from preceptor.training.rl import train_rl
from preceptor.training.rl_config import RLConfig
from preceptor.training.rl_parts import Actors
from preceptor.training.sft import train_sft

BUNDLED_MODEL = Path(__file__).parents[1] / "simulation" / "base_model"
GENERATION_BATCH = 256


def base_model(project: Project) -> Path:
    """Where the base model lies; one named after a repository of the Hugging Face hub is fetched from there.

    Raises:
        UserError: there is neither such a directory nor such a repository.
    """
    named = project.recipe.base_model
    path = BUNDLED_MODEL if named == BUNDLED else Path(named).expanduser()
    if path.is_dir():
        return path
    try:
        return Path(snapshot_download(named, allow_patterns=MODEL_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UserError(
            f"no such model directory, and the hub does not give it: {str(error).splitlines()[0]}",
            file=named,
            field="base_model",
            remedy="give the path of a Hugging Face directory, or a repository's name while online",
        ) from None


def dump(config: BaseModel) -> dict[str, Any]:
    """A config as plain JSON."""
    return config.model_dump(mode="json")


def open_run(project: Project, directory: Path, config: BaseModel, parents: Sequence[str]) -> Run:
    """The run of a stage."""
    return Run(
        directory / "run", seed=project.recipe.seed, config=config, parents=parents, tracker=project.recipe.tracker
    )


def finished(run: Run, facts: Mapping[str, Any], model: Path) -> Mapping[str, Any]:
    """Close a run whose model is saved; a stage killed right after this finds its facts in the run."""
    run.finish({**facts, "hash": model_hash(model)})
    return run.summary


def sft_stage(
    project: Project,
    train: Artifact[Demonstration],
    valid: Artifact[Demonstration],
    documents: Artifact[Document],
    name: str = "sft",
) -> Done:
    """Base model + demonstrations → SFT model."""
    config, base = project.recipe.sft, base_model(project)
    parents = [model_hash(base), *(artifact.manifest.content_hash for artifact in (train, valid, documents))]

    def make(directory: Path) -> Mapping[str, Any]:
        run = open_run(project, directory, config, parents)
        if run.is_finished:
            return run.summary
        policy = load_policy(base)
        for note in policy.chat.notes:
            project.say(f"note: {note}")
        facts = train_sft(config, run, policy, train.rows, valid.rows, pretraining=documents.rows)
        save_policy(policy, directory / "model", run.lineage(name, "sft", facts))
        return finished(run, facts, directory / "model")

    return project.stage(name, dump(config), parents, make)


def candidates_stage(
    project: Project, policies: Mapping[str, Path], prompts: Artifact[Prompt], name: str, prefix: str = ""
) -> Artifact[Candidates]:
    """Sample K responses to each prompt, from each of the policies in turn; ids are the prompts' after `prefix`."""
    recipe = project.recipe
    num = recipe.labels.responses_per_prompt
    parents = [*(model_hash(path) for path in policies.values()), prompts.manifest.content_hash]

    def make(directory: Path) -> Mapping[str, Any]:
        responses: dict[str, list[Response]] = {prompt.id: [] for prompt in prompts.rows}
        for part, (policy_name, path) in enumerate(policies.items()):
            share = num // len(policies) + (part < num % len(policies))
            rows = [prompt for prompt in prompts.rows for _ in range(share)]
            policy = load_policy(path)
            sampled = respond(project.generate, policy, policy_name, rows, recipe.candidates, recipe.seed, label=name)
            for prompt, response in zip(rows, sampled, strict=True):
                place = len(responses[prompt.id])
                responses[prompt.id].append(response.model_copy(update={"id": f"{prompt.id}-{place}"}))
        rows = [
            Candidates(id=f"{prefix}{prompt.id}", prompt=prompt, responses=tuple(responses[prompt.id]))
            for prompt in prompts.rows
        ]
        write_artifact(directory / "candidates", rows, "candidates", parents=parents)
        return {"num_prompts": len(rows), "responses_per_prompt": num}

    key = [dump(recipe.candidates), recipe.generation.type, num, list(policies), prefix]
    done = project.stage(name, key, parents, make)
    return read_artifact(done.path / "candidates", Candidates)


def respond(
    generate: Generate,
    policy: Policy,
    name: str,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    seed: int,
    *,
    label: str | None = None,
    render: Callable[[Prompt], list[int]] | None = None,
) -> list[Response]:
    """One response per prompt; the same seed gives the same text to the same row, whatever its neighbours are."""
    tokens = [render(prompt) if render else policy.chat.prompt(prompt.messages) for prompt in prompts]
    seeds = row_seeds(seed, "respond", name, num=len(tokens))
    with Progress(len(tokens), label or name, is_shown=label is not None) as progress, autocast("auto"):
        sampled = generate(policy, tokens, sampling, seeds, batch_size=GENERATION_BATCH, progress=progress.advance)
    return [
        Response(
            id=name, text=sampling.shown(policy.chat.text_of(one.tokens)), model=name, sampling=sampling,
            tokens=tuple(one.tokens), finished=one.finished,
        )
        for one in sampled
    ]  # fmt: skip


def reward_model_stage(
    project: Project,
    body: Path,
    rankings: Artifact[Ranking],
    demonstrations: Artifact[Demonstration],
    name: str,
    *,
    head: str = "reward-head",
) -> Done:
    """SFT model + rankings → reward model; `head` is the key by which its first weights are drawn."""
    config = project.recipe.reward_model
    parents = [model_hash(body), rankings.manifest.content_hash, demonstrations.manifest.content_hash]

    def make(directory: Path) -> Mapping[str, Any]:
        run = open_run(project, directory, config, parents)
        if run.is_finished:
            return run.summary
        reward_model = new_reward_model(body, generator(project.recipe.seed, head))
        facts = train_reward_model(config, run, reward_model, rankings.rows, demonstrations.rows)
        save_reward_model(reward_model, directory / "model", run.lineage(name, "reward_model", facts))
        return finished(run, facts, directory / "model")

    return project.stage(name, dump(config), parents, make)


def rl_stage(
    project: Project,
    config: RLConfig,
    sft: Path,
    reward_model: Path,
    prompts: Artifact[Prompt],
    documents: Artifact[Document],
    evaluate: Callable[[Policy, int], Mapping[str, float]],
    *,
    name: str,
    kind: str,
    forced: str | None,
) -> Done:
    """SFT model + reward model → better policy."""
    parents = [
        model_hash(sft),
        model_hash(reward_model),
        prompts.manifest.content_hash,
        documents.manifest.content_hash,
    ]

    def make(directory: Path) -> Mapping[str, Any]:
        run = open_run(project, directory, config, parents)
        if run.is_finished:
            return run.summary
        reward = load_reward_model(reward_model)
        reference = None if config.lora.rank else load_policy(sft)
        actors = Actors(load_policy(sft), reference, reward, copy.deepcopy(reward))
        facts = train_rl(
            config, run, actors, prompts.rows, pretraining=documents.rows, evaluate=evaluate, generate=project.generate,
            label=kind,
        )  # fmt: skip
        facts = {**facts, "generation": project.recipe.generation.type}
        save_policy(actors.policy, directory / "model", run.lineage(name, kind, facts, forced))
        return finished(run, {**facts, "forced": forced}, directory / "model")

    return project.stage(name, [dump(config), project.recipe.generation.type, forced], parents, make)
