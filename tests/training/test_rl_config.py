"""The RL recipe refuses what would make the KL wrong."""

from pathlib import Path

import pytest

from preceptor.config import load_config
from preceptor.errors import UserError
from preceptor.training.rl_config import RLConfig


@pytest.mark.parametrize("override", ["sampling.top_k=50", "sampling.top_p=0.9", "sampling.temperature=0"])
def test_tricks_of_sampling_are_refused(override: str) -> None:
    with pytest.raises(UserError, match="RL samples from the plain distribution"):
        load_config(RLConfig, overrides=[override])


def test_stop_strings_are_refused() -> None:
    with pytest.raises(UserError, match=r"sampling\.stop stays empty"):
        load_config(RLConfig, overrides=["sampling.stop=['x']"])


def test_two_temperatures_are_refused() -> None:
    with pytest.raises(UserError, match=r"algorithm\.temperature must equal sampling\.temperature"):
        load_config(RLConfig, overrides=["sampling.temperature=0.7"])
    both = load_config(RLConfig, overrides=["sampling.temperature=0.7", "algorithm.temperature=0.7"])
    assert both.algorithm.temperature == both.sampling.temperature == 0.7


def test_a_misspelt_field_of_an_algorithm_is_named_with_its_line(tmp_path: Path) -> None:
    recipe = tmp_path / "rl.yaml"
    recipe.write_text("num_steps: 5\nalgorithm:\n  type: ppo\n  gae_lamda: 0.9\n")
    with pytest.raises(UserError, match=r"rl\.yaml:4.*unknown key 'gae_lamda'\n  → did you mean 'gae_lambda'\?"):
        load_config(RLConfig, recipe)


def test_an_unknown_algorithm_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'ppo'.*'reinforce'"):
        load_config(RLConfig, overrides=["algorithm.type=pppo"])


def test_the_paper_is_the_default() -> None:
    config = RLConfig()
    assert (config.kl.coef, config.ema_decay, config.optim.eps, config.batch_size) == (0.02, 0.992, 1e-5, 512)
    assert config.sampling.temperature == 1.0
