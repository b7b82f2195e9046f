"""Files that arrive in pieces: from any offset, checked by their digest, named only when they are whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from emeth_tui.errors import Reasoned
from emeth_tui.files import sync_directory
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.files import NotPlainFile
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.breaches import WrongContent, WrongLength, WrongOffset

_READ_BYTES = 1 << 20


class WrongPiece(Reasoned):
    """A piece is not the next one, or the whole is not what was announced."""


class NotPlain(Reasoned, FileNotFoundError):
    """In a file's place there is something else, which is not read."""


class Arriving:
    """A file on its way: `<name>.<digest>.part` beside its place, until it is whole."""

    def __init__(self, path: Path, size_bytes: int, sha256: str) -> None:
        """Go on with what has arrived of the same content before: all of it, perhaps. Raise OSError."""
        self.path = path
        self._size_bytes = size_bytes
        self._sha256 = sha256
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._part = part_path(path, sha256)
        for other in path.parent.glob(f".{path.name}.*.part"):
            if other != self._part:
                other.unlink(missing_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(self._part, flags, 0o600), "r+b")
        self.offset = self._file.seek(0, os.SEEK_END)
        if self.offset > size_bytes:
            self._file.truncate(0)
            self.offset = 0

    @property
    def is_whole(self) -> bool:
        """Whether every byte is there; `finish` says whether they are the right ones."""
        return self.offset == self._size_bytes

    def write(self, offset: int, data: bytes) -> None:
        """Take the next piece. Raise WrongPiece or OSError."""
        if offset != self.offset:
            raise WrongPiece(WrongOffset(offset, self.offset))
        if offset + len(data) > self._size_bytes:
            raise WrongPiece(WrongLength(offset + len(data), self._size_bytes))
        self._file.seek(offset)
        self._file.write(data)
        self.offset += len(data)

    def finish(self) -> None:
        """Give the whole file its name. Raise WrongPiece, with nothing kept, or OSError.

        Takes a while for a large file: it is read and hashed.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if sha256_of(self._part) != self._sha256:
            self._part.unlink(missing_ok=True)
            raise WrongPiece(WrongContent())
        self._part.replace(self.path)
        sync_directory(self.path.parent)

    def close(self) -> None:
        """Leave what has arrived for the next time."""
        self._file.close()


def part_path(path: Path, sha256: str) -> Path:
    """Return where a file lies while it arrives."""
    return path.parent / f".{path.name}.{sha256}.part"


def sha256_of(path: Path) -> str:
    """Return the digest of a plain file's content. Raise OSError."""
    digest = hashlib.sha256()
    with opened(path) as descriptor:
        while piece := os.read(descriptor, _READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a plain file to read it; a link that a worker made could lead anywhere. Raise OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotPlain(NotPlainFile(path))
        yield descriptor
    finally:
        os.close(descriptor)


def reason_of(error: OSError | WrongPiece) -> Reason:
    """Return why a file does not arrive, or cannot be sent."""
    return error.reason if isinstance(error, (WrongPiece, NotPlain)) else Foreign(one_line(error))
