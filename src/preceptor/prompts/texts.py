"""What makes two prompts the same: their text in one form, its beginnings, its shingles."""

import hashlib
import unicodedata
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], dtype=np.uint64)


def whole_text(messages: Sequence[Any]) -> str:
    """All that is said."""
    return "\n".join(message["content"] for message in messages)


def normal_text(messages: Sequence[Any]) -> str:
    """The same without regard to case, kinds of space and forms of characters."""
    return " ".join(unicodedata.normalize("NFKC", whole_text(messages)).casefold().split())


def text_hash(text: str) -> int:
    """64 bits that stand for a text."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def beginnings(text: str, num_words: int, num_characters: int) -> tuple[int, int]:
    """Hashes of the first words and the first characters of a normal text; 0 where it has fewer."""
    words = text.split(" ", num_words)
    by_words = text_hash(" ".join(words[:num_words])) if len(words) >= num_words else 0
    return by_words, text_hash(text[:num_characters]) if len(text) >= num_characters else 0


def shingles(text: str, num_words: int) -> np.ndarray:
    """The set of all runs of so many words in a normal text, as sorted hashes; a shorter text is one run."""
    words = np.array([zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in text.split(" ")], dtype=np.uint64)
    size = min(num_words, len(words))
    mixed = np.zeros(len(words) - size + 1, dtype=np.uint64)
    for place in range(size):
        mixed = mixed * MIX[0] + (words[place : place + len(mixed)] + MIX[1]) * MIX[2]
    return np.unique((mixed >> np.uint64(32)).astype(np.uint32))
