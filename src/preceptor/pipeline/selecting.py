"""The next round of labels: which prompts get them, and which two responses to each; the choice is written down."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any, Literal

from preceptor.errors import UserError
from preceptor.pipeline.collecting import choose_feedback, known_prompts
from preceptor.pipeline.ensemble import disputed_pairs, ensemble
from preceptor.pipeline.feedback import Feedback
from preceptor.pipeline.project import Project
from preceptor.pipeline.sets import share_out
from preceptor.pipeline.single import known_demonstrations, known_rankings, latest, prepare
from preceptor.pipeline.stages import candidates_stage
from preceptor.prompts.selecting import Pair, by_coverage, by_random, by_uncertainty, use_case_of
from preceptor.records import USE_CASES, Candidates, Prompt, Response, read_artifact, write_artifact
from preceptor.runs.lineage import model_hash

By = Literal["uncertainty", "coverage", "random"]

LOOKED_AT = 10
"""Prompts that `uncertainty` looks at for each that it chooses: to sample and to score responses takes time."""
SPARE = 0.1
"""Share of prompts that the others look at beyond what they choose, for some get the same response each time."""


@dataclass(frozen=True)
class Pool:
    """What there is to choose from."""

    prompts: list[Prompt]
    left_out: dict[str, int]
    """Why the others are not among them → how many."""
    labeled: Counter[str]
    """Use case → prompts whose responses the training group has ranked so far."""
    parents: list[str]
    """Content hashes of where these rankings lie."""


@dataclass(frozen=True)
class Choice:
    """Two responses to each prompt that is chosen, what the choice was made from, and what there is to say of it."""

    rows: list[Candidates]
    parents: list[str]
    facts: dict[str, Any]


def select_pairs(project: Project, by: By, num: int, num_members: int) -> list[str]:
    """Choose `num` prompts with two responses of the SFT model to each, for labelers to rank; what there is to say.

    The choice is the artifact `artifacts/selected-N`, with what it was made by in its notes, and a copy in `todo/`.
    What labelers get is of one kind whatever it is chosen by, so that `random` is a control of the other two.

    Raises:
        UserError: there is no SFT model, it gives one response only, there is nothing to choose from; or, for
            `uncertainty`, there are no rankings.
    """
    prepare(project)
    sft, feedback = latest(project, "sft"), choose_feedback(project)
    before = earlier(project)
    name = f"selected-{max(before, default=0) + 1}"
    pool = pool_of(project, feedback, list(chain.from_iterable(before.values())))
    looked_at = _look_at(pool, by, num, project.recipe.seed)
    kept = project.keep(f"{name}-from", looked_at, "prompts", project.note(feedback.sources(looked_at)))
    sampled = candidates_stage(project, {"sft": sft}, kept, f"candidates-{name}", f"{name}-")
    usable = [row for row in map(distinct, sampled.rows) if len(row.responses) > 1]
    if not usable:
        raise UserError(
            "the SFT model gives the same response each time: there is nothing to rank",
            field="candidates.temperature",
            remedy="sample at a higher temperature, or train SFT for fewer epochs",
        )
    if by == "uncertainty":
        choice = _most_disputed(project, usable, num, ensemble(project, sft, num_members))
    else:
        parents = pool.parents if by == "coverage" else []
        choice = Choice([_of_pair(row, Pair(0, 1, 0.0)) for row in usable[:num]], [*parents], {})
    facts = {
        "by": by, "seed": project.recipe.seed, "num": num, "labels": feedback.origin,
        "labeled": _in_order(pool.labeled), "chosen": _in_order(use_case_of(row.prompt) for row in choice.rows),
        **choice.facts,
    }  # fmt: skip
    dropped = {
        **pool.left_out, "not looked at": len(pool.prompts) - len(looked_at),
        "the same response each time": len(looked_at) - len(usable), "not chosen": len(usable) - len(choice.rows),
    }  # fmt: skip
    choice.parents.append(sampled.manifest.content_hash)
    return _write_down(project, name, choice, facts, {reason: count for reason, count in dropped.items() if count})


def _write_down(
    project: Project, name: str, choice: Choice, facts: Mapping[str, Any], dropped: Mapping[str, int]
) -> list[str]:  # fmt: skip
    # The work first: when this is killed between the two, it makes the same choice under the same name again.
    todo = project.directory / "todo" / f"rankings-{name}"
    notes = {"selection": dict(facts)}
    write_artifact(todo, choice.rows, "candidates", parents=choice.parents, notes=notes)
    project.keep(name, choice.rows, "candidates", choice.parents, dropped, notes)
    simulated = "" if facts["labels"] == "human" else f" ({facts['labels']} labels)"
    lines = [f"artifacts/{name}: {len(choice.rows):,} pairs by {facts['by']}{simulated}, seed {facts['seed']}"]
    lines += [f"  left out {count:,}: {reason}" for reason, count in dropped.items()]
    if len(choice.rows) < facts["num"]:
        lines.append(f"  {facts['num']:,} were asked for, and no more were found")
    if "disagreement" in facts:
        lines.append(_disagreement(facts))
    lines += [
        f"  {case}: {facts['chosen'].get(case, 0):,} chosen, {facts['labeled'].get(case, 0):,} labeled before"
        for case in {**facts["labeled"], **facts["chosen"]}
    ]
    return [*lines, f"{todo} holds the work: `preceptor label` serves it"]


def _disagreement(facts: Mapping[str, Any]) -> str:
    chosen, usual = facts["disagreement"].values(), facts["median_disagreement"]
    if not any(chosen):
        return f"  the {facts['members']} members of the ensemble agree on everything: this choice is one at random"
    return (
        f"  disagreement of {facts['members']} reward models: {min(chosen):.3f} to {max(chosen):.3f}, "
        f"{usual:.3f} in the middle of all that were looked at"
    )


def pool_of(project: Project, feedback: Feedback, before: Sequence[Candidates]) -> Pool:
    """Prompts of the train split that are in no set, that nobody has labeled, and that were not chosen before.

    Raises:
        UserError: there are none.
    """
    recipe = project.recipe
    prompts, _ = known_prompts(project, feedback)
    sets = share_out({row.id: row.split for row in prompts}, recipe.prompts, recipe.seed, recipe.rounds)
    rankings, parents_of = known_rankings(project)
    taken = {
        "not in the train split": {row.id for row in prompts if row.split != "train"},
        "in a set already": {one for ids in sets.values() for one in ids},
        "labeled already": {row.prompt.id for row in (*rankings, *known_demonstrations(project).rows)},
        "chosen before": {row.prompt.id for row in before},
    }
    left, left_out = prompts, {}
    for reason, ids in taken.items():
        staying = [row for row in left if row.id not in ids]
        left, left_out[reason] = staying, len(left) - len(staying)
    if not left:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items() if count)
        raise UserError(
            f"none of {len(prompts):,} prompts is left to choose from: {reasons}",
            field="prompts",
            remedy="add prompts, or ask for smaller sets in the recipe",
        )
    known = {row.id: row for row in prompts}  # what is said of a prompt may be newer than its ranking
    trained = [row for row in rankings if row.labeler.group == "training"]
    cases = [use_case_of(known.get(one, row)) for one, row in {row.prompt.id: row.prompt for row in trained}.items()]
    return Pool(left, left_out, Counter(case for case in cases if case is not None), parents_of(trained))


def earlier(project: Project) -> dict[int, tuple[Candidates, ...]]:
    """What was chosen before, by its number."""
    paths = (project.directory / "artifacts").glob("selected-*[0-9]")
    return {int(path.name.removeprefix("selected-")): read_artifact(path, Candidates).rows for path in paths}


def distinct(row: Candidates) -> Candidates:
    """Candidates without the responses that say the same as an earlier one."""
    first: dict[str, Response] = {}
    for response in row.responses:
        first.setdefault(response.text, response)
    return row.model_copy(update={"responses": tuple(first.values())})


def _look_at(pool: Pool, by: By, num: int, seed: int) -> list[Prompt]:
    """Prompts that responses are sampled to, in the order in which they are taken."""
    more = LOOKED_AT * num if by == "uncertainty" else num + max(1, round(SPARE * num))
    if by == "coverage":
        return by_coverage(pool.prompts, pool.labeled, more, seed)
    return by_random(pool.prompts, more, seed)


def _most_disputed(project: Project, rows: Sequence[Candidates], num: int, members: Sequence[Path]) -> Choice:
    pairs = disputed_pairs(rows, members)
    disagreement = {key: pair.disagreement for key, pair in pairs.items()}
    by_id = {row.prompt.id: row for row in rows}
    prompts = by_uncertainty([row.prompt for row in rows], disagreement, num, project.recipe.seed)
    chosen = [_of_pair(by_id[prompt.id], pairs[prompt.id]) for prompt in prompts]
    facts = {
        "members": len(members),
        "disagreement": {row.id: disagreement[row.prompt.id] for row in chosen},
        "median_disagreement": median(disagreement.values()),
    }
    return Choice(chosen, [model_hash(path) for path in members], facts)


def _of_pair(row: Candidates, pair: Pair) -> Candidates:
    return row.model_copy(update={"responses": (row.responses[pair.left], row.responses[pair.right])})


def _in_order(cases: Iterable[str | None]) -> dict[str, int]:
    """How many of each use case, in the order of Table 1; 'unknown' for None."""
    counts = Counter(cases)
    return {name or "unknown": counts[name] for name in (*USE_CASES, None) if counts[name]}
