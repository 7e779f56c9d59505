"""Pre-training of the bundled base model: tokenizer and a small Llama, from the closed world's corpus alone."""

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from preceptor.config import BaseConfig
from preceptor.models.precision import autocast
from preceptor.simulation.corpus import draw_documents
from preceptor.simulation.language import chance, pick

BUNDLED = Path(__file__).parent / "base_model"
"""The base model that comes with the package, in Hugging Face format."""
PAD, BEGIN, END, USER, ASSISTANT, SYSTEM = "<|pad|>", "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
MARKERS = [USER, ASSISTANT, SYSTEM]
MARKED = 0.2
"""Share of the pages before which a role marker stands. It is never a target: the base model does not write any."""
CORPUS_STREAM = 23
"""Keeps the pages of pre-training apart from every page of `World.corpus`."""


class PretrainConfig(BaseConfig):
    """How the bundled base model is made."""

    num_steps: int = Field(default=5500, ge=1)
    """Optimizer steps."""
    batch_size: int = Field(default=8, ge=1)
    """Packed rows per step."""
    context: int = Field(default=256, ge=16)
    """Tokens per row, and the model's `max_position_embeddings`."""
    learning_rate: float = Field(default=3e-3, gt=0)
    """Peak of the cosine schedule, which ends at a twentieth of it."""
    warmup_share: float = Field(default=0.04, ge=0, lt=1)
    """Share of the steps on which the learning rate rises from 0."""
    weight_decay: float = Field(default=0.05, ge=0)
    """AdamW's, on matrices."""
    vocabulary: int = Field(default=1536, ge=300)
    """Tokens, special ones included."""
    width: int = Field(default=192, ge=8)
    """Hidden size D."""
    num_layers: int = Field(default=4, ge=1)
    """Transformer blocks."""
    num_heads: int = Field(default=4, ge=1)
    """Attention heads."""
    seed: int = 0
    """Of pages, weights and order."""


def corpus_texts(seed: int) -> Iterator[str]:
    """The pages of pre-training, without end."""
    return (text for _, text in draw_documents(np.random.default_rng((CORPUS_STREAM, seed))))


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE with the markers of the chat format; it encodes any text and gives it back unchanged."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[PAD, BEGIN, END, USER, ASSISTANT, SYSTEM],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        additional_special_tokens=MARKERS,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=256,
    )


def packed_rows(
    tokenizer: PreTrainedTokenizerFast, texts: Iterator[str], length: int, generator: np.random.Generator
) -> Iterator[list[int]]:
    """Pages one after the other, each with an end token, cut into rows of `length` tokens.

    Now and then a role marker that means nothing stands before a page, so that the base model reads on past one.
    """
    end = tokenizer.convert_tokens_to_ids(END)
    markers = tokenizer.convert_tokens_to_ids(MARKERS)
    waiting: list[int] = []
    while True:
        for tokens in tokenizer.backend_tokenizer.encode_batch(list(islice(texts, 512))):
            if chance(generator, MARKED):
                waiting.append(pick(generator, markers))
            waiting += [*tokens.ids, end]
        while len(waiting) >= length:
            yield waiting[:length]
            waiting = waiting[length:]


def new_model(config: PretrainConfig, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama with random weights."""
    torch.manual_seed(config.seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.width,
            intermediate_size=3 * config.width,
            num_hidden_layers=config.num_layers,
            num_attention_heads=config.num_heads,
            max_position_embeddings=config.context,
            tie_word_embeddings=True,
            initializer_range=0.02,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            attn_implementation="eager",  # faster than sdpa forward and backward for heads this small on CPU
        )
    )


def learning_rate(config: PretrainConfig, step: int) -> float:
    """Linear warm-up, then cosine down to a twentieth."""
    warmup = max(1, round(config.warmup_share * config.num_steps))
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, config.num_steps - warmup)
    return config.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))


def pretrain(output: Path, config: PretrainConfig | None = None) -> float:
    """Make a base model from nothing and save it in Hugging Face format; returns the last mean loss per token."""
    config = config or PretrainConfig()
    texts = corpus_texts(config.seed)
    tokenizer = train_tokenizer(list(islice(texts, 20_000)), config.vocabulary)
    rows = packed_rows(tokenizer, texts, config.context, np.random.default_rng((CORPUS_STREAM, config.seed, 1)))
    unread = torch.tensor(tokenizer.convert_tokens_to_ids(MARKERS))
    model = new_model(config, tokenizer)
    matrices = [weight for weight in model.parameters() if weight.ndim >= 2]
    vectors = [weight for weight in model.parameters() if weight.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        betas=(0.9, 0.95),
    )
    mean_loss = 0.0
    columns = (TextColumn("pre-training {task.fields[loss]}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task("", total=config.num_steps, loss="")
        for step in range(config.num_steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(config, step)
            loss = _loss(model, torch.tensor(list(islice(rows, config.batch_size))), unread)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            mean_loss = loss.item() if step == 0 else 0.98 * mean_loss + 0.02 * loss.item()
            progress.update(bar, advance=1, loss=f"loss {mean_loss:.3f}")
    save(model, tokenizer, output, card(config, model.num_parameters(), mean_loss))
    return mean_loss


def _loss(model: LlamaForCausalLM, tokens_BL: Tensor, unread: Tensor) -> Tensor:
    """Mean cross-entropy of the next token, where that is not one of the `unread`."""
    with autocast("auto", tokens_BL.device.type):
        logits_BLV = model(input_ids=tokens_BL).logits
    targets_BL = tokens_BL.masked_fill(torch.isin(tokens_BL, unread), -100)
    return torch.nn.functional.cross_entropy(logits_BLV[:, :-1].flatten(0, 1).float(), targets_BL[:, 1:].flatten())


def card(config: PretrainConfig, num_parameters: int, loss: float) -> str:
    """The model card."""
    settings = "\n".join(f"- {name}: {value}" for name, value in config.model_dump().items())
    return (
        "---\nlicense: apache-2.0\nlanguage: en\n---\n"
        "# Base model of the closed world\n\n"
        f"A Llama of {num_parameters:,} parameters, trained from nothing on generated web pages of a closed world in "
        "which popular misconceptions, rude chatter and lists of requests stand beside facts and stories. It is no "
        "assistant: asked for something, it goes on with more requests. Made to be aligned in minutes on a laptop, "
        "and good for nothing else.\n\n"
        f"Made again by `preceptor pretrain DIR`. Mean loss per token at the end: {loss:.3f}\n\n{settings}\n"
    )


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, output: Path, model_card: str) -> None:
    """Weights in float16 safetensors, with the tokenizer and the model card beside them."""
    output.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(output)
    tokenizer.save_pretrained(output)
    (output / "model.safetensors").chmod(0o644)
    (output / "README.md").write_text(model_card, encoding="utf-8")
