"""A file that is still arriving: `NAME.part`, with a note beside it that identifies it to a later attempt."""

from __future__ import annotations

import contextlib
import json
import os
from io import FileIO
from pathlib import Path

from pydantic_core import from_json

from emeth_tui.files import sync_directory

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class PartFile:
    """Collects an object of known size next to its final place. Methods raise OSError."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.received = 0
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._note = path.with_name(path.name + ".part.json")
        self._identity = ""
        self._file: FileIO | None = None

    def open(self) -> None:
        """Resume an earlier attempt if the size is the same and there was no reboot; else start over."""
        kept = self._kept_identity()
        self._file = FileIO(os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        length = self._file.seek(0, os.SEEK_END)
        if not kept or length > self.size_bytes:
            self.restart()
        else:
            self._identity, self.received = kept, length

    @property
    def is_resumable(self) -> bool:
        """Whether it is known which object the part file belongs to."""
        return bool(self._identity)

    def is_same(self, identity: str) -> bool:
        """Whether the part file belongs to the object with this identity."""
        return identity == self._identity

    def restart(self, *, identity: str = "") -> None:
        """Discard the part file's content and start on the object with this identity."""
        file = self._opened()
        file.truncate(0)
        file.seek(0)
        self.received = 0
        self._identity = identity
        self._note.write_text(
            json.dumps({"size": self.size_bytes, "identity": identity, "boot": _boot_id()}), "utf-8"
        )

    def append(self, data: bytes) -> None:
        """Append bytes."""
        rest = memoryview(data)
        while rest:
            written = self._opened().write(rest)
            self.received += written
            rest = rest[written:]

    def finish(self) -> None:
        """Flush the complete file to disk and move it to its final place."""
        os.fsync(self._opened().fileno())
        self.close()
        self._part.replace(self._path)
        sync_directory(self._path.parent)
        self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the part file and its note."""
        self.close()
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> FileIO:
        if self._file is None:
            raise ValueError("the part file is not open")
        return self._file

    def _kept_identity(self) -> str:
        try:
            note = from_json(self._note.read_bytes())
        except (OSError, ValueError):
            return ""
        matches = (
            isinstance(note, dict) and note.get("size") == self.size_bytes and note.get("boot") == _boot_id()
        )
        return str(note.get("identity", "")) if matches else ""


def _boot_id() -> str:
    """Return the machine's boot id: after a power cut a file's end may hold zeros in place of data."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return "unknown"
