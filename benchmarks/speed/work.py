"""The fixed work that both sides of a row do: the same sizes of model, the same tokens, without torch.

Random weights and random words: this measures speed, never quality. Word `w17` is token 17.
"""

import math
import random
from dataclasses import dataclass
from pathlib import Path

BUILD = Path(__file__).parents[2] / "build" / "bench"
MODELS = BUILD / "models"
FIRST_WORD = 4
"""Tokens before it are special: pad, beginning, end, unknown."""
PAD, BEGIN, END, UNKNOWN = range(FIRST_WORD)
NUM_TURNS = 400
"""More than any side is ever asked for."""


@dataclass(frozen=True)
class Size:
    """A Llama with tied embeddings."""

    num_layers: int
    width: int
    inner_width: int
    num_heads: int
    vocabulary: int

    @property
    def num_layer_weights(self) -> int:
        """Weights of one layer that multiply a token."""
        return 4 * self.width**2 + 3 * self.width * self.inner_width

    @property
    def num_matrix_weights(self) -> int:
        """Weights that multiply each token, the head's included."""
        return self.num_layers * self.num_layer_weights + self.vocabulary * self.width

    def flops(self, num_tokens: int, num_asked: int, *, has_head: bool = True) -> float:
        """Multiplications and additions of a forward pass over one text whose states are asked for at its last tokens.

        The last layer needs only keys and values of the others.
        """
        products, kept = 2 * self.num_layer_weights, 2 * 2 * self.width**2
        attention, last_attention = (4 * self.width * seen for seen in (num_tokens / 2, num_tokens - num_asked / 2))
        head = 2 * self.vocabulary * self.width if has_head else 0
        whole = num_tokens * (products + attention)
        last = num_tokens * kept + num_asked * (products - kept + last_attention + head)
        return (self.num_layers - 1) * whole + last

    def decoding_bytes(self, num_prompt: int, num_rows: int, num_steps: int) -> float:
        """Bytes in bf16 that decoding must read: all weights at each step, and the keys and values so far.

        `num_prompt` counts the tokens of all rows' prompts.
        """
        cached = num_steps * num_prompt + num_rows * num_steps * (num_steps + 1) / 2
        return 2 * (num_steps * self.num_matrix_weights + 2 * self.num_layers * self.width * cached)


SIZES = {"tiny": Size(4, 256, 512, 4, 2048), "small": Size(8, 512, 1024, 8, 8192)}


@dataclass(frozen=True)
class Ending:
    """Generation in which responses end by themselves."""

    num_prompts: int
    batch_size: int
    longest: int

    def lengths(self) -> list[int]:
        """Tokens of each response, a third of the longest on average."""
        return lognormal_lengths(self.num_prompts, 0, mean=self.longest / 3, longest=self.longest)


ENDING = Ending(num_prompts=256, batch_size=64, longest=64)


def words(dice: random.Random, num: int, size: str) -> list[int]:
    """Random tokens, none of them special."""
    return [dice.randrange(FIRST_WORD, SIZES[size].vocabulary) for _ in range(num)]


def text(tokens: list[int]) -> str:
    """Tokens as the words that a tokenizer makes them of."""
    return " ".join(f"w{token}" for token in tokens)


def prompts(size: str, num: int, turn: int, *, shortest: int = 32, longest: int = 64) -> list[list[int]]:
    """Prompts of one turn, of even lengths between the two; the first is of the longest."""
    dice = random.Random(f"prompts {size} {num} {turn}")
    lengths = [longest, *(dice.randint(shortest, longest) for _ in range(num - 1))]
    return [words(dice, length, size) for length in lengths]


def padded_left(rows: list[list[int]]) -> tuple[list[list[int]], list[list[int]]]:
    """Rows of one width, and which of their tokens count."""
    width = max(map(len, rows))
    gaps = [width - len(row) for row in rows]
    tokens = [[PAD] * gap + row for gap, row in zip(gaps, rows, strict=True)]
    return tokens, [[0] * gap + [1] * (width - gap) for gap in gaps]


def lognormal_lengths(
    num: int, seed: int, *, mean: float, longest: int, shortest: int = 1, spread: float = 0.7
) -> list[int]:
    """Lengths as people's texts have them: lognormal with that mean (before the cut), cut at both ends."""
    dice = random.Random(f"lengths {num} {seed}")
    centre = math.log(mean) - spread**2 / 2
    return [round(min(longest, max(shortest, dice.lognormvariate(centre, spread)))) for _ in range(num)]


def texts(size: str, num: int, turn: int, *, longest: int = 256) -> list[list[int]]:
    """Texts of one step of supervised fine-tuning."""
    dice = random.Random(f"texts {size} {turn}")
    lengths = lognormal_lengths(num, turn, mean=84.0, longest=longest, shortest=8)
    return [words(dice, length, size) for length in lengths]


def ranked(
    size: str, num: int, num_responses: int, turn: int, *, prompt: int = 128, response: int = 64
) -> list[list[list[int]]]:
    """For each of `num` prompts: the prompt, then its responses from best to worst, each ending with the end token."""
    dice = random.Random(f"ranked {size} {turn}")
    return [
        [words(dice, prompt, size), *([*words(dice, response - 1, size), END] for _ in range(num_responses))]
        for _ in range(num)
    ]
