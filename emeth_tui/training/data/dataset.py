"""A dataset file as blocks of tokens: split, tokenised once, cached on disk and mapped into memory.

Every unusual input has a defined outcome. Text that is not UTF-8, whose split has no training part, or whose
training part has fewer than two tokens, raises DatasetError before any training. A part shorter than one
block becomes one shorter block.
Without validation text (the split of protocol.md §7 may leave none) the last training block serves for
validation.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emeth_tui.errors import DatasetError
from emeth_tui.files import disk_full_translated, write_atomically
from emeth_tui.model import Language
from emeth_tui.notices.reasons.training.data import DatasetChanged, DatasetEmpty, NoSentenceEnds, OneLine
from emeth_tui.protocol.splitting import PartRanges, part_ranges, part_text, shard_ranges
from emeth_tui.training.data.text_file import OnBytes, TextFacts, lasting_stamp, read_text, text_facts
from emeth_tui.training.data.tokenizer import TextTokenizer, chunks
from emeth_tui.training.reports import OnPreparing, Preparing, Stage, unheard

Blocks = npt.NDArray[Any]  # of uint16, or uint32 where the vocabulary is too large for that
MIN_TOKENS = 2  # one as input, one to predict
FORMAT = 2  # of the cache; raised when its files or the tokenizers' training change
_META_NAME = "tokens.json"
_PARTS = ("train", "valid")
_READING_SHARE = 0.05  # of the total time

MakeTokenizer = Callable[[Iterable[str]], TextTokenizer]  # from the training text, in strings


@dataclass(frozen=True, slots=True)
class TokenisedDataset:
    """Blocks of tokens, shaped `(blocks, tokens in a block)`, mapped from disk.

    `digest` is `d` of protocol.md §9, `vocab_size` that of the tokenizer used. `made_in_s` is how long that
    took, None when they came from the cache.
    """

    digest: str
    vocab_size: int
    train: Blocks
    valid: Blocks
    made_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class TokenSource:
    """How to make tokens of a text; `tokenizer_name` is part of the cache key.

    Of a job that several share, `part` of `parts` trains on its own share of the training text; tokenizer
    and validation text are those of the whole.
    """

    language: str
    tokenizer_name: str
    block_tokens: int
    make_tokenizer: MakeTokenizer
    part: int = 1
    parts: int = 1

    @property
    def key(self) -> str:
        """What its tokens differ by from others of the same text."""
        share = f":{self.part}/{self.parts}" if self.parts > 1 else ""
        return f"{FORMAT}:{self.language}:{self.tokenizer_name}:{self.block_tokens}{share}"


def load_tokens(
    dataset_path: Path,
    cache_dir: Path,
    source: TokenSource,
    progress: OnPreparing = unheard,
) -> TokenisedDataset:
    """Return the dataset's tokens, from the cache if it holds them; else make and cache them.

    `progress` may raise to abort; unfinished work is redone next time. Raise DatasetError,
    DiskFull.
    """
    started, made_in_s = time.monotonic(), None
    meta, stamp = _read_meta(cache_dir, source.key), lasting_stamp(dataset_path)
    if meta is None or stamp is None or meta["stamp"] != stamp:
        meter = _Meter(progress, dataset_path.stat().st_size)
        facts = text_facts(dataset_path, source.language, meter.reading(Stage.READING, 0.0))
        if meta is not None and meta["content"] == facts.content:
            meta |= {"stamp": stamp}
        else:
            with disk_full_translated(cache_dir):
                meta = _tokenise(dataset_path, facts, cache_dir, source, meter) | {"key": source.key}
            made_in_s = time.monotonic() - started
        # Written last: its presence means that the token files are complete.
        with disk_full_translated(cache_dir):
            write_atomically(cache_dir / _META_NAME, json.dumps(meta).encode())
    train, valid = (_map(cache_dir / f"{part}.bin", meta["dtype"], meta[part]) for part in _PARTS)
    train_blocks = _as_blocks(train, source.block_tokens)
    return TokenisedDataset(
        digest=meta["digest"],
        vocab_size=meta["vocab_size"],
        train=train_blocks,
        valid=_as_blocks(valid, source.block_tokens) if len(valid) >= MIN_TOKENS else train_blocks[-1:],
        made_in_s=made_in_s,
    )


def tokenizer_of(path: Path, source: TokenSource) -> TextTokenizer:
    """Make the tokenizer that `load_tokens` uses for a dataset. Raise DatasetError."""
    parts = check_split(text_facts(path, source.language).pieces, path.stat().st_size, source.language)
    return source.make_tokenizer(part_text(read_text(path), source.language, parts.train))


def check_split(pieces: int, size_bytes: int, language: str) -> PartRanges:
    """Return a text's parts. Raise DatasetError where a text that is not empty has no training part."""
    parts = part_ranges(pieces, language)
    if pieces == 1 and size_bytes and not parts.train:
        raise DatasetError(NoSentenceEnds() if language == Language.EN.value else OneLine())
    return parts


def token_ids(blocks: Blocks) -> npt.NDArray[np.int64]:
    """Copy blocks out of the mapped file, as the integer type that a model takes."""
    return np.asarray(blocks, dtype=np.int64)


def epoch_order(seed: int, epoch: int, blocks: int) -> npt.NDArray[np.int64]:
    """Return the order of an epoch's blocks. Seed and epoch determine it, so an epoch can be resumed."""
    return np.random.default_rng([seed, epoch]).permutation(blocks)


class _Meter:
    """The progress of tokenising: a fraction that never goes back."""

    def __init__(self, progress: OnPreparing, size_bytes: int) -> None:
        self._progress = progress
        self._size_bytes = max(1, size_bytes)
        self._fraction = 0.0

    def reading(self, stage: Stage, start: float, end: float = _READING_SHARE) -> OnBytes:
        """Return a callback that counts the bytes of one pass, from `start` to `end` of the whole."""
        read_bytes = 0

        def count(raw: bytes) -> None:
            nonlocal read_bytes
            read_bytes += len(raw)
            self.report(start + (end - start) * read_bytes / self._size_bytes, stage)

        return count

    def report(self, fraction: float, stage: Stage) -> None:
        self._fraction = min(1.0, max(self._fraction, fraction))
        self._progress(Preparing(self._fraction, stage))


def _tokenise(
    path: Path, facts: TextFacts, cache_dir: Path, source: TokenSource, meter: _Meter
) -> dict[str, Any]:
    parts = check_split(facts.pieces, path.stat().st_size, source.language)

    def text_of(part: range, on_bytes: OnBytes) -> Iterator[str]:
        return part_text(read_text(path, on_bytes), source.language, part)

    meter.report(_READING_SHARE, Stage.MAKING_TOKENIZER)
    sample = text_of(parts.train, meter.reading(Stage.MAKING_TOKENIZER, _READING_SHARE))
    tokenizer = source.make_tokenizer(sample)
    dtype = np.dtype(np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32)
    cache_dir.mkdir(parents=True, exist_ok=True)
    (cache_dir / _META_NAME).unlink(missing_ok=True)
    share = shard_ranges(parts.train, source.parts)[source.part - 1]
    train_text = text_of(share, meter.reading(Stage.TOKENISING, _READING_SHARE, 1.0))
    train = _write_tokens(cache_dir / "train.bin", train_text, tokenizer, dtype)
    if train < MIN_TOKENS:
        raise DatasetError(DatasetEmpty(train))
    stamp = lasting_stamp(path)
    content, count = hashlib.sha256(), meter.reading(Stage.TOKENISING, _READING_SHARE, 1.0)

    def hashed(raw: bytes) -> None:
        content.update(raw)
        count(raw)

    # The validation text extends to the file's end, so the whole file is hashed here once more.
    valid = _write_tokens(cache_dir / "valid.bin", text_of(parts.valid, hashed), tokenizer, dtype)
    if content.hexdigest() != facts.content:
        raise DatasetError(DatasetChanged(path))
    meter.report(1.0, Stage.TOKENISING)
    return {
        "content": facts.content,
        "stamp": stamp,
        "digest": facts.digest,
        "vocab_size": tokenizer.vocab_size,
        "dtype": dtype.name,
        "train": train,
        "valid": valid,
    }


def _write_tokens(path: Path, texts: Iterable[str], tokenizer: TextTokenizer, dtype: np.dtype[Any]) -> int:
    tokens = 0
    with path.open("wb") as file:
        for chunk in chunks(texts):
            ids = tokenizer.encode(chunk)
            file.write(ids.astype(dtype).tobytes())
            tokens += len(ids)
        file.flush()
        os.fsync(file.fileno())
    return tokens


def _read_meta(cache_dir: Path, key: str) -> dict[str, Any] | None:
    try:
        meta: dict[str, Any] = json.loads((cache_dir / _META_NAME).read_bytes())
        if meta["key"] != key or not {"content", "stamp", "digest", "vocab_size"} <= meta.keys():
            return None
        item_bytes = np.dtype(meta["dtype"]).itemsize
        whole = all((cache_dir / f"{part}.bin").stat().st_size == meta[part] * item_bytes for part in _PARTS)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # missing or damaged: the tokens are made again
    return meta if whole else None


def _map(path: Path, dtype: str, tokens: int) -> npt.NDArray[Any]:
    if tokens == 0:  # an empty file cannot be mapped
        return np.empty(0, dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=(tokens,))


def _as_blocks(tokens: npt.NDArray[Any], block_tokens: int) -> Blocks:
    length = min(block_tokens, len(tokens))
    blocks = len(tokens) // length
    return tokens[: blocks * length].reshape(blocks, length)
