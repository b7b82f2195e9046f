"""Lossless Japanese word segmentation by MeCab: the pieces joined are the text again.

MeCab itself drops spaces, stops at a NUL character and is slow on very long lines, so the text is first cut
into short runs, and what MeCab leaves out becomes pieces of its own.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import fugashi
import unidic_lite  # type: ignore[import-untyped]

MAX_PIECE_CHARS = 64  # a stranger's text may hold a "word" of megabytes; BPE pays for length squared
# A run is one line, without its end, and no longer than MeCab handles quickly. Everything that is not part
# of a run (line ends, NUL) bypasses MeCab.
_RUN = re.compile(r"[^\n\x00]{1,512}|[\n\x00]{1,64}")


def segment(text: str) -> list[str]:
    """Return the words of `text` and what is between them, in order: `"".join(segment(text)) == text`."""
    parse = _tagger().parse
    pieces: list[str] = []
    for run in _RUN.findall(text):
        if run[0] in "\n\x00":
            pieces.append(run)
            continue
        words = list(filter(None, parse(run).split(" ")))
        if "".join(words) == run and max(map(len, words)) <= MAX_PIECE_CHARS:
            pieces += words
        else:
            pieces += _with_gaps(run, words)
    return pieces


def _with_gaps(run: str, words: list[str]) -> Iterator[str]:
    position = 0
    for word in words:
        # MeCab's output leaves out nothing but its own white space.
        start = run.find(word, position)
        if start < 0:
            continue
        if start > position:
            yield from _bounded(run[position:start])
        position = start + len(word)
        yield from _bounded(word)
    if position < len(run):
        yield from _bounded(run[position:])


def _bounded(piece: str) -> Iterator[str]:
    if len(piece) <= MAX_PIECE_CHARS:
        yield piece
        return
    for start in range(0, len(piece), MAX_PIECE_CHARS):
        yield piece[start : start + MAX_PIECE_CHARS]


@functools.cache
def _tagger() -> fugashi.GenericTagger:
    # Name the dictionary and read no mecabrc: other installed software must not change a job's tokens.
    return fugashi.GenericTagger(f'-r /dev/null -d "{unidic_lite.DICDIR}" -Owakati')
