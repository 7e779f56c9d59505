"""Writes what is made from the code: `config.md`, `records.md`, the tables of `simulation.md` and `performance.md`.

Run by `make docs`.
"""

import inspect
import json
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from benchmarks.speed import results as speed
from benchmarks.speed.picture import picture
from benchmarks.speed.rows import differences
from benchmarks.speed.table import TABLES as SPEED_TABLES
from benchmarks.speed.table import limits_line, lines
from preceptor.config import BaseConfig
from preceptor.evals import EVALUATIONS, AccuracyConfig
from preceptor.importers import SplitConfig
from preceptor.importers.base import ImportConfig, formats
from preceptor.labeling.screening import Cutoffs
from preceptor.labeling.tasks.base import StageSettings, kinds
from preceptor.pipeline.recipe import Recipe
from preceptor.records import KINDS, Labeler, Manifest, Message, Response, ResponseToxicity, Sampling, Turn
from preceptor.records.withdrawn import Tombstone, Tombstones
from preceptor.runs.lineage import Lineage
from preceptor.simulation import base_model, corpus, judge
from preceptor.simulation.answers import GENERAL_FLAWS, PARTICULAR_FLAWS
from preceptor.simulation.knowledge import TABLES
from preceptor.simulation.labeler_agreement import TARGET_AGREEMENT
from preceptor.simulation.requests import TASKS, USE_CASE_SHARES

DOCS = Path(__file__).parent

CONFIG_HEAD = """\
# Configuration

<!-- Made by `make docs` from the docstrings of the code; edit those, not this page. -->

Defaults, then the recipe (`recipe.yaml` of the project folder), then `--set`: the later one wins.

```
preceptor run --set rl.ppo.kl.coef=0.1 --set seed=1
```

An unknown key is an error that names the nearest known one, with file and line. There are no aliases: a field has one
name. Three recipes are shipped: `laptop` (the default of `preceptor init`), `quickstart` and `instructgpt`.
"""

RECIPE_HEAD = """\
## The recipe

Field names are dotted paths as `--set` takes them; in YAML each dot is one level. `NAME` is a name that you choose.
"""

IMPORT_HEAD = """\
## Options of `preceptor import`

Given as `--option KEY=VALUE`, repeatable: `--option labeler_group=held_out --option split.test=0.2`. The formats
themselves, with an example of each, are in `formats.md`.
"""

EVALUATION_HEAD = """\
## Evaluations

Settings of the evaluations when they are called from Python (`preceptor.evals`). The pipeline uses their defaults; what
it lets you choose is under `evaluation` above.
"""

LABELING_HEAD = """\
## Stages of the labelling room

Settings of a stage, for each kind of task: what an admin may set on the stage's page and over the API.
"""

PRETRAIN_HEAD = """\
## Pre-training the bundled model

Fields for `preceptor pretrain DIR --set KEY=VALUE`; see `simulation.md`.
"""

RECORDS_HEAD = """\
# Records

<!-- Made by `make docs` from the docstrings of the code; edit those, not this page. -->

Records are immutable and typed; each is one line of JSON. An artifact is a folder of records of one kind: `rows.jsonl`
with the rows, `manifest.json` with what they are and where they came from. Reading an artifact checks its content hash.
A model directory carries a `lineage.json` beside its weights.

How to bring records of your own is in `formats.md`: fields with a default may be left out there.
"""

RECORDS_AFTER = (Message, Turn, Response, ResponseToxicity, Sampling, Labeler, Manifest, Lineage, Tombstones, Tombstone)
"""Described below the kinds that artifacts hold."""


def main() -> None:
    """Write every generated page."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
    if results := speed.read():
        (DOCS / "performance.svg").write_text(picture(results), encoding="utf-8")


def pages() -> dict[str, str]:
    """File name → text of every generated page."""
    return {
        "config.md": config_page(),
        "records.md": records_page(),
        "simulation.md": filled("simulation.md", WORLD),
        "performance.md": filled("performance.md", SPEED),
    }


def config_page() -> str:
    """Every field of the recipe, the importers, the evaluations, the labelling room and pre-training."""
    parts = [CONFIG_HEAD, RECIPE_HEAD, *sections("", Recipe, Recipe(), flat(Recipe.__doc__), "Top level")]
    parts += [IMPORT_HEAD, section("All formats", flat(ImportConfig.__doc__), table(ImportConfig, ImportConfig(), ""))]
    for name, format in sorted(formats().items()):
        own = [field for field in format.Config.model_fields if field not in ImportConfig.model_fields]
        if own:
            about = flat(format.Config.__doc__)
            parts.append(section(f"Format `{name}`", about, table(format.Config, format.Config(), "", only=own)))
    parts.append(section("`split.`", flat(SplitConfig.__doc__), table(SplitConfig, SplitConfig(), "split.")))
    parts.append(EVALUATION_HEAD)
    for name, evaluation in sorted(EVALUATIONS.items()):
        config = evaluation.Config
        parts.append(section(f"`{name}`", flat(config.__doc__), table(config, config(), "")))
    parts.append(
        section("`reward_accuracy`", flat(AccuracyConfig.__doc__), table(AccuracyConfig, AccuracyConfig(), ""))
    )
    parts += [
        LABELING_HEAD,
        section("All kinds", flat(StageSettings.__doc__), table(StageSettings, StageSettings(), "")),
    ]
    for name, task in sorted(kinds().items()):
        own = [field for field in task.Settings.model_fields if field not in StageSettings.model_fields]
        if own:
            about = flat(task.Settings.__doc__)
            parts.append(section(f"Kind `{name}`", about, table(task.Settings, task.Settings(), "", only=own)))
    parts.append(section("Screening", flat(Cutoffs.__doc__), table(Cutoffs, Cutoffs(), "")))
    pretraining = pretraining_config()
    parts += [PRETRAIN_HEAD, f"{flat(pretraining.__doc__)}\n\n{table(pretraining, pretraining(), '')}\n"]
    return "\n".join(parts)


def records_page() -> str:
    """Every field of every record."""
    parts = [RECORDS_HEAD]
    for kind, record in KINDS.items():
        title = f"{record.__name__}\n\nRows of an artifact of kind `{kind}`."
        parts.append(section(title, flat(record.__doc__), table(record, None, ""), level=2))
    for record in RECORDS_AFTER:
        parts.append(section(record.__name__, flat(record.__doc__), table(record, None, ""), level=2))
    return "\n".join(parts)


def filled(page: str, blocks: Mapping[str, Callable[[], str]]) -> str:
    """A page as it is written, with its tables made anew."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for name, made in blocks.items():
        block = f"<!-- made: {name} -->\n\n{made()}\n\n<!-- /made -->"
        text, count = re.subn(rf"<!-- made: {name} -->.*?<!-- /made -->", lambda _, b=block: b, text, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"{page} needs one place for '{name}', it has {count}")
    return text


def lines_of(head: str, rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    rule = "|" + "---|" * len(head.split(","))
    return "\n".join(["| " + head.replace(",", " |") + " |", rule, *("| " + " | ".join(row) + " |" for row in rows)])


def entities_table() -> str:
    """What the world knows about."""
    rows = []
    for kind, (attributes, text) in TABLES.items():
        lines = text.strip().splitlines()
        misbelieved = sum(cell.count("/") for line in lines for cell in line.split("|"))
        rows.append((kind, str(len(lines)), ", ".join(attributes), str(misbelieved)))
    return lines_of("kind, entities, what is known of each, misconceptions", rows)


def use_cases_table() -> str:
    """Use cases with their shares and tasks."""
    tasks = {
        use_case: [name for name, task in TASKS.items() if task.use_case == use_case] for use_case in USE_CASE_SHARES
    }
    rows = [(f"`{use_case}`", f"{share} %", ", ".join(tasks[use_case])) for use_case, share in USE_CASE_SHARES.items()]
    return lines_of("use case, share, tasks", rows)


def flaws_table() -> str:
    """Flaws by kind."""
    named = {"general": GENERAL_FLAWS, "particular": PARTICULAR_FLAWS}
    return lines_of("kind, flaws", [(kind, ", ".join(f"`{flaw}`" for flaw in flaws)) for kind, flaws in named.items()])


def utility_formula() -> str:
    """The formula as the judge states it, with its weights."""
    formula, _, where = (inspect.getdoc(judge.utility) or "").partition("\n\n")
    weights = [(name, str(weight), "share") for name, weight in judge.WEIGHTS.items()]
    penalties = [(name, f"−{penalty}", "penalty") for name, penalty in judge.PENALTIES.items()]
    table = lines_of("part, weight, what", weights + penalties)
    return f"```\n{formula}\n```\n\n{' '.join(where.split())}\n\n{table}"


def agreement_table() -> str:
    """The agreement that each group is calibrated to."""
    rows = [(group.replace("_", "-"), f"{100 * target:.1f} %") for group, target in TARGET_AGREEMENT.items()]
    return lines_of("group, target", rows)


def pages_table() -> str:
    """Kinds of page of the corpus."""
    rows = []
    for name, (share, writer) in corpus.SOURCES.items():
        rows.append((name.replace("_", " "), f"{100 * share:.0f} %", (writer.__doc__ or "").splitlines()[0]))
    return lines_of("kind of page, share, what", rows)


WORLD: dict[str, Callable[[], str]] = {
    "entities": entities_table, "use_cases": use_cases_table, "flaws": flaws_table, "utility": utility_formula,
    "agreement": agreement_table, "pages": pages_table,
}  # fmt: skip
"""Place in simulation.md → what stands there."""


def speed_table(kind: str) -> str:
    """One table of `benchmarks/results/speed.json`."""
    head, _ = SPEED_TABLES[kind]
    return lines_of(", ".join(head), lines(speed.read(), kind))


def speed_origin() -> str:
    """What the figures of the benchmark depend on."""
    if not (results := speed.read()):
        return "Nothing is measured yet."
    hardware = results["hardware"]
    flags = ", ".join(hardware["flags"])
    return (
        f"{hardware['cpu']} ({hardware['family']}; {flags}), {results['num_threads']} threads, "
        f"{hardware['memory_gib']} GiB, {', '.join(f'{name} {one}' for name, one in results['versions'].items())}. "
        f"Peers: {', '.join(results['peers'])}. {limits_line(results['limits'])}"
    )


def speed_differences() -> str:
    """What is not equal on both sides."""
    return lines_of("what differs, rows", ((what, ", ".join(names)) for what, names in differences().items()))


def speed_picture() -> str:
    """The picture that `main` draws."""
    return "![Where the time of a step goes](performance.svg)" if speed.read() else "Nothing is measured yet."


SPEED: dict[str, Callable[[], str]] = {
    "origin": speed_origin, "differences": speed_differences, "picture": speed_picture,
    **{kind: partial(speed_table, kind) for kind in SPEED_TABLES},
}  # fmt: skip
"""Place in performance.md → what stands there."""


def pretraining_config() -> type[BaseConfig]:
    """The settings of pre-training: the one config that its module owns."""
    (found,) = [
        member
        for member in vars(base_model).values()
        if inspect.isclass(member) and issubclass(member, BaseConfig) and member.__module__ == base_model.__name__
    ]
    return found


def sections(path: str, model: type[BaseModel], value: BaseModel, about: str, title: str = "") -> Iterator[str]:
    """A section for a node of the config tree, then one for each node below it."""
    yield section(title or f"`{path}`", about, table(model, value, f"{path}." if path else ""))
    for name, field in model.model_fields.items():
        place = f"{path}.{name}" if path else name
        below = models_in(field.annotation)
        inner = getattr(value, name)
        if isinstance(inner, Mapping):
            place, inner = f"{place}.NAME", next(iter(inner.values()))
        for child in below:
            if len(below) == 1:
                yield from sections(place, child, inner, flat(field.description))
            else:  # a union has one section for each of its members, with that member's own defaults
                named = f"`{place}` with `type: {child.model_fields['type'].default}`"
                yield from sections(place, child, child(), f"{flat(field.description)} {flat(child.__doc__)}", named)


def section(title: str, about: str, rows: str, level: int = 3) -> str:
    """A heading, a sentence and a table."""
    heading, _, more = title.partition("\n\n")
    paragraphs = [f"{'#' * level} {heading}", *([more] if more else []), about, *([rows] if rows else [])]
    return "\n\n".join(paragraphs) + "\n"


def table(model: type[BaseModel], value: BaseModel | None, prefix: str, only: Sequence[str] | None = None) -> str:
    """Name, type, default and meaning of a model's own fields; nodes with fields of their own come as sections."""
    lines = []
    for name, field in model.model_fields.items():
        is_node = value is not None and models_in(field.annotation)
        if not is_node and (only is None or name in only):
            shown = default_of(field) if value is None else code(getattr(value, name))
            meaning = flat(field.description) or "–"
            lines.append(f"| `{prefix}{name}` | {type_of(field)} | {shown} | {meaning} |".replace("\n", " "))
    head = ["| field | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join(head + lines) if lines else ""


def flat(text: str | None) -> str:
    """A docstring on one line, safe in a table cell."""
    return " ".join((text or "").split()).replace("|", "\\|")


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Models that a field's type leads to: itself, the members of a union, or the values of a mapping."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, dict):
        return [model for argument in get_args(annotation) for model in models_in(argument)]
    return []


def type_of(field: FieldInfo) -> str:
    """A field's type with its bounds, in words."""
    signs = {annotated_types.Ge: "≥", annotated_types.Gt: ">", annotated_types.Le: "≤", annotated_types.Lt: "<"}
    bounds = []
    for rule in field.metadata:
        for kind, sign in signs.items():
            if isinstance(rule, kind):
                bounds.append(f"{sign} {getattr(rule, kind.__name__.lower())}")
        if isinstance(rule, annotated_types.MinLen):
            bounds.append(f"at least {rule.min_length}")
    words, null, _ = type_words(field.annotation).partition(" or null")
    return (" ".join([words, *([", ".join(bounds)] if bounds else [])]) + null).replace("|", "\\|")


def type_words(annotation: Any) -> str:
    """A type as JSON and YAML know it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_words(argument) for argument in arguments))
    if origin is tuple and arguments[-1:] != (Ellipsis,):
        return "list of " + ", ".join(type_words(argument) for argument in arguments)
    if origin in (tuple, list, frozenset, set):
        return f"list of {type_words(arguments[0])}"
    if origin is dict:
        return f"mapping from {type_words(arguments[0])} to {type_words(arguments[1])}"
    names = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path", type(None): "null"}
    if annotation in names:
        return names[annotation]
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel | Enum):
        return annotation.__name__
    return "any JSON"


def default_of(field: FieldInfo) -> str:
    """A record's default; what is made by a function is named, so that the page says the same everywhere."""
    if field.is_required():
        return "required"
    if field.default_factory is not None and field.default_factory not in (dict, list, tuple, frozenset):
        return "found when written"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, str) and value == Manifest.model_fields["version"].default:
        return "this version"
    return code(value)


def code(value: Any) -> str:
    """A value as JSON in a table cell."""
    if isinstance(value, frozenset):
        value = sorted(value)
    if isinstance(value, float) and value != 0 and not 1e-3 <= abs(value) < 1e6:
        mantissa, _, exponent = f"{value:e}".partition("e")
        return f"`{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}`"
    return f"`{json.dumps(value, default=str, ensure_ascii=False)}`".replace("|", "\\|")


if __name__ == "__main__":
    main()
