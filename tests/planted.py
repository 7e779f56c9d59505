"""A made-up language that a two-layer model learns in seconds, with labels whose truth is known.

A prompt asks for kind or for rude words about a thing; the better response has the words that were asked for. Which
words are better depends on the prompt, so nothing that reads responses alone (length, TF-IDF) does better than chance.
"""

import random
from pathlib import Path
from typing import Literal

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from preceptor.models.load import load_policy
from preceptor.models.policy import Policy
from preceptor.records import Demonstration, Document, Labeler, Message, Prompt, Ranking, Response
from preceptor.records.prompt import Split

torch.set_num_threads(1)  # on tensors this small, threads wait for each other

TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}<|assistant|>{{ message['content'] }}<|end|>"
    "{% else %}<|user|>{{ message['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

MANNERS = {"kindly": "dear", "rudely": "fool"}
COLOURS = ("red", "blue", "green", "grey", "white", "black", "brown", "pink")
THINGS = ("cat", "dog", "bird", "fish", "boat", "tree", "house", "stone", "lamp", "river")
PLACES = ("here", "there", "inside", "outside", "far away", "at home")

TRAINING, HELD_OUT = Labeler(id="anna"), Labeler(id="bert", group="held_out")


def prompt(number: int, split: Split = "train", name: str = "prompt") -> Prompt:
    """One of 960 prompts; another number asks for something else."""
    place, rest = divmod(number, len(COLOURS) * len(THINGS))
    colour, thing = COLOURS[rest % len(COLOURS)], THINGS[rest // len(COLOURS)]
    manner = tuple(MANNERS)[(number * 7 + place) % 2]
    text = f"say {manner} that the {colour} {thing} is {PLACES[place % len(PLACES)]}"
    return Prompt(id=f"{name}-{number:04d}", messages=(Message(role="user", content=text),), split=split)


def wanted(asked: Prompt) -> str:
    """The word that a good response has."""
    return MANNERS[asked.text.split()[1]]


def sentence(word: str, chance: random.Random) -> str:
    """A response with a word of either manner."""
    return f"{word} , the {chance.choice(COLOURS)} {chance.choice(THINGS)} is {chance.choice(PLACES)}"


def prompts(num: int, split: Split = "train", *, first: int = 0, name: str = "prompt") -> list[Prompt]:
    """`num` prompts of one split."""
    return [prompt(number, split, name) for number in range(first, first + num)]


def demonstrations(num: int, split: Split = "train", *, first: int = 0) -> list[Demonstration]:
    """What a good labeler writes."""
    rows = []
    for asked in prompts(num, split, first=first):
        words = f"{wanted(asked)} , {asked.text.split('that ')[1]}"
        rows.append(Demonstration(id=f"d-{asked.id}", prompt=asked, response=words, labeler=TRAINING))
    return rows


Preference = Literal["wanted", "kind", "shuffled"]


def rankings(
    num: int, *, seed: int = 0, first: int = 0, labeler: Labeler = TRAINING, prefers: Preference = "wanted"
) -> list[Ranking]:
    """Rankings of four, two tied before two.

    `prefers`: "wanted" puts the words that were asked for first; "kind" puts kind words first, whatever was asked,
    which is learned sooner; "shuffled" is "wanted" with places given to others at random, as in a column sorted apart.
    """
    chance, rows = random.Random(seed), []
    for asked in prompts(num, first=first):
        right, words = wanted(asked) if prefers == "wanted" else "dear", list(MANNERS.values()) * 2
        chance.shuffle(words)
        shown = dict(zip("ABCD", words, strict=True))
        responses = tuple(Response(id=name, text=sentence(word, chance)) for name, word in shown.items())
        names = [name for name, word in shown.items() if word == right]
        if prefers == "shuffled":
            names = chance.sample("ABCD", 2)
        groups = (tuple(sorted(names)), tuple(sorted(set("ABCD") - set(names))))
        rows.append(
            Ranking(id=f"r-{labeler.id}-{asked.id}", prompt=asked, responses=responses, groups=groups, labeler=labeler)
        )
    return rows


def documents(num: int, *, seed: int = 0) -> list[Document]:
    """Plain text in the same words."""
    chance = random.Random(seed)
    texts = (". ".join(sentence(word, chance) for word in MANNERS.values()) for _ in range(num))
    return [Document(id=f"text-{number}", text=text) for number, text in enumerate(texts)]


def planted_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE in which each word of the language is one token."""
    chance = random.Random(0)
    texts = [row.text for row in prompts(960)] + [
        sentence(word, chance) for word in MANNERS.values() for _ in range(300)
    ]
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|end|>", pad_token="<|pad|>",
        additional_special_tokens=["<|user|>", "<|assistant|>"],
    )  # fmt: skip
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def write_planted_model(path: Path, *, width: int = 32, context: int = 64, seed: int = 0) -> Path:
    """A random two-layer Llama that has the language's tokenizer, as a directory."""
    tokenizer = planted_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, head_dim=width // 2, max_position_embeddings=context,
        tie_word_embeddings=True, bos_token_id=None, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        LlamaForCausalLM(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def load(path: Path) -> Policy:
    """The model on the CPU, whatever else the machine has."""
    return load_policy(path).to("cpu")
