"""The naming law of docs/glossary.md: one word per thing, in every name that we give and every docstring that we write.

Names are those that our code defines (functions, classes, parameters, variables, fields), not those of libraries that
it calls. In docstrings, what stands between backticks or quotation marks is a quotation and is not read.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "preceptor"

FORBIDDEN = {
    "query": "prompt", "queries": "prompts", "completion": "response", "completions": "responses",
    "output": "response", "outputs": "responses", "answer": "response", "answers": "responses",
    "actor": "policy", "ref_model": "reference", "ref_policy": "reference", "rm": "reward_model",
    "critic": "value model", "annotator": "labeler", "annotators": "labelers", "annotation": "label",
    "annotations": "labels", "trajectory": "rollout", "trajectories": "rollouts", "experience": "rollout",
    "buffer": "rollout", "logp": "logprobs", "logps": "logprobs", "lp": "logprobs", "padding_mask": "mask",
    "pad_mask": "mask", "freq": "every", "n": "num",
}  # fmt: skip
"""Word → what we say instead. `n` is forbidden as the first part of a name: `n_steps`."""

ONLY_IN_NAMES = {"output", "outputs", "answer", "answers", "actor", "buffer", "experience", "n", "lp", "rm"}
"""Common words of English (a person answers a question) and abbreviations: forbidden as names, free in prose."""

ALLOWED = {
    ("answer", "pipeline"): "`Answers` is no single response: all that one policy said to the test prompts, with what "
    "is measured on it",
    (
        "answer",
        "labeling",
    ): "what a labeler submits to an item of any kind: a ranking, a dialogue, …",
    ("answer", "store"): "the table of what labelers submit, as in labeling",
    ("annotation", "store"): "SQLAlchemy's own word for the types of columns",
    ("answer", "simulation"): "the world of `simulation/` has questions, and `World.answer` writes what is said to one",
    ("actor", "models/save.py"): "one of the four actors, whichever is being saved: a policy or a reward model",
    ("actor", "models/card.py"): "as in models/save.py",
    ("annotation", "config.py"): "Python's own word for the type of a field",
    ("output", "simulation/base_model.py"): "the folder that a new model is written to",
    ("completion", "importers/formats/trl.py"): "that library's own name for a field and for a format of its data",
    ("buffer", "generation/cache.py"): "memory that is set aside, not a store of rollouts",
    ("buffer", "reporting/drawing.py"): "a file in memory",
}
"""(word, file or folder) → why it stands there nevertheless. The plural goes with the singular."""


def defined_names(tree: ast.AST) -> Iterator[str]:
    """Every name that a file gives to something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname


def parts_of(name: str) -> list[str]:
    """`RewardModel`, `reward_model` → reward, model."""
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


@cache
def words_in_name(name: str) -> frozenset[str]:
    """Forbidden words that a name is made of."""
    parts = parts_of(name)
    joined = f"_{'_'.join(parts)}_"
    found = {word for word in FORBIDDEN if word != "n" and f"_{word}_" in joined}
    return frozenset(found | ({"n"} if name.startswith("n_") else set()))


def docstrings(tree: ast.AST) -> Iterator[str]:
    """Docstrings of modules, classes, functions and fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def words_in_prose(text: str) -> set[str]:
    """Forbidden words of a docstring, quotations left out."""
    plain = re.sub(r"```.*?```|`[^`]*`|\"[^\"]*\"|'[^'\n]*'", " ", text, flags=re.DOTALL)
    return set(re.findall(r"[a-z_]+", plain.lower())) & (set(FORBIDDEN) - ONLY_IN_NAMES)


def offences(source: str) -> list[tuple[str, str]]:
    """(word, where) of everything in a file that breaks the law."""
    tree = ast.parse(source)
    found = [(word, name) for name in defined_names(tree) for word in sorted(words_in_name(name))]
    return found + [(word, text.splitlines()[0]) for text in docstrings(tree) for word in sorted(words_in_prose(text))]


def allowance(word: str, path: str) -> tuple[str, str] | None:
    """The entry of `ALLOWED` that covers a word in a file."""
    for known, place in ALLOWED:
        if word in (known, f"{known}s") and (path == place or path.startswith(f"{place}/")):
            return known, place
    return None


@cache
def all_offences() -> list[tuple[str, str, str]]:
    """(file, word, where) over the whole package, file names included."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        found += [(name, word, place) for word, place in offences(path.read_text(encoding="utf-8"))]
        found += [(name, word, "the file's name") for word in sorted(words_in_name(path.stem))]
    return found


def test_names_and_docstrings_say_the_words_of_the_glossary() -> None:
    broken = [
        f"{path}: '{word}' in '{place}': say {FORBIDDEN[word]}"
        for path, word, place in all_offences()
        if allowance(word, path) is None
    ]
    assert not broken, "\n".join(broken)


def test_every_exception_is_needed_and_explained() -> None:
    used = {allowance(word, path) for path, word, _ in all_offences()}
    assert set(ALLOWED) - used == set(), "no longer needed"
    assert all(len(reason) > 10 for reason in ALLOWED.values())


@pytest.mark.parametrize("word", sorted(set(FORBIDDEN) - {"n"}))
def test_each_forbidden_word_would_be_noticed(word: str) -> None:
    camel = "".join(part.capitalize() for part in word.split("_"))
    for source in (f"def new_{word}(): pass", f"{word}_B = 1", f"class {camel}: pass", f"def f(*, {word}): pass"):
        assert word in {found for found, _ in offences(source)}, source
    in_prose = bool(offences(f'def f():\n    """Give the {word} back."""'))
    assert in_prose == (word not in ONLY_IN_NAMES)
    assert not offences(f'def f():\n    """The field `{word}` of their format."""\n    return row["{word}"]')


def test_counts_begin_with_num() -> None:
    assert offences("n_steps = 1") == [("n", "n_steps")]
    assert not offences("n = 1\nnum_n = 2")


def test_the_glossary_names_what_is_forbidden() -> None:
    rows = [line.split("|")[1:-1] for line in (ROOT / "docs" / "glossary.md").read_text().splitlines() if "|" in line]
    never = {word.strip().rstrip("_") for row in rows for word in row[2].split(",")} - {"not", "---", ""}
    plural = {"queries": "query", "trajectories": "trajectory"}
    known = {plural.get(word, word) for word in FORBIDDEN}
    singular = {word.removesuffix("s") if word.removesuffix("s") in FORBIDDEN else word for word in known}
    assert never <= singular
    assert singular - never <= {"ref_policy", "pad_mask"}, "variants of ref_model and padding_mask"
