"""The dataset split: which text is for training, which for validation (protocol.md §7, byte-exact).

The network fixes how a text is divided into pieces; a verifier and every worker of a job get the same ones
from the same text. Everything here reads a text as a stream of strings, cut anywhere, and holds one at a
time, whatever the text: a dataset may be a single line of 100 MB.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from emeth_tui.model import Language

TRAIN_SHARE_EN = 0.93  # protocol.md §7
VALID_SHARE_EN = 0.07  # protocol.md §7
VALID_SHARE_JA = 0.1  # protocol.md §7

# protocol.md §7 splits on ` *[\.\?!]['"\)\]]* *`. The leading ` *` makes that quadratic in a run of spaces,
# which a stranger can send by the megabyte; stripping the spaces before each end afterwards is equivalent.
_END_MARKS = ".?!"
_SENTENCE_END = re.compile(r"""[.?!]['")\]]* *""")
_REST_OF_END = re.compile(r"""['")\]]* *""")
_SEPARATOR = {Language.EN.value: ".", Language.JA.value: "\n"}
_BLOCK_CHARS = 65_536  # when yielding spaces that were held back


@dataclass(frozen=True, slots=True)
class Split:
    """A dataset's parts: the whole of `train` and `valid`, and one shard of `train` for each worker."""

    train: str
    valid: str
    shards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartRanges:
    """Which of a text's pieces make up its parts; all of a short English text is for validation."""

    train: range
    valid: range


def split(text: str, language: str, workers: int) -> Split:
    """Split `text` into training and validation text and `workers` consecutive shards (protocol.md §7).

    Line ends are normalised first, as the network reads datasets with universal newlines. The remainder of
    training pieces after the last full shard is dropped from the shards, not from `train`.

    Raise ValueError for an unknown language or fewer than one worker.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}; at least 1 is needed")
    texts = [normalise_newlines(text)]
    ranges = part_ranges(count_pieces(texts, language), language)

    def joined(wanted: range) -> str:
        return "".join(part_text(texts, language, wanted))

    shards = tuple(joined(shard) for shard in shard_ranges(ranges.train, workers))
    return Split(joined(ranges.train), joined(ranges.valid), shards)


def normalise_newlines(text: str) -> str:
    r"""Turn `\r\n` and `\r` into `\n`, as reading with universal newlines does."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


class PieceCounter:
    """Counts the pieces of a text that comes in strings, its line ends normalised.

    Raise ValueError for an unknown language.
    """

    def __init__(self, language: str) -> None:
        _separator(language)
        self._english = language == Language.EN.value
        self._ends = 0
        self._last = ""

    def update(self, text: str) -> None:
        """Count the pieces that end in the next string of the text."""
        if not text:
            return
        if self._english:
            self._ends += sum(text.count(mark) for mark in _END_MARKS)  # no separator contains two of them
        else:
            self._ends += len(text.splitlines()) - (not _ends_line(text))
        self._last = text[-1]

    @property
    def pieces(self) -> int:
        """The number of pieces in all the strings together."""
        if self._english:
            return self._ends + 1
        # str.splitlines: what follows the last line's end is a line only if it is not empty.
        return self._ends + bool(self._last and not _ends_line(self._last))


def count_pieces(texts: Iterable[str], language: str) -> int:
    """Count a text's pieces, its line ends normalised. Raise ValueError for an unknown language."""
    counter = PieceCounter(language)
    for text in texts:
        counter.update(text)
    return counter.pieces


def part_ranges(pieces: int, language: str) -> PartRanges:
    """Divide pieces into training and validation. Raise ValueError for an unknown language."""
    _separator(language)
    if language == Language.EN.value:
        valid = int(pieces * VALID_SHARE_EN)
        # A count of 0 makes the slice [-0:], which is every piece: the network's own arithmetic, kept.
        return PartRanges(range(int(pieces * TRAIN_SHARE_EN)), range(pieces - valid if valid else 0, pieces))
    boundary = pieces - math.ceil(pieces * VALID_SHARE_JA)
    return PartRanges(range(boundary), range(boundary, pieces))


def shard_ranges(train: range, workers: int) -> list[range]:
    """Divide the training pieces among workers: `train1.txt` and so on; the remainder is dropped."""
    size = int(len(train) / workers)
    return [train[index * size : (index + 1) * size] for index in range(workers)]


def part_text(texts: Iterable[str], language: str, wanted: range) -> Iterator[str]:
    """Yield the text of consecutive pieces, joined as the network joins them.

    `texts` is the whole text, its line ends normalised; it is read no further than the last wanted piece.
    The strings yielded make up the part when joined; they are about as long as those that went in.

    Raise ValueError for an unknown language.
    """
    separator = _separator(language)
    if not wanted:
        return
    piece = 0  # the number of the piece that the next fragment belongs to
    fragments_of = _sentence_fragments if language == Language.EN.value else _line_fragments
    for fragments in fragments_of(texts):
        part = separator.join(fragments[max(wanted.start - piece, 0) : wanted.stop - piece])
        if part:
            yield part
        piece += len(fragments) - 1
        if piece >= wanted.stop:
            return


def _separator(language: str) -> str:
    try:
        return _SEPARATOR[language]
    except KeyError:
        raise ValueError(f"language is {language!r}; the network knows 'en' and 'ja'") from None


def _sentence_fragments(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield lists of fragments of pieces: each list's first fragment continues the previous list's last."""
    spaces = 0  # seen and not yet yielded: an end mark swallows those before it
    in_end = False  # the string before ended with an end mark, and closing quotes or spaces may follow
    closed = False  # only spaces may
    for unread in texts:
        text = unread
        if in_end:
            text = unread.lstrip(" ") if closed else unread[_matched(_REST_OF_END, unread) :]
            closed = closed or unread[: len(unread) - len(text)].endswith(" ")
            in_end = not text
        body = text.rstrip(" ")
        if not body:
            spaces += len(text)
            continue
        if body.lstrip(" ")[0] not in _END_MARKS:
            yield from _blocks_of_spaces(spaces)
        *ended, last = _SENTENCE_END.split(body)
        yield [*(piece.rstrip(" ") for piece in ended), last]
        in_end = bool(ended) and not last
        closed = len(body) < len(text)
        spaces = 0 if in_end else len(text) - len(body)
    yield from _blocks_of_spaces(spaces)


def _matched(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0


def _blocks_of_spaces(spaces: int) -> Iterator[list[str]]:
    for start in range(0, spaces, _BLOCK_CHARS):
        yield [" " * min(_BLOCK_CHARS, spaces - start)]


def _line_fragments(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield lists of fragments of lines: each list's first fragment continues the previous list's last."""
    for text in texts:
        if text:
            lines = text.splitlines()
            yield [*lines, ""] if _ends_line(text) else lines


def _ends_line(text: str) -> bool:
    return text[-1].splitlines() == [""]
