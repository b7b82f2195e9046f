"""Text to token ids and back, by a byte-level BPE trained on the job's own text or a model's own tokenizer.

A tokenizer trained here depends on the text alone, so that a verifier can rebuild it from the dataset.
Byte-level means that encoding any text loses nothing.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers

from emeth_tui.errors import TrainingError
from emeth_tui.foreign_text import one_line
from emeth_tui.model import Language
from emeth_tui.notices.reasons.training.models import TokenizerMissing, TokenizerNotFast, TokenizerUnusable
from emeth_tui.training.data.word_cache import (
    FoundWords,
    TokenIds,
    WordTokens,
    divides_as_gpt2,
    encode_batch,
    stretches,
)
from emeth_tui.training.files.hub import SENTENCEPIECE_NAME, TOKENIZER_NAME

MAX_PIECE_CHARS = (
    64  # BPE never merges beyond a piece; without a bound, a hostile "word" of megabytes stalls it
)
TRAINING_CHARS = 4_000_000  # a vocabulary of a few thousand learns nothing from more
CHUNK_CHARS = 262_144  # the most that are encoded at once
MIN_PAIR_COUNT = 2  # a pair seen once is no pattern
MIN_PRETRAINED_VOCAB = 256  # any real one has at least the bytes

# GPT-2's division into words, numbers, signs and white space, each bounded in length.
_PIECES = (
    r"'(?:s|t|re|ve|m|ll|d)"
    rf"| ?\p{{L}}{{1,{MAX_PIECE_CHARS}}}| ?\p{{N}}{{1,{MAX_PIECE_CHARS}}}"
    rf"| ?[^\s\p{{L}}\p{{N}}]{{1,{MAX_PIECE_CHARS}}}"
    rf"|\s{{1,{MAX_PIECE_CHARS}}}(?!\S)|\s{{1,{MAX_PIECE_CHARS}}}"
)


class TextTokenizer(Protocol):
    """Turns text into token ids below `vocab_size`, and back."""

    @property
    def vocab_size(self) -> int: ...

    def encode(self, text: str) -> TokenIds:
        """Encode one chunk of text; see `chunks` for longer texts."""
        ...

    def decode(self, ids: TokenIds) -> str: ...


def train_tokenizer(texts: Iterable[str], language: str, vocab_limit: int) -> TextTokenizer:
    """Train a tokenizer of at most `vocab_limit` tokens on the start of a text that arrives in strings.

    The same text makes the same tokenizer, however it is cut. It is read no further than TRAINING_CHARS.
    """
    sample = _beginning(texts, TRAINING_CHARS)
    if language == Language.JA.value:
        from emeth_tui.training.data.japanese import segment

        words = itertools.chain.from_iterable(map(segment, chunks(sample)))
        return MecabBpe(_trained_bpe(words, _bytes_only(), vocab_limit))
    # In stretches, because the trainer needs many times the memory of each string that it is given.
    bpe = _trained_bpe(stretches(sample), _gpt2_pieces(), vocab_limit)
    return Bpe(bpe, FoundWords(bpe, MAX_PIECE_CHARS))


_LOAD_ERRORS = (OSError, ValueError, KeyError, ImportError, TypeError, AttributeError, RecursionError)


def pretrained_tokenizer(name: str, directory: Path, lower_case: bool) -> TextTokenizer:
    """Load the tokenizer of a pretrained model. Raise TrainingError when it cannot be loaded.

    `lower_case` lower-cases texts for a SentencePiece model; other tokenizers do that themselves.
    """
    if (directory / SENTENCEPIECE_NAME).is_file() and not (directory / TOKENIZER_NAME).is_file():
        from emeth_tui.training.data.sentence_pieces import load_sentence_pieces

        return load_sentence_pieces(name, directory, lower_case)
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(str(directory), use_fast=True, trust_remote_code=False)
    except BaseException as error:
        # For a damaged file `tokenizers` raises Exception itself, or its Rust panics, which is no Exception.
        is_panic = type(error).__module__ == "pyo3_runtime"
        if not (is_panic or type(error) is Exception or isinstance(error, _LOAD_ERRORS)):
            raise
        raise TrainingError(TokenizerUnusable(name, one_line(error))) from error
    backend = getattr(loaded, "backend_tokenizer", None)
    if not isinstance(backend, tokenizers.Tokenizer):
        raise TrainingError(TokenizerNotFast(name))
    if backend.get_vocab_size() < MIN_PRETRAINED_VOCAB:  # what transformers returns when files are missing
        raise TrainingError(TokenizerMissing(name, directory))
    return Bpe(backend, FoundWords(backend, None) if divides_as_gpt2(backend) else None)


class Bpe:
    """A tokenizer that finds words itself or through `words`; most pretrained ones are of this kind."""

    def __init__(self, bpe: tokenizers.Tokenizer, words: FoundWords | None) -> None:
        self._bpe = bpe
        self._bpe.no_truncation()
        self._bpe.no_padding()
        self._words = words
        self._vocab_size = max(bpe.get_vocab().values()) + 1  # a pretrained one's ids may have gaps

    @property
    def vocab_size(self) -> int:
        return self._vocab_size

    def encode(self, text: str) -> TokenIds:
        if self._words:
            return self._words.encode(text)
        return encode_batch(self._bpe, [text])[0]

    def decode(self, ids: TokenIds) -> str:
        return self._bpe.decode(ids.tolist(), skip_special_tokens=False)

    def save(self, path: Path) -> None:
        self._bpe.save(str(path))


class MecabBpe:
    """MeCab finds the words, BPE divides each into tokens."""

    def __init__(self, bpe: tokenizers.Tokenizer) -> None:
        self._bpe = bpe
        self._tokens = WordTokens(bpe)

    @property
    def vocab_size(self) -> int:
        return self._bpe.get_vocab_size()

    def encode(self, text: str) -> TokenIds:
        from emeth_tui.training.data.japanese import segment

        return self._tokens.encode(segment(text))

    def decode(self, ids: TokenIds) -> str:
        return self._bpe.decode(ids.tolist(), skip_special_tokens=False)

    def save(self, path: Path) -> None:
        self._bpe.save(str(path))


def save_tokenizer(tokenizer: TextTokenizer, directory: Path) -> None:
    """Write a tokenizer that was trained here as `tokenizer.json`.

    Of a Japanese one, MeCab's division into words is left out, which that file cannot hold: read with it, a
    text has somewhat other tokens, and the same text comes back.
    """
    if not isinstance(tokenizer, (Bpe, MecabBpe)):
        raise TypeError("only a tokenizer that was trained here is saved")
    tokenizer.save(directory / TOKENIZER_NAME)


def chunks(texts: Iterable[str]) -> Iterator[str]:
    """Cut a text, which arrives in strings, where no GPT-2 token spans: before line ends that follow a word.

    A stretch of CHUNK_CHARS without one is cut anywhere. The chunks do not depend on how the strings were
    cut, and joined they are the text again.
    """
    rest = ""
    for text in texts:
        rest += text
        start = 0
        while len(rest) - start > CHUNK_CHARS:
            end = _last_cut(rest, start + CHUNK_CHARS // 2, start + CHUNK_CHARS)
            yield rest[start:end]
            start = end
        rest = rest[start:]
    if rest:
        yield rest


def _beginning(texts: Iterable[str], chars: int) -> Iterator[str]:
    for text in texts:
        yield text[:chars]
        chars -= len(text)
        if chars <= 0:
            return


def _last_cut(text: str, low: int, high: int) -> int:
    cut = text.rfind("\n", low, high)
    while cut > low and text[cut - 1].isspace():
        cut = text.rfind("\n", low, cut)
    return cut if cut > low else high


def _trained_bpe(
    words: Iterable[str], pre_tokenizer: pre_tokenizers.PreTokenizer, vocab_limit: int
) -> tokenizers.Tokenizer:
    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizer
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_limit,
        min_frequency=MIN_PAIR_COUNT,
        # Sorted, because the alphabet is a set: every byte has a token whether the text contains it or not.
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(words, trainer)
    return bpe


@functools.cache
def _bytes_only() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


@functools.cache
def _gpt2_pieces() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(_PIECES), "isolated"), _bytes_only()])
