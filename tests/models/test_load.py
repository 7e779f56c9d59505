"""Bad input: each problem names its file and says what to do; nothing is half-written."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from preceptor.errors import UserError
from preceptor.models.load import load_policy, load_reward_model
from preceptor.models.precision import autocast, has_fast_bfloat16, resolve
from preceptor.models.save import save_policy, save_reward_model
from tests.tiny import write_model


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "good")


@pytest.fixture
def broken(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "broken"))


def error_of(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        load_policy(path)
    assert caught.value.remedy
    return caught.value


def change(path: Path, **tensors: torch.Tensor | None) -> None:
    weights = load_file(path / "model.safetensors") | tensors
    kept = {name: tensor for name, tensor in weights.items() if tensor is not None}
    save_file(kept, path / "model.safetensors", metadata={"format": "pt"})


def test_missing_directory(tmp_path: Path) -> None:
    error = error_of(tmp_path / "nowhere")
    assert "no such model directory" in error.problem
    assert error.file == str(tmp_path / "nowhere")


def test_a_name_that_the_hub_does_not_have() -> None:
    assert "no such model directory" in error_of(Path("nobody/no-such-model")).problem


def test_a_file_is_no_directory(broken: Path) -> None:
    assert "this is a file" in error_of(broken / "config.json").problem


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("config.json", "config.json is missing"),
        ("model.safetensors", "model.safetensors is missing"),
        ("tokenizer.json", "cannot load"),
    ],
)
def test_missing_file(broken: Path, name: str, problem: str) -> None:
    (broken / name).unlink()
    if name == "tokenizer.json":
        (broken / "tokenizer_config.json").unlink()
        problem = "tokenizer is missing"
    assert problem in error_of(broken).problem


def test_config_cut_in_the_middle_names_the_line(broken: Path) -> None:
    text = (broken / "config.json").read_text()
    (broken / "config.json").write_text(text[: len(text) // 2])
    error = error_of(broken)
    assert "not valid JSON" in error.problem
    assert error.file == str(broken / "config.json")
    assert error.line is not None


def test_truncated_weights(broken: Path) -> None:
    data = (broken / "model.safetensors").read_bytes()
    for size in (len(data) - 100, 4, 0):
        (broken / "model.safetensors").write_bytes(data[:size])
        error = error_of(broken)
        assert "damaged weights" in error.problem
        assert error.file == str(broken / "model.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_names_tensor_and_file(broken: Path, value: float) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    weights = load_file(broken / "model.safetensors")[name]
    weights[0, 3] = value
    change(broken, **{name: weights})
    error = error_of(broken)
    assert error.field == name
    assert error.file == str(broken / "model.safetensors")
    assert "1 of" in error.problem


def test_a_missing_tensor_is_not_made_up(broken: Path) -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    change(broken, **{name: None})
    assert error_of(broken).field == name


def test_a_tensor_of_another_shape(broken: Path) -> None:
    change(broken, **{"model.norm.weight": torch.ones(33)})
    assert "cannot load" in error_of(broken).problem


def test_pickled_weights_are_not_read(broken: Path) -> None:
    (broken / "model.safetensors").rename(broken / "pytorch_model.bin")
    assert "pickled" in error_of(broken).problem


def test_an_index_that_names_a_missing_shard(broken: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (broken / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model-00001-of-00002.safetensors is missing" in error_of(broken).problem


def test_an_unknown_architecture(broken: Path) -> None:
    config = json.loads((broken / "config.json").read_text()) | {"model_type": "nonesuch"}
    (broken / "config.json").write_text(json.dumps(config))
    assert "nonesuch" in error_of(broken).problem


def test_a_policy_is_no_reward_model(good: Path) -> None:
    with pytest.raises(UserError, match=r"2 labels|missing"):
        load_reward_model(good)


def test_nan_is_not_saved_and_what_was_there_stays(good: Path, tmp_path: Path) -> None:
    policy = load_policy(good)
    save_policy(policy, tmp_path / "out", {})
    kept = (tmp_path / "out" / "model.safetensors").read_bytes()
    with torch.no_grad():
        policy.model.get_input_embeddings().weight[0, 0] = float("nan")
    with pytest.raises(UserError, match="NaN") as caught:
        save_policy(policy, tmp_path / "out", {})
    assert caught.value.field == "model.embed_tokens.weight"
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == kept
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_card_tells_lineage_and_metrics(good: Path, tmp_path: Path) -> None:
    lineage = {"name": "My model", "kind": "ppo", "parents": ["abc123"], "metrics": {"loss": 0.125}, "forced": "demo"}
    save_policy(load_policy(good), tmp_path / "out", lineage)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "library_name: transformers" in card
    for expected in ("# My model", "PPO", "`abc123`", "| loss | 0.125 |", "**the gate was forced**: demo"):
        assert expected in card
    assert json.loads((tmp_path / "out" / "lineage.json").read_text()) == lineage
    save_policy(load_policy(good), tmp_path / "out", lineage, card="# Mine\n")
    assert (tmp_path / "out" / "README.md").read_text() == "# Mine\n"


def test_the_card_of_a_reward_model(good: Path, tmp_path: Path) -> None:
    from preceptor.models.load import new_reward_model

    save_reward_model(new_reward_model(good, torch.Generator()), tmp_path / "rm", {"kind": "reward_model"})
    card = (tmp_path / "rm" / "README.md").read_text()
    assert "pipeline_tag: text-classification" in card
    assert "reward_bias" in card


def test_precision_is_what_was_asked_for() -> None:
    a, b = torch.ones(4, 4), torch.ones(4, 4)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with autocast(precision, "cpu"):
            assert (a @ b).dtype == dtype
    with autocast("bfloat16", "cpu"), autocast("float32", "cpu"):
        assert (a @ b).dtype == torch.float32
    assert resolve("auto", "cpu") == ("bfloat16" if has_fast_bfloat16("cpu") else "float32")
