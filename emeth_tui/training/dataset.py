"""A dataset file as blocks of tokens: split, tokenised once, kept on disk and mapped into memory.

Every odd input has a defined end. Text that is not UTF-8, or whose training part has fewer than two tokens,
is a DatasetError before anything is trained. A part shorter than one block becomes one shorter block.
Without validation text (the split of protocol.md §7 may leave none) the last training block is validated
on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emeth_tui.errors import DatasetError
from emeth_tui.protocol import hash_chain, splitting
from emeth_tui.training.files import disk_full_translated, write_atomically
from emeth_tui.training.tokenizer import TextTokenizer, chunks

Blocks = npt.NDArray[Any]  # of uint16, or uint32 where the vocabulary is too large for that
MIN_TOKENS = 2  # one token to read, one to predict
FORMAT = 1  # of the cache; raised when its files or the tokenizers' training change
_META_NAME = "tokens.json"
_PARTS = ("train", "valid")

Progress = Callable[[float, str], None]
MakeTokenizer = Callable[[str], TextTokenizer]  # from the training text


@dataclass(frozen=True, slots=True)
class TokenisedDataset:
    """Blocks of tokens, shaped `(blocks, tokens in a block)`, mapped from disk.

    `digest` is `d` of protocol.md §9, `vocab_size` that of the tokenizer that made them. `made_in_s` is how
    long that took, None where the cache held them.
    """

    digest: str
    vocab_size: int
    train: Blocks
    valid: Blocks
    made_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Which tokens are wanted, and what makes them; `tokenizer_name` is part of the cache's key."""

    language: str
    tokenizer_name: str
    block_tokens: int
    make_tokenizer: MakeTokenizer


def read_dataset(path: Path) -> tuple[str, str]:
    """Read a dataset: its text, and the sha256 of its bytes. Raises DatasetError unless it is UTF-8."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"the dataset cannot be read from {path}: {error.strerror}") from error
    try:
        return raw.decode("utf-8"), hashlib.sha256(raw).hexdigest()
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"the dataset is not UTF-8 text: byte {error.start} of {len(raw)} is wrong"
        ) from error


def load_tokens(
    dataset_path: Path,
    cache_dir: Path,
    source: TokenSource,
    progress: Progress = lambda fraction, detail: None,
) -> TokenisedDataset:
    """Return the dataset's tokens, from the cache where it holds them, else made and put there.

    `progress` may raise to break off; what is unfinished is made again next time. Raises DatasetError,
    DiskFull.
    """
    started = time.monotonic()
    made_in_s = None
    progress(0.0, "reading the dataset")
    text, content = read_dataset(dataset_path)
    key = f"{FORMAT}:{content}:{source.language}:{source.tokenizer_name}:{source.block_tokens}"
    meta = _read_meta(cache_dir, key)
    if meta is None:
        meta = _tokenise(text, cache_dir, source, progress, key)
        made_in_s = time.monotonic() - started
    train, valid = (_map(cache_dir / f"{part}.bin", meta["dtype"], meta[part]) for part in _PARTS)
    train_blocks = _as_blocks(train, source.block_tokens)
    return TokenisedDataset(
        digest=meta["digest"],
        vocab_size=meta["vocab_size"],
        train=train_blocks,
        valid=_as_blocks(valid, source.block_tokens) if len(valid) >= MIN_TOKENS else train_blocks[-1:],
        made_in_s=made_in_s,
    )


def token_ids(blocks: Blocks) -> npt.NDArray[np.int64]:
    """Copy blocks out of the mapped file, as the integers that a model is indexed with."""
    return np.asarray(blocks, dtype=np.int64)


def epoch_order(seed: int, epoch: int, blocks: int) -> npt.NDArray[np.int64]:
    """The order of an epoch's blocks: it follows from seed and epoch, so a resumed epoch finds its place."""
    return np.random.default_rng([seed, epoch]).permutation(blocks)


def _tokenise(
    text: str, cache_dir: Path, source: TokenSource, progress: Progress, key: str
) -> dict[str, Any]:
    parts = splitting.split(text, source.language, 1)
    progress(0.0, "making the tokenizer")
    tokenizer = source.make_tokenizer(parts.train)
    dtype = np.dtype(np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32)
    progress(0.0, "tokenising")
    with disk_full_translated(cache_dir):
        cache_dir.mkdir(parents=True, exist_ok=True)
        share = len(parts.train) / max(1, len(parts.train) + len(parts.valid))
        train = _write_tokens(
            cache_dir / "train.bin",
            parts.train,
            tokenizer,
            dtype,
            lambda done: progress(share * done, "tokenising"),
        )
        if train < MIN_TOKENS:
            raise DatasetError(
                f"the dataset's training part has {train} tokens: there is nothing to learn from"
            )
        valid = _write_tokens(
            cache_dir / "valid.bin",
            parts.valid,
            tokenizer,
            dtype,
            lambda done: progress(share + (1 - share) * done, "tokenising"),
        )
    meta = {
        "key": key,
        "digest": hash_chain.dataset_digest(text),
        "vocab_size": tokenizer.vocab_size,
        "dtype": dtype.name,
        "train": train,
        "valid": valid,
    }
    # Written last: its presence says that the token files are complete.
    write_atomically(cache_dir / _META_NAME, lambda file: file.write(json.dumps(meta).encode()))
    return meta


def _write_tokens(
    path: Path, text: str, tokenizer: TextTokenizer, dtype: np.dtype[Any], progress: Callable[[float], None]
) -> int:
    tokens, chars_done = 0, 0
    with path.open("wb") as file:
        for chunk in chunks(text):
            ids = tokenizer.encode(chunk)
            file.write(ids.astype(dtype).tobytes())
            tokens += len(ids)
            chars_done += len(chunk)
            progress(chars_done / len(text))
    return tokens


def _read_meta(cache_dir: Path, key: str) -> dict[str, Any] | None:
    try:
        meta: dict[str, Any] = json.loads((cache_dir / _META_NAME).read_bytes())
        if meta["key"] != key:
            return None
        item_bytes = np.dtype(meta["dtype"]).itemsize
        whole = all((cache_dir / f"{part}.bin").stat().st_size == meta[part] * item_bytes for part in _PARTS)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none there, or damaged: the tokens are made again
    return meta if whole else None


def _map(path: Path, dtype: str, tokens: int) -> npt.NDArray[Any]:
    if tokens == 0:  # an empty file cannot be mapped
        return np.empty(0, dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=(tokens,))


def _as_blocks(tokens: npt.NDArray[Any], block_tokens: int) -> Blocks:
    length = min(block_tokens, len(tokens))
    blocks = len(tokens) // length
    return tokens[: blocks * length].reshape(blocks, length)
