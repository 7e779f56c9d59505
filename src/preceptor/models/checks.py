"""What can be wrong with a model directory, found before it is loaded: each problem names its file and its remedy."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from preceptor.errors import UserError

_AGAIN = "copy or download the directory again"


def check_directory(path: Path) -> dict[str, Any]:
    """Check a local model directory and return its config.

    Raises:
        UserError: a file is missing or damaged, or a weight is NaN or infinite.
    """
    config = read_json(path / "config.json", missing="not a Hugging Face model directory: config.json is missing")
    if "model_type" not in config:
        raise UserError("no model_type", file=path / "config.json", field="model_type", remedy=_AGAIN)
    if not (path / "tokenizer.json").is_file() and not any(path.glob("tokenizer*")) and not any(path.glob("vocab*")):
        raise UserError("the tokenizer is missing", file=path, remedy="put its files beside the model's weights")
    for file in weight_files(path):
        check_weights(file)
    return config


def weight_files(path: Path) -> list[Path]:
    """The safetensors files of a model directory; with an index, exactly those it names."""
    index_path = path / "model.safetensors.index.json"
    if index_path.is_file():
        index = read_json(index_path, missing="")
        names = sorted(set(index.get("weight_map", {}).values()))
        for name in names:
            if not (path / name).is_file():
                raise UserError(f"{name} is missing, and the index names it", file=index_path, remedy=_AGAIN)
        if names:
            return [path / name for name in names]
    single = path / "model.safetensors"
    if single.is_file():
        return [single]
    if list(path.glob("*.bin")) or list(path.glob("*.pt")):
        raise UserError(
            "the weights are pickled (*.bin), which can run code when loaded; only safetensors are read",
            file=path,
            remedy="load it once with transformers and `save_pretrained` it again: that writes model.safetensors",
        )
    raise UserError("no weights: model.safetensors is missing", file=path, remedy=_AGAIN)


def check_weights(file: Path) -> None:
    """Read each tensor of a safetensors file once.

    Raises:
        UserError: the file is truncated, or a tensor holds NaN or infinity.
    """
    try:
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - a safetensors file is no mapping
                tensor = tensors.get_tensor(name)
                if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                    num_bad = int((~torch.isfinite(tensor)).sum())
                    raise UserError(
                        f"{num_bad} of {tensor.numel()} weights are NaN or infinite",
                        file=file,
                        field=name,
                        remedy="the training that made this model went wrong: take an earlier checkpoint",
                    )
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"damaged weights: {error}", file=file, remedy=_AGAIN) from None


def read_json(path: Path, *, missing: str) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        UserError: the file is missing or does not parse; names the line.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(missing, file=path.parent, remedy="give the directory that holds config.json") from None
    except json.JSONDecodeError as error:
        raise UserError(f"not valid JSON: {error.msg}", file=path, line=error.lineno, remedy=_AGAIN) from None
    except UnicodeDecodeError as error:
        raise UserError(f"not UTF-8 text: {error.reason}", file=path, remedy=_AGAIN) from None
    if not isinstance(value, dict):
        raise UserError("not a JSON object", file=path, remedy=_AGAIN)
    return value
