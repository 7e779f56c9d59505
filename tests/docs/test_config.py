"""docs/config.md and docs/records.md against the code: nothing missing, nothing stale; and the recipes that we ship."""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

import preceptor
from preceptor.config import BaseConfig, load_config
from preceptor.errors import UserError
from preceptor.pipeline.recipe import Recipe
from preceptor.records import KINDS, Record
from tests.docs.pages import SOURCE, cells, maker, page

RECIPES = sorted((SOURCE / "recipes").glob("*.yaml"))


def everything_imported() -> None:
    for info in pkgutil.walk_packages(preceptor.__path__, "preceptor."):
        if not info.name.startswith("preceptor.store.migrations."):  # Alembic runs these, in its own surroundings
            importlib.import_module(info.name)


def below(cls: type[BaseModel]) -> set[type[BaseModel]]:
    return {cls} | {found for child in cls.__subclasses__() for found in below(child)}


def ours(cls: type[BaseModel]) -> list[type[BaseModel]]:
    everything_imported()
    return sorted((c for c in below(cls) if is_shipped(c)), key=lambda c: c.__qualname__)


def is_shipped(cls: type[BaseModel]) -> bool:
    """Whether a class stands in a module of ours: another test may have made one for itself, in ours' name."""
    place = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
    has_it = hasattr(sys.modules.get(cls.__module__), cls.__qualname__.split(".")[0])
    return SOURCE in Path(place).parents and Path(place).is_file() and has_it


def test_pages_are_what_the_code_says_now() -> None:
    for name, text in maker().pages().items():
        assert page(name) == text, f"docs/{name} is stale: run `make docs`"


def undocumented(config: type[BaseModel]) -> list[str]:
    """Fields without a docstring, or whose docstring is not in the page."""
    meanings = {row[3] for row in cells(page("config.md"))}
    fields = {name: field for name, field in config.model_fields.items() if not maker().models_in(field.annotation)}
    return [name for name, field in fields.items() if maker().flat(field.description) not in meanings - {"–"}]


def test_every_config_field_has_a_docstring_and_stands_in_the_page() -> None:
    found = ours(BaseConfig)
    assert len(found) > 15
    assert not {config.__qualname__: names for config in found if (names := undocumented(config))}


def test_a_field_without_documentation_is_noticed() -> None:
    class Forgotten(BaseConfig):
        said: int = 1
        """Nobody ran `make docs` after this."""
        silent: int = 1

    assert undocumented(Forgotten) == ["said", "silent"]


def test_every_record_field_has_a_docstring_and_stands_in_the_page() -> None:
    named = {row[0].strip("`") for row in cells(page("records.md"))}
    for record in ours(Record):
        if record.__module__.startswith("preceptor.records"):
            for name, field in record.model_fields.items():
                assert field.description, f"{record.__qualname__}.{name} has no docstring under it"
                assert name in named, f"{record.__qualname__}.{name} is not in records.md"
    assert all(f"kind `{kind}`" in page("records.md") for kind in KINDS)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_load_and_survive_json(path: Path, tmp_path: Path) -> None:
    recipe = load_config(Recipe, path)
    text = recipe.model_dump_json()
    assert Recipe.model_validate_json(text) == recipe
    saved = tmp_path / "recipe.yaml"
    saved.write_text(yaml.safe_dump(json.loads(text)), encoding="utf-8")
    assert load_config(Recipe, saved) == recipe


def test_every_shipped_recipe_is_named_in_the_page() -> None:
    assert len(RECIPES) >= 3
    assert all(f"`{path.stem}`" in page("config.md") for path in RECIPES)


def keys_of(node: yaml.Node, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every key that a YAML text states, with its dotted place."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value != "<<":
                yield (*place, key.value), key
                yield from keys_of(value, (*place, key.value))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_any_mistyped_key_of_a_recipe_is_named_with_its_neighbour_and_line(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    places = [(place, key) for place, key in keys_of(yaml.compose(text)) if place[:-1] != ("rl",)]
    assert len(places) > 30
    for place, key in places:
        if place[-1] == "type":  # without its `type` a union does not know whose fields these are
            continue
        start, wrong = key.start_mark.index, f"{place[-1]}x"
        spoiled = tmp_path / "recipe.yaml"
        spoiled.write_text(text[:start] + wrong + text[start + len(place[-1]) :], encoding="utf-8")
        with pytest.raises(UserError) as caught:
            load_config(Recipe, spoiled)
        error = caught.value
        assert (error.file, error.line) == (str(spoiled), key.start_mark.line + 1), error
        assert f"unknown key '{wrong}'" in error.problem
        assert error.remedy == f"did you mean '{place[-1]}'?", error


def test_a_value_of_the_wrong_kind_names_file_line_and_field(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("seed: 1\nsft:\n  batch_size: many\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_config(Recipe, path)
    assert (caught.value.file, caught.value.line, caught.value.field) == (str(path), 3, "sft.batch_size")
    assert "many" in caught.value.problem
    assert "docs/config.md" in caught.value.remedy


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from leaves(child, f"{place}.{key}" if place else key)
    else:
        yield place, value


def test_the_defaults_in_the_page_are_the_recipe_s() -> None:
    shown: dict[str, str] = {}
    for row in cells(page("config.md").partition("## Options of")[0]):
        shown.setdefault(row[0].strip("`"), row[2])
    for place, value in leaves(json.loads(Recipe().model_dump_json())):
        name = place.replace("rl.ppo.", "rl.NAME.")
        assert json.loads(shown[name].strip("`")) == value, name


def test_a_default_holds_when_only_its_neighbour_is_given() -> None:
    recipe = load_config(Recipe, None, ["reward_model.optim.schedule=linear", "rl.ppo.optim.eps=1e-6"])
    assert recipe.reward_model.optim.learning_rate == Recipe().reward_model.optim.learning_rate
    assert recipe.rl["ppo"].optim.warmup_steps == Recipe().rl["ppo"].optim.warmup_steps
