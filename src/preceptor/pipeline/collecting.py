"""What a project starts from: prompts shared out to the stages, pretraining text, demonstrations."""

from collections import Counter

from preceptor.pipeline.feedback import Feedback
from preceptor.pipeline.fitting import Room, fitting_demonstrations, fitting_prompts
from preceptor.pipeline.human import HumanFeedback
from preceptor.pipeline.imported import Imported
from preceptor.pipeline.project import Project
from preceptor.pipeline.sets import PromptSets, draw_sets
from preceptor.pipeline.stages import base_model
from preceptor.records import Artifact, Demonstration, Document, Prompt


def choose_feedback(project: Project) -> Feedback:
    """The kind of feedback that the recipe asks for; the closed world's prompts are in the project then."""
    recipe = project.recipe
    if recipe.feedback == "human":
        return HumanFeedback(project.data, recipe, project.say)
    # Imported where they are wanted: the closed world takes a moment to build, the labelling room one to load.
    from preceptor.pipeline.asking import ask

    ask(project)
    imported = Imported(project.data, recipe, project.say)
    if recipe.labels.through_server:
        from preceptor.pipeline.served import ServedFeedback

        return ServedFeedback(recipe, imported, project.directory)
    from preceptor.pipeline.simulated import SimulatedFeedback

    return SimulatedFeedback(recipe, imported)


def known_prompts(project: Project, feedback: Feedback) -> tuple[list[Prompt], Counter[str]]:
    """All prompts that fit the model, and the counts of those that had to be shortened or left out, which are said.

    Where they came from they stay.
    """
    found, changed = feedback.prompts(), Counter[str]()
    prompts = fitting_prompts(found, Room.of(project.recipe, str(base_model(project))), changed)
    project.tell_dropped("prompts", changed, len(found))
    return prompts, changed


def collect(project: Project, feedback: Feedback) -> tuple[PromptSets, dict[str, Artifact[Document]]]:
    """All prompts that fit, shared out by user; and pretraining text, a part of it to measure the alignment tax."""
    prompts, changed = known_prompts(project, feedback)
    sets = draw_sets(
        {prompt.id: prompt.split for prompt in prompts},
        lambda ids: (prompt for prompt in prompts if prompt.id in ids),
        project.recipe,
    )
    if changed:
        project.keep("prompts", prompts, "prompts", project.note(feedback.sources(prompts)), changed)
    texts = feedback.documents()
    parents = project.note(feedback.sources(texts))
    cut = len(texts) - len(texts) // 11
    documents = {
        "train": project.keep("documents", texts[:cut], "documents", parents),
        "held_out": project.keep("documents-held-out", texts[cut:], "documents", parents),
    }
    return sets, documents


def demonstrations(
    project: Project, feedback: Feedback, sets: PromptSets
) -> tuple[Artifact[Demonstration], Artifact[Demonstration]]:
    """What labelers wrote, train and valid apart by user."""
    prompts = project.keep("prompts-sft", sets.sft, "prompts", project.note(feedback.sources(sets.sft)))
    written = feedback.demonstrations(sets.sft, project.directory / "todo" / "demonstrations")
    rows, dropped = fitting_demonstrations(written, Room.of(project.recipe, str(base_model(project))))
    parents = [prompts.manifest.content_hash, *project.note(feedback.sources(rows))]
    train = [row for row in rows if row.prompt.split == "train"]
    valid = [row for row in rows if row.prompt.split == "valid"]
    if num_test := len(rows) - len(train) - len(valid):
        dropped["demonstration for a prompt of the test split"] = num_test
    project.tell_dropped("demonstrations", dropped, len(written))
    return (
        project.keep("demonstrations", train, "demonstrations", parents, dropped),
        project.keep("demonstrations-valid", valid, "demonstrations", parents),
    )
