"""Find the words that a GPT-2 tokenizer divides a text into, so that each word is tokenised once.

A tokenizer spends most of its time on words that it has seen before. The expression below finds the same
words as the tokenizer's own in texts of characters that both treat alike; other texts go to the tokenizer
itself.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import tokenizers
from tokenizers import models, pre_tokenizers

TokenIds = npt.NDArray[np.uint32]
MAX_CACHED_WORDS = 50_000  # 10 MB of them; a few thousand make up most of a text
MAX_CACHED_CHARS = 64  # longer words seldom recur
STRETCH_CHARS = 4_096  # the unit that is encoded in one way or the other
MAX_STRETCH_CHARS = 262_144

# Latin letters with accents, and typographic dashes and quotes: in Unicode for so long that every table of
# letters and digits agrees on them.
KNOWN_CHARS = [chr(point) for point in (*range(0x250), *range(0x2010, 0x2028), *range(0x2030, 0x205F))]
_UNKNOWN = re.compile(f"[^{re.escape(''.join(KNOWN_CHARS))}]")
# A space or line end after anything else starts the next word, whatever the characters.
_WORD_START = re.compile(r"(?<=\S)[ \n]")


class WordTokens:
    """The token ids of words, encoded by `bpe` once per recurring word."""

    def __init__(self, bpe: tokenizers.Tokenizer) -> None:
        self._bpe = bpe
        self._ids_of: dict[str, bytes] = {}

    def encode(self, words: Sequence[str]) -> TokenIds:
        """Encode words, which `bpe` must not divide any further itself, to one row of ids."""
        if len(self._ids_of) > MAX_CACHED_WORDS:
            self._ids_of.clear()
        unknown = [word for word in dict.fromkeys(words) if word not in self._ids_of]
        rows = encode_batch(self._bpe, unknown)
        self._ids_of.update((word, row.tobytes()) for word, row in zip(unknown, rows, strict=True))
        ids = b"".join(map(self._ids_of.__getitem__, words))
        for word in unknown:
            if len(word) > MAX_CACHED_CHARS:
                del self._ids_of[word]
        return np.frombuffer(ids, dtype=np.uint32)


class FoundWords:
    """Encodes like `bpe`, which divides texts by GPT-2's expression: the same ids, several times as fast.

    `max_word_chars` is the most letters, digits or signs that the expression takes together, if limited.
    """

    def __init__(self, bpe: tokenizers.Tokenizer, max_word_chars: int | None) -> None:
        self._bpe = bpe
        self._tokens = WordTokens(bpe)
        self._words_of = word_expression(max_word_chars).findall
        self._added = [token.content for token in bpe.get_added_tokens_decoder().values()]

    def encode(self, text: str) -> TokenIds:
        """Encode one chunk of text."""
        if any(token in text for token in self._added):
            return encode_batch(self._bpe, [text])[0]
        if not _UNKNOWN.search(text):
            return self._tokens.encode(self._words_of(text))
        parts = list(stretches([text]))
        unknown = [part for part in parts if _UNKNOWN.search(part)]
        ids_of = dict(zip(unknown, encode_batch(self._bpe, unknown), strict=True))
        return np.concatenate(
            [ids_of[part] if part in ids_of else self._tokens.encode(self._words_of(part)) for part in parts]
        )


def divides_as_gpt2(bpe: tokenizers.Tokenizer) -> bool:
    """Return whether a tokenizer divides texts by GPT-2's own expression and does nothing else."""
    division = bpe.pre_tokenizer
    return (
        isinstance(bpe.model, models.BPE)
        and not bpe.model.dropout
        and bpe.normalizer is None
        and isinstance(division, pre_tokenizers.ByteLevel)
        and bool(division.use_regex)
        and not division.add_prefix_space
    )


@functools.cache
def word_expression(max_word_chars: int | None) -> re.Pattern[str]:
    """Return GPT-2's division into words, numbers, signs and white space, for texts of known characters."""
    letter = _class_of(lambda char: unicodedata.category(char).startswith("L"))
    number = _class_of(lambda char: unicodedata.category(char).startswith("N"))
    # White space to Python but not to Unicode: the ASCII separators.
    space = _class_of(lambda char: char.isspace() and not "\x1c" <= char <= "\x1f")
    many = "+" if max_word_chars is None else f"{{1,{max_word_chars}}}"
    return re.compile(
        r"'(?:s|t|re|ve|m|ll|d)"
        rf"| ?[{letter}]{many}| ?[{number}]{many}| ?[^{space}{letter}{number}]{many}"
        rf"|[{space}]{many}(?![^{space}])|[{space}]{many}"
    )


def encode_batch(bpe: tokenizers.Tokenizer, texts: Sequence[str]) -> list[TokenIds]:
    """Encode each text to its row of ids."""
    encodings = bpe.encode_batch_fast(texts, add_special_tokens=False)
    return [np.asarray(encoding.ids, dtype=np.uint32) for encoding in encodings]


def stretches(texts: Iterable[str]) -> Iterator[str]:
    """Cut a text, which arrives in strings, before words into stretches of at least STRETCH_CHARS.

    Joined they are the text again. Without a word to cut at, one ends anywhere after MAX_STRETCH_CHARS.
    """
    rest = ""
    for text in texts:
        rest += text
        start = 0
        while cut := _WORD_START.search(rest, start + STRETCH_CHARS):
            yield rest[start : cut.start()]
            start = cut.start()
        rest = rest[start:]
        if len(rest) > MAX_STRETCH_CHARS:
            yield rest
            rest = ""
    if rest:
        yield rest


def _class_of(belongs: Callable[[str], bool]) -> str:
    return re.escape("".join(filter(belongs, KNOWN_CHARS)))
