"""A dataset file as a stream of text: one buffer in memory, however long the file or its lines are."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.errors import DatasetError
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.training.data import DatasetNotText, DatasetNotUtf8, DatasetUnreadable
from emeth_tui.protocol.hash_chain import DatasetDigest
from emeth_tui.protocol.splitting import PieceCounter

READ_BYTES = 262_144
_CLOCK_STEP_NS = 2_000_000_000  # the clock step of the coarsest file systems

_FORMS = {  # of what is sent in place of a text, by the first bytes
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"%PDF-": "PDF",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_MAGIC_BYTES = max(map(len, _FORMS))

OnBytes = Callable[[bytes], None]
Stamp = list[int]


@dataclass(frozen=True, slots=True)
class TextFacts:
    """The facts that one pass over a dataset yields.

    `content` is the sha256 of its bytes, `digest` is `d` of protocol.md §9, `pieces` what its split counts
    (§7), all of this one language.
    """

    content: str
    digest: str
    pieces: int


def read_text(path: Path, on_bytes: OnBytes = lambda raw: None) -> Iterator[str]:
    """Yield a dataset's text in strings, its line ends normalised as with universal newlines.

    `on_bytes` receives the file's bytes as they are read, and may raise. Raise DatasetError when the file
    cannot be read, and at its first byte that is not UTF-8.
    """
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")(), translate=True)
    read_bytes = 0
    for raw in _buffers(path):
        read_bytes += len(raw)
        on_bytes(raw)
        try:
            text = decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            # The decoder was given `raw` after the bytes that it had held back.
            wrong_byte = read_bytes - len(error.object) + error.start
            raise DatasetError(_not_text(path, wrong_byte)) from error
        if text:
            yield text


def text_facts(path: Path, language: str, on_bytes: OnBytes = lambda raw: None) -> TextFacts:
    """Read a dataset once, from start to end. Raise what `read_text` raises."""
    content = hashlib.sha256()

    def heard(raw: bytes) -> None:
        content.update(raw)
        on_bytes(raw)

    digest, pieces = DatasetDigest(), PieceCounter(language)
    for text in read_text(path, heard):
        digest.update(text)  # words are the same, whatever the line ends
        pieces.update(text)
    return TextFacts(content.hexdigest(), digest.hexdigest(), pieces.pieces)


def dataset_digest(path: Path) -> str:
    """Return `d` of protocol.md §9 for a dataset file. Raise what `read_text` raises."""
    digest = DatasetDigest()
    for text in read_text(path):
        digest.update(text)
    return digest.hexdigest()


def lasting_stamp(path: Path) -> Stamp | None:
    """Return what changes whenever a file is written to or replaced.

    None if the last change is so recent that the next one could have the same time. Raise DatasetError.
    """
    with _reading(path):
        stat = path.stat()
    if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) < _CLOCK_STEP_NS:
        return None
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _not_text(path: Path, wrong_byte: int) -> Reason:
    """Return what a file is that is not UTF-8, as far as its first bytes show."""
    with path.open("rb") as file:
        start = file.read(_MAGIC_BYTES)
    for magic, form in _FORMS.items():
        if start.startswith(magic):
            return DatasetNotText(form)
    return DatasetNotUtf8(wrong_byte, path.stat().st_size)


def _buffers(path: Path) -> Iterator[bytes]:
    """Yield the file's bytes, and an empty string at its end."""
    with _reading(path), path.open("rb") as file:
        raw = b"?"
        while raw:
            raw = file.read(READ_BYTES)
            yield raw


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DatasetError(DatasetUnreadable(path, system_text(error))) from error
