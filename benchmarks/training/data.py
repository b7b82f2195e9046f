"""The tokens that the sides of `train` learn from: a random chain, or real text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.training.reference import Blocks, tokenised
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.model import Language
from emeth_tui.protocol import splitting
from emeth_tui.training.data.tokenizer import train_tokenizer
from emeth_tui.training.files.models import BLOCK_TOKENS

HELD_OUT_BLOCKS = 32
SHIPPED = "shipped"  # stands for the texts that ship with the devnet
_FOLLOWS_SHARE = 0.5  # the share of tokens that the previous one determines: something to learn


@dataclass(frozen=True, slots=True)
class Tokens:
    """Blocks of tokens, `(blocks, 128)`: for training in every epoch, and held out."""

    train: Blocks
    held_out: Blocks


def chain_tokens(blocks: int, vocab: int, seed: int) -> Tokens:
    """Draw tokens from a chain with something to learn: rare and frequent tokens, and likely successors."""
    chance = np.random.default_rng(seed)
    rows = blocks + HELD_OUT_BLOCKS
    weights = 1.0 / np.arange(1, vocab + 1)
    drawn = chance.choice(vocab, size=(rows, BLOCK_TOKENS), p=weights / weights.sum())
    successor = chance.permutation(vocab)
    follows = chance.random((rows, BLOCK_TOKENS)) < _FOLLOWS_SHARE
    for place in range(1, BLOCK_TOKENS):
        drawn[:, place] = np.where(follows[:, place], successor[drawn[:, place - 1]], drawn[:, place])
    drawn = drawn.astype(_dtype(vocab))
    return Tokens(drawn[:blocks], drawn[blocks:])


def text_tokens(corpus: str, language: str, blocks: int, vocab: int) -> Tokens:
    """Tokenise real text with a tokenizer trained on it: the first `blocks` of its training part.

    `corpus` is a directory of `*.txt`, or SHIPPED. Raise ClickException when the text is too short.
    """
    text = load_corpus(None if corpus == SHIPPED else Path(corpus)).texts.get(Language(language))
    if text is None:
        raise click.ClickException(f"--corpus {corpus}: it holds no text in {language!r}")
    parts = splitting.split(text, language, 1)
    tokenizer = train_tokenizer([parts.train], language, vocab)
    train, held_out = (tokenised(part, tokenizer, BLOCK_TOKENS) for part in (parts.train, parts.valid))
    if len(train) < blocks or len(held_out) == 0:
        raise click.ClickException(
            f"--corpus {corpus}: its text yields {len(train)} blocks of {BLOCK_TOKENS} tokens, {blocks} are "
            "wanted: take fewer --steps, a smaller --batch or more text"
        )
    dtype = _dtype(vocab)
    return Tokens(train[:blocks].astype(dtype), held_out[:HELD_OUT_BLOCKS].astype(dtype))


def _dtype(vocab: int) -> np.dtype[Any]:
    return np.dtype(np.uint16 if vocab <= 1 << 16 else np.uint32)
