"""What the figures about the prompts say in plain words, and what of it looks wrong."""

from dataclasses import dataclass
from itertools import chain

import numpy as np

from preceptor.reporting.prompt_data import PromptFacts
from preceptor.reporting.words import listed, percent, share_of

FEW_ENOUGH = 10
"""In a smaller part one user may well have half of it."""
MUCH_DROPPED = 0.5
FAR_BELOW = 0.5
ONE_USER = 0.5
NAMELESS = 0.5
OTHER_LANGUAGES = 0.3
MUCH_PRIVATE = 0.2
TOO_LONG = 0.05
"""Shares from which on something looks wrong. They are ours, and only decide what is said louder."""

NO_LANGUAGE = ("und", "zxx")


@dataclass(frozen=True)
class Finding:
    """A sentence for people."""

    text: str
    is_warning: bool = False


def findings(facts: PromptFacts) -> dict[str, list[Finding]]:
    """Section → what there is to say of it, the main thing first."""
    return {
        "steps": _steps(facts),
        "sizes": [*_sizes(facts), *_users(facts)],
        "use-cases": _use_cases(facts),
        "unsafe": _unsafe(facts),
        "lengths": _lengths(facts),
        "languages": _languages(facts),
        "private": _private(facts),
    }


def headline(facts: PromptFacts) -> str:
    """The page in one sentence."""
    num_sets = len(facts.sizes())
    return f"{facts.num_prompts:,} prompts in {num_sets} sets, out of {facts.num_raw:,} raw ones."


def _steps(facts: PromptFacts) -> list[Finding]:
    copies = sum(step.num_dropped for step in facts.steps if step.finds_duplicates)
    others = sum(step.num_dropped for step in facts.steps) - copies
    text = f"{share_of(copies, facts.num_raw)} of what came in was a duplicate ({copies:,} prompts)"
    if others:
        text += f"; for other reasons {others:,} were left out"
    said = [Finding(f"{text}. {facts.num_raw - copies - others:,} are left.")]
    for step in facts.steps:
        if step.num_read and step.num_dropped > MUCH_DROPPED * step.num_read:
            share = share_of(step.num_dropped, step.num_read)
            said.append(
                Finding(
                    f"The step ‘{step.name}’ left out {share} of what it read: look at "
                    "‘prompts-dropped’ to see whether it should.",
                    is_warning=True,
                )
            )
    return said


def _sizes(facts: PromptFacts) -> list[Finding]:
    sizes = facts.sizes()
    said = [Finding(f"The sets hold {listed([f'{num:,} prompts ({name})' for name, num in sizes.items()])}.")]
    small = {name: num for name, num in sizes.items() if num < FAR_BELOW * facts.wanted.get(name, 0)}
    if small:
        sets = listed([f"{name} has {num:,} of {facts.wanted[name]:,}" for name, num in small.items()])
        said.append(
            Finding(
                f"Far fewer prompts than the recipe asks for: {sets}. With more prompts each set grows; with "
                "smaller numbers in the recipe the sets keep their proportions.",
                is_warning=True,
            )
        )
    return said


def _users(facts: PromptFacts) -> list[Finding]:
    said = []
    nameless = facts.num_prompts - sum(facts.per_user)
    if facts.per_user:
        mean, most = sum(facts.per_user) / len(facts.per_user), facts.per_user[0]
        said.append(
            Finding(
                f"They are of {len(facts.per_user):,} users with {mean:.1f} prompts each on average; "
                f"the most that one user has is {most:,}."
            )
        )
    if facts.num_prompts and nameless >= NAMELESS * facts.num_prompts:
        share = share_of(nameless, facts.num_prompts)
        said.append(
            Finding(
                f"{share} of the prompts name no user: nothing limits what one person has in them, and "
                "one person may be in two splits.",
                is_warning=True,
            )
        )
    for part in facts.parts:
        if part.per_user and part.num_prompts >= FEW_ENOUGH and part.per_user[0] >= ONE_USER * part.num_prompts:
            share = share_of(part.per_user[0], part.num_prompts)
            said.append(
                Finding(
                    f"One user wrote {share} of {part.name}: it says what that person asks, not what "
                    "people ask. A lower ‘max_per_user’ helps.",
                    is_warning=True,
                )
            )
    return said


def _use_cases(facts: PromptFacts) -> list[Finding]:
    given, predicted = facts.use_cases()
    num_given, num_predicted = given.total(), predicted.total()
    if not num_given:
        said = [Finding("Nobody said the use case of any prompt.")]
    else:
        name, num = min(given.items(), key=lambda one: (-one[1], one[0]))
        said = [
            Finding(
                f"Somebody said the use case of {share_of(num_given, facts.num_prompts)} of the prompts; most "
                f"often it is {_plain(name)} ({share_of(num, num_given)} of these)."
            )
        ]
    if facts.num_labeled_by_simulated:
        said.append(Finding(f"{facts.num_labeled_by_simulated:,} prompts were labeled by simulated labelers."))
    if num_predicted:
        share = share_of(num_predicted, facts.num_prompts)
        said.append(Finding(f"For {share} a classifier predicted the use case; these are counted apart."))
    return said


def _unsafe(facts: PromptFacts) -> list[Finding]:
    num = sum(part.num_unsafe for part in facts.parts)
    if not num and facts.screened_by is None:
        return [
            Finding(
                "Nothing looked for unsafe content: ‘prompts.build.unsafe’ names no scorer, or there are too few "
                "labels for one to learn from."
            )
        ]
    by = "Labelers" if facts.screened_by is None else f"‘{facts.screened_by}’"
    if not num:
        return [Finding(f"{by} flagged no prompt in the sets as unsafe.")]
    share = share_of(num, facts.num_prompts)
    text = f"{by} flagged {num:,} prompts in the sets ({share}) as unsafe; they stay in the data, and only "
    return [Finding(text + "labelers who agreed to such content get them.")]


def _lengths(facts: PromptFacts) -> list[Finding]:
    lengths = list(chain.from_iterable(part.lengths for part in facts.parts))
    if not lengths:
        return []
    middle = int(np.percentile(lengths, 50, method="lower"))
    said = [Finding(f"Half of the prompts have {middle:,} {facts.unit} or fewer; the longest has {max(lengths):,}.")]
    long = sum(length > facts.max_tokens for length in lengths)
    if long and facts.unit == "tokens":
        said.append(
            Finding(
                f"{long:,} ({percent(long / len(lengths))}) are longer than the {facts.max_tokens:,} "
                "tokens of ‘prompts.max_tokens’: training leaves them out, or shortens them at an example.",
                is_warning=long > TOO_LONG * len(lengths),
            )
        )
    return said


def _languages(facts: PromptFacts) -> list[Finding]:
    spoken = {code: num for code, num in facts.languages.items() if code not in NO_LANGUAGE}
    total = sum(spoken.values())
    if not total:
        return [Finding("No prompt is in a language that is known.")]
    main = min(spoken, key=lambda code: (-spoken[code], code))
    said = [
        Finding(
            f"{percent(spoken[main] / total)} of the prompts that have words are in ‘{main}’; there are "
            f"{len(spoken)} languages."
        )
    ]
    kept = facts.languages_kept or (main,)
    names = listed([f"‘{code}’" for code in kept])
    others = total - sum(num for code, num in spoken.items() if code in kept)
    if others >= OTHER_LANGUAGES * total:
        fate = "were left out, as the recipe says" if facts.languages_kept else "are in the data"
        advice = "" if facts.languages_kept else " If you expected one language, name it in ‘prompts.build.languages’."
        said.append(
            Finding(
                f"{share_of(others, total)} are in other languages than {names}, and {fate}.{advice}", is_warning=True
            )
        )
    return said


def _private(facts: PromptFacts) -> list[Finding]:
    found = [one for one in facts.private if one.num_found]
    if not found:
        return [Finding(f"No personal data was found in {facts.num_messages:,} messages of the train split.")]
    most = max(found, key=lambda one: one.num_found)
    share = facts.num_with_private / facts.num_messages
    said = [
        Finding(
            f"Personal data was found in {percent(share)} of {facts.num_messages:,} messages of the train "
            f"split; most often the kind {_plain(most.kind)} ({most.num_found:,} times)."
        )
    ]
    if share >= MUCH_PRIVATE:
        said.append(
            Finding(
                "That is much for prompts: look at the examples, and at where these rows come from.", is_warning=True
            )
        )
    if kept := [one for one in found if one.action == "keep"]:
        kinds = listed([f"{_plain(one.kind)} ({one.num_found:,})" for one in kept])
        said.append(Finding(f"By the recipe it stays in the data: {kinds}.", is_warning=True))
    return said


def _plain(name: str) -> str:
    return name.replace("_", " ")
