"""Makes the models of the benchmark in build/bench/models: random weights, words as tokens.

Of each size there are three: a language model, a reward model (`-rm`), and a language model that ends by itself
(`-ending`): one dimension is the same at all tokens, and the end token's embedding has so much of it that each next
token is the end with probability `END_SHARE`.
"""

import math

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast

from benchmarks.speed.work import BEGIN, END, ENDING, FIRST_WORD, MODELS, PAD, SIZES, UNKNOWN, Size

SPECIAL = {PAD: "<pad>", BEGIN: "<s>", END: "</s>", UNKNOWN: "<unk>"}
TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
)
END_SHARE = 3 / ENDING.longest
"""Responses have a third of the longest on average."""


def make_models() -> None:
    """Make what is not there yet."""
    for name, size in SIZES.items():
        kinds = {"": LlamaForCausalLM, "-ending": ending_model, "-rm": LlamaForSequenceClassification}
        for kind, make in kinds.items():
            folder = MODELS / f"{name}{kind}"
            if (folder / "tokenizer.json").exists():
                continue
            torch.manual_seed(0)
            make(llama_config(size)).save_pretrained(folder)
            tokenizer(size).save_pretrained(folder)


def llama_config(size: Size) -> LlamaConfig:
    """The size as transformers writes it; a sequence classifier of it has one score."""
    return LlamaConfig(
        vocab_size=size.vocabulary, hidden_size=size.width, intermediate_size=size.inner_width,
        num_hidden_layers=size.num_layers, num_attention_heads=size.num_heads, num_key_value_heads=size.num_heads,
        max_position_embeddings=1024, tie_word_embeddings=True, num_labels=1,
        pad_token_id=PAD, bos_token_id=BEGIN, eos_token_id=END,
    )  # fmt: skip


@torch.no_grad()
def ending_model(config: LlamaConfig) -> LlamaForCausalLM:
    """A language model whose responses end by themselves, at the same rate everywhere."""
    model = LlamaForCausalLM(config)
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight *= 0.1  # else states shrink along the text, as attention averages over more
        layer.self_attn.o_proj.weight[0] = 0
        layer.mlp.down_proj.weight[0] = 0
    embeddings = model.get_input_embeddings().weight
    embeddings[:, 0] = embeddings.std()
    tokens = torch.randint(FIRST_WORD, config.vocab_size, (64, 64))
    embeddings[END] = 0
    others = model(tokens).logits.logsumexp(-1).mean()
    constant = model.model(tokens).last_hidden_state[..., 0].mean()
    embeddings[END, 0] = (others + math.log(END_SHARE / (1 - END_SHARE))) / constant
    return model


def tokenizer(size: Size) -> PreTrainedTokenizerFast:
    """One token for each word."""
    words = {SPECIAL.get(token, f"w{token}"): token for token in range(size.vocabulary)}
    backend = Tokenizer(models.WordLevel(words, unk_token=SPECIAL[UNKNOWN]))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=SPECIAL[PAD], bos_token=SPECIAL[BEGIN], eos_token=SPECIAL[END],
        unk_token=SPECIAL[UNKNOWN], padding_side="left",
    )  # fmt: skip
    made.chat_template = TEMPLATE
    return made


if __name__ == "__main__":
    make_models()
