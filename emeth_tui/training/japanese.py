"""Japanese word segmentation by MeCab, with nothing lost: the pieces joined are the text again.

MeCab itself drops spaces, stops at a NUL character and strains under endless lines, so the text is cut into
short runs first and what MeCab leaves out becomes pieces of its own.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import fugashi
import unidic_lite  # type: ignore[import-untyped]

MAX_PIECE_CHARS = 64  # a stranger's text may hold a "word" of megabytes; BPE pays for length squared
# A run is one line, without its end, and no longer than MeCab handles quickly. Everything that is not part
# of a run (line ends, NUL) passes by MeCab.
_RUN = re.compile(r"[^\n\x00]{1,512}|[\n\x00]{1,64}")


def segment(text: str) -> Iterator[str]:
    """Yield the words of `text` and what lies between them, in order: `"".join(segment(text)) == text`."""
    parse = _tagger().parse
    for match in _RUN.finditer(text):
        run = match.group()
        if run[0] in "\n\x00":
            yield run
            continue
        position = 0
        for word in parse(run).split(" "):
            # MeCab's own white space is the only thing that its output leaves out.
            start = run.find(word, position) if word else -1
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
    # The dictionary is named, and no mecabrc read: what else is installed must not change a job's tokens.
    return fugashi.GenericTagger(f'-r /dev/null -d "{unidic_lite.DICDIR}" -Owakati')
