"""Tiny models and tokenizers, made on the spot: random weights, a vocabulary trained on a few sentences."""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    GemmaConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

SENTENCES = [
    "User: What is a moon? Assistant: A moon goes around a planet.",
    "Explain the moon landing to a six year old in a few sentences.",
    "The quick brown fox jumps over the lazy dog, and the dog does not mind.",
    "List three ideas for breakfast:\n1. Eggs\n2. Toast\n3. Porridge\n",
] * 3

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

LLAMA2 = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}[INST] {{ message['content'] }} [/INST]"
    "{% else %} {{ message['content'] }} {{ eos_token }}{% endif %}{% endfor %}"
)

FORGETFUL = (
    "{% for message in messages %}{% if message['role'] == 'user' %}<|im_start|>{{ message['content'] }}<|im_end|>\n"
    "{% else %}<|im_start|>{{ message['content'] if loop.last else '…' }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{% endif %}"
)
"""Shortens what the assistant said before: not prefix-stable."""


def byte_tokenizer(template: str | None = CHATML, **special: str | None) -> PreTrainedTokenizerFast:
    """Byte-level BPE as in GPT-2; `special` overrides bos_token, eos_token, pad_token."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(SENTENCES, trainer)
    names = {"eos_token": "<|endoftext|>", "pad_token": "<pad>"} | special
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        **{name: value for name, value in names.items() if value is not None},
    )
    tokenizer.chat_template = template
    return tokenizer


def prepending_tokenizer(template: str | None = None) -> PreTrainedTokenizerFast:
    """As Llama 2's: a ▁ before any text, BOS added by itself, no pad token."""
    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(vocab_size=160, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False)
    backend.train_from_iterator(SENTENCES, trainer)
    trained = json.loads(backend.to_str())["model"]
    vocabulary = trained["vocab"] | {f"<0x{byte:02X}>": len(trained["vocab"]) + byte for byte in range(256)}
    merges = [tuple(pair) for pair in trained["merges"]]
    backend.model = models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", byte_fallback=True)
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    tokenizer.chat_template = template
    return tokenizer


_SIZES: dict[str, Any] = {
    "vocab_size": 340, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 128,
}  # fmt: skip


def config_of(architecture: str) -> Any:
    """A config of about 30 thousand parameters; dropout as the architecture comes."""
    grouped = _SIZES | {"num_key_value_heads": 2, "head_dim": 8}
    if architecture == "gpt2":
        return GPT2Config(vocab_size=340, n_embd=32, n_layer=2, n_head=4, n_positions=128)
    if architecture == "llama":
        return LlamaConfig(**grouped, attention_dropout=0.1)
    if architecture == "qwen3":
        return Qwen3Config(**grouped, tie_word_embeddings=True)
    if architecture == "gemma":
        return GemmaConfig(**grouped)
    if architecture == "gpt_neox":
        return GPTNeoXConfig(**_SIZES, hidden_dropout=0.1, attention_dropout=0.1)
    raise ValueError(architecture)


ARCHITECTURES = ("gpt2", "llama", "qwen3", "gemma", "gpt_neox")


def write_model(path: Path, architecture: str = "llama", tokenizer: Any = None, config: Any = None) -> Path:
    """A model directory as a user would bring it: transformers' own `save_pretrained`, nothing of ours."""
    tokenizer = tokenizer or byte_tokenizer()
    config = config or config_of(architecture)
    config.bos_token_id = tokenizer.bos_token_id
    config.eos_token_id = tokenizer.eos_token_id
    config.pad_token_id = tokenizer.pad_token_id
    state = torch.random.get_rng_state()
    torch.manual_seed(sum(map(ord, architecture)))
    model = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():  # far from uniform, so that mistakes show
        parameter.data.add_(torch.randn_like(parameter) * 0.1)
    torch.random.set_rng_state(state)
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path
