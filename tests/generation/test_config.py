"""The one line that chooses the engine."""

import subprocess
import sys
from pathlib import Path

import pytest

from preceptor.config import load_config
from preceptor.errors import UserError
from preceptor.generation import native
from preceptor.generation.config import NativeConfig, RemoteConfig, VLLMConfig
from preceptor.generation.engines import open_engine
from preceptor.pipeline.recipe import Recipe


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("generation: native", NativeConfig()),
        ("generation: vllm", VLLMConfig()),
        ("generation: {type: vllm, python: other/bin/python}", VLLMConfig(python=Path("other/bin/python"))),
        ("generation: {type: remote, url: 'https://there/v1'}", RemoteConfig(url="https://there/v1")),
        ("", NativeConfig()),
    ],
)
def test_one_line_chooses(line: str, expected: object, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(line + "\n")
    assert load_config(Recipe, recipe).generation == expected
    if line.endswith("vllm"):
        assert load_config(Recipe, None, ["generation=vllm"]).generation == expected


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("generation: vlm", "'native', 'vllm', 'remote'"),
        ("generation: {type: remote, urll: x}", "did you mean 'url'"),
        ("generation: {type: remote, url: localhost}", "should match pattern"),
    ],
)
def test_a_line_that_chooses_nothing(line: str, problem: str, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(line + "\n")
    with pytest.raises(UserError, match=rf"recipe\.yaml:1.*generation[\s\S]*{problem}"):
        load_config(Recipe, recipe)


def test_native_is_the_function_itself(tmp_path: Path) -> None:
    with open_engine(NativeConfig(), tmp_path / "log") as generate:
        assert generate is native.generate
    assert not (tmp_path / "log").exists()


def test_who_samples_natively_imports_no_other_engine() -> None:
    code = (
        "import sys; from pathlib import Path; from preceptor.pipeline.recipe import Recipe\n"
        "from preceptor.generation.engines import open_engine\n"
        "with open_engine(Recipe().generation, Path('log')): pass\n"
        "others = {f'preceptor.generation.{name}' for name in ('client', 'remote', 'vllm')}\n"
        "sys.exit(bool(others & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
