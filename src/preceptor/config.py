"""Typed configuration: defaults < YAML < command line; an unknown key is an error that names the nearest one."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from preceptor.errors import UserError

ConfigT = TypeVar("ConfigT", bound="BaseConfig")


class BaseConfig(BaseModel):
    """An immutable node of the recipe; each field's docstring is its documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _keep_defaults_of_the_place(cls, values: Any) -> Any:
        """A section given in part keeps the rest of what its place sets by default, not of its class."""
        if not isinstance(values, Mapping):
            return values
        filled = dict(values)
        for name, field in cls.model_fields.items():
            given = filled.get(name)
            if isinstance(field.default, BaseConfig) and isinstance(given, Mapping):
                default = field.default.model_dump(exclude_unset=True)
                if given.get("type", default.get("type")) == default.get("type"):
                    filled[name] = merge(default, given)
        return filled


def load_config(config: type[ConfigT], path: Path | None = None, overrides: Sequence[str] = ()) -> ConfigT:
    """Build a config from its defaults, a YAML file and dotted `key.path=value` overrides, in that order.

    Raises:
        UserError: the file is missing or no YAML mapping, or a key or value does not fit.
    """
    values = {} if path is None else _read_yaml(path)
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator:
            raise UserError(f"'{override}' is not KEY=VALUE", remedy="write for example rl.ppo.kl.coef=0.05")
        _set(values, key.split("."), yaml.safe_load(text))
    try:
        return config.model_validate(values)
    except ValidationError as error:
        raise _explain(error, config, path) from None


def load_section(config: type[ConfigT], path: Path, name: str) -> ConfigT:
    """One section of a YAML file; its defaults where the file or the section is missing.

    Raises:
        UserError: the file is no YAML mapping, or a key or value of the section does not fit.
    """
    values = _read_yaml(path).get(name) if path.is_file() else None
    try:
        return config.model_validate(values or {})
    except ValidationError as error:
        raise _explain(error, config, path, name) from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError("no such recipe", file=path, remedy="`preceptor init DIR` writes one") from None
    except UnicodeDecodeError as error:
        raise UserError(f"not UTF-8 text: {error.reason}", file=path, remedy="save the recipe as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        raise UserError(f"not valid YAML: {error.problem}", file=path, line=line, remedy="mend this line") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError("a recipe is a mapping of sections", file=path, remedy="compare with recipes/laptop.yaml")
    return values


def _set(values: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    for key in keys[:-1]:
        child = values.setdefault(key, {})
        if not isinstance(child, dict):
            child = values[key] = {}
        values = child
    values[keys[-1]] = value


def _explain(error: ValidationError, config: type[BaseModel], path: Path | None, *section: str) -> UserError:
    """The first problem of a validation error as one sentence with a remedy; `config` may be of a section."""
    first = error.errors()[0]
    inside = [str(part) for part in first["loc"]]
    place = [*section, *inside]
    field = ".".join(place)
    line = _line_of(path, place)
    if first["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(place[-1], known_fields(config, inside[:-1]), n=1, cutoff=0.0)
        remedy = f"did you mean '{nearest[0]}'?" if nearest else "remove it"
        return UserError(
            f"unknown key '{place[-1]}'", file=path, line=_line_of(path, place), field=field, remedy=remedy
        )
    return UserError(
        f"{first['msg'].removeprefix('Value error, ')} (got {first['input']!r})",
        file=path,
        line=line,
        field=field,
        remedy="`docs/config.md` gives each field's type and meaning",
    )


def known_fields(config: type[BaseModel], place: Sequence[str]) -> list[str]:
    """Names of the fields at a dotted place of a config tree; through unions and mappings, too."""
    nodes: list[type[BaseModel]] = [config]
    for part in place:
        nodes = [
            child
            for node in nodes
            for child in (_models_in(node.model_fields[part].annotation) if part in node.model_fields else [node])
        ]
    return sorted({name for node in nodes for name in node.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in _models_in(argument)]


def _line_of(path: Path | None, place: Sequence[str]) -> int | None:
    """The line of a key in a YAML file, for error messages; None when it came from the command line."""
    if path is None:
        return None
    node = yaml.compose(path.read_text(encoding="utf-8"))
    line = None
    for part in place:
        if not isinstance(node, yaml.MappingNode):
            break
        found = [(key, value) for key, value in node.value if key.value == part]
        if found:
            line = found[0][0].start_mark.line + 1
            node = found[0][1]
    return line


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, section by section."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged
