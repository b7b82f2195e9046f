"""The dataset split: which text is trained on, which validates (protocol.md §7, byte-exact).

The pieces that the text falls into are fixed by the network; a verifier and every worker of a job make
the same ones from the same text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from emeth_tui.model import Language

TRAIN_SHARE_EN = 0.93  # protocol.md §7
VALID_SHARE_EN = 0.07  # protocol.md §7
VALID_SHARE_JA = 0.1  # protocol.md §7

# protocol.md §7 splits on ` *[\.\?!]['"\)\]]* *`. The leading ` *` makes that quadratic in a run of spaces,
# which a stranger can send by the megabyte; stripping the spaces before each end afterwards splits the same.
_SENTENCE_END = re.compile(r"""[.?!]['")\]]* *""")


@dataclass(frozen=True, slots=True)
class Split:
    """A dataset's parts: `train` and `valid` whole, and one shard of `train` for each worker."""

    train: str
    valid: str
    shards: tuple[str, ...]


def split(text: str, language: str, workers: int) -> Split:
    """Split `text` into training and validation text and `workers` consecutive shards (protocol.md §7).

    Line ends are normalised first, as the network reads datasets with universal newlines. The remainder of
    training pieces after the last full shard is dropped from the shards, not from `train`.

    Raises ValueError for an unknown language or fewer than one worker.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}; at least 1 is needed")
    text = normalise_newlines(text)
    if language == Language.EN.value:
        pieces, separator = _sentences(text), "."
        train = pieces[: int(len(pieces) * TRAIN_SHARE_EN)]
        # A count of 0 makes the slice [-0:], which is every piece: the network's own arithmetic, kept.
        valid = pieces[-int(len(pieces) * VALID_SHARE_EN) :]
    elif language == Language.JA.value:
        pieces, separator = text.splitlines(), "\n"
        boundary = len(pieces) - math.ceil(len(pieces) * VALID_SHARE_JA)
        train, valid = pieces[:boundary], pieces[boundary:]
    else:
        raise ValueError(f"language is {language!r}; the network knows 'en' and 'ja'")
    return Split(
        train=separator.join(train),
        valid=separator.join(valid),
        shards=tuple(separator.join(shard) for shard in _shards(train, workers)),
    )


def normalise_newlines(text: str) -> str:
    r"""Turn `\r\n` and `\r` into `\n`, as reading with universal newlines does."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _sentences(text: str) -> list[str]:
    *ended, last = _SENTENCE_END.split(text)
    return [*(piece.rstrip(" ") for piece in ended), last]


def _shards(pieces: Sequence[str], workers: int) -> list[Sequence[str]]:
    size = int(len(pieces) / workers)
    return [pieces[index * size : (index + 1) * size] for index in range(workers)]
