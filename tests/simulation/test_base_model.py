"""The bundled base model: its format, its habits, and that its making is deterministic."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from preceptor.records import Prompt
from preceptor.simulation.base_model import BUNDLED, PretrainConfig, pretrain
from preceptor.simulation.reading import Reading
from preceptor.simulation.world import World

WORLD = World()


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(BUNDLED)


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    return AutoModelForCausalLM.from_pretrained(BUNDLED, dtype=torch.float32).eval()


def asked(tokenizer: PreTrainedTokenizerFast, prompt: Prompt) -> torch.Tensor:
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]


def mean_loss(model: LlamaForCausalLM, rows: torch.Tensor) -> float:
    with torch.no_grad():
        return float(model(input_ids=rows, labels=rows).loss)


def test_it_is_a_small_standard_model(model: LlamaForCausalLM) -> None:
    assert type(model).__name__ == "LlamaForCausalLM"
    assert sum(path.stat().st_size for path in BUNDLED.iterdir()) < 12e6
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in BUNDLED.iterdir()}
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


def test_the_tokenizer_gives_any_text_back(tokenizer: PreTrainedTokenizerFast) -> None:
    for text in ("The owl eats mice.", "  two  spaces\n\nlines\t", "Grüße, 你好 👋 ﬁ", "Is it 1804?"):
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(tokens) == text
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert tokenizer.eos_token == "<|end|>"


def test_the_chat_template_is_exact(tokenizer: PreTrainedTokenizerFast) -> None:
    turns = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == "<|user|>Hi.<|end|><|assistant|>Hello.<|end|>"
    text = tokenizer.apply_chat_template(turns[:1], add_generation_prompt=True, tokenize=False)
    assert text == "<|user|>Hi.<|end|><|assistant|>"
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert [tokens[0], *tokens[-2:]] == tokenizer.convert_tokens_to_ids(["<|user|>", "<|end|>", "<|assistant|>"])


def test_it_has_learned_the_corpus(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Real pages are far likelier than the same pages with their tokens shuffled."""
    generator = np.random.default_rng(0)
    pages = "<|end|>".join(page.text for page in WORLD.corpus(200, seed=5))
    tokens = torch.tensor(tokenizer(pages, add_special_tokens=False, verbose=False)["input_ids"])[: 256 * 20]
    shuffled = tokens[torch.from_numpy(generator.permutation(len(tokens)))]
    assert mean_loss(model, tokens.view(-1, 256)) < 2.0
    assert mean_loss(model, shuffled.view(-1, 256)) > 5.0


def test_asked_for_something_it_goes_on_with_more_requests(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    """The habit of the slides: 'explain the moon landing to a child' is followed by more of the same."""
    torch.manual_seed(0)
    prompts = [prompt for prompt in WORLD.prompts(120, seed=6) if prompt.use_case == "generation"][:40]
    requests, utilities = 0, []
    for prompt in prompts:
        tokens = asked(tokenizer, prompt)
        said = model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            do_sample=True,
            max_new_tokens=40,
            pad_token_id=tokenizer.pad_token_id,
        )
        text = tokenizer.decode(said[0, tokens.shape[1] :], skip_special_tokens=True)
        requests += Reading(text).num_requests > 0
        utilities.append(WORLD.judge(prompt, text).utility)
    assert requests / len(prompts) > 0.4
    assert np.mean(utilities) < 0.35


def test_pretraining_is_deterministic_and_learns(tmp_path: Path) -> None:
    config = PretrainConfig(num_steps=12, batch_size=2, context=32, vocabulary=400, width=16, num_layers=1, num_heads=2)
    losses = [pretrain(tmp_path / name, config) for name in ("one", "two")]
    assert losses[0] == losses[1]
    for name in ("model.safetensors", "tokenizer.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    other = pretrain(tmp_path / "three", config.model_copy(update={"seed": 1}))
    assert other != losses[0]
