"""The devnet chain's data: in memory and, on request, also in one append-only file."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from emeth_tui.clients.loaded_later import PRAGUES_CURVES, loaded_later
from emeth_tui.errors import DevnetError
from emeth_tui.files import try_lock
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.reasons.local.devnet import (
    ChainFileDamaged,
    ChainFileForeign,
    ChainFileUnopened,
    ChainRunsElsewhere,
)

with loaded_later(PRAGUES_CURVES):
    from eth.db.backends.memory import MemoryDB

_MAGIC = b"emeth-tui devnet chain 1\n"
_RECORD = struct.Struct(">II")  # bytes of payload, CRC-32 of the payload
_ENTRY = struct.Struct(">HI")  # bytes of key, bytes of value
_DELETED = 0xFFFF_FFFF  # in place of a value's length


class ChainStore(MemoryDB):
    """py-evm's key-value store. Each `commit` appends the changes since the last to the file as one record.

    A record counts completely or not at all, so the file always holds the chain as of some commit: one cut
    short by a crash is dropped when the file is opened again, one by a full disk at once. Raise DevnetError
    when the file is unusable.
    """

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self._changes: dict[bytes, bytes | None] = {}
        self._path = path
        self._file: FileIO | None = None if path is None else self._open(path)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        super().__setitem__(key, value)
        if self._file is not None:
            self._changes[key] = value

    def __delitem__(self, key: bytes) -> None:
        super().__delitem__(key)
        if self._file is not None:
            self._changes[key] = None

    def commit(self) -> None:
        """Append the changes: safe if the process is killed, though not in a power cut. Raise OSError.

        What could not be written comes with the next commit.
        """
        if self._file is None or not self._changes:
            return
        payload = b"".join(_encode(key, value) for key, value in self._changes.items())
        _append(self._file, _RECORD.pack(len(payload), zlib.crc32(payload)) + payload)
        self._changes.clear()

    def close(self) -> None:
        """Close the file; uncommitted changes are lost."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def _open(self, path: Path) -> FileIO:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+b", buffering=0)
        except OSError as error:
            raise DevnetError(ChainFileUnopened(path, system_text(error))) from error
        try:
            self._lock(file, path)
            self._load(file, path)
        except BaseException:
            file.close()
            raise
        return file

    def _lock(self, file: FileIO, path: Path) -> None:
        if not try_lock(file.fileno()):
            raise DevnetError(ChainRunsElsewhere(path))

    def _load(self, file: FileIO, path: Path) -> None:
        file.seek(0)
        content = file.read()
        if not content:
            _append(file, _MAGIC)
            return
        if not content.startswith(_MAGIC):
            raise DevnetError(ChainFileForeign(path))
        end = len(_MAGIC)
        for start, payload in _records(content, path):
            for key, value in _entries(payload):
                if value is None:
                    self.kv_store.pop(key, None)
                else:
                    self.kv_store[key] = value
            end = start + _RECORD.size + len(payload)
        if end < len(content):
            file.truncate(end)


def _append(file: FileIO, content: bytes) -> None:
    """Append all of it or nothing: records after one that is cut short could not be read. Raise OSError."""
    end, left = file.seek(0, os.SEEK_END), memoryview(content)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError:
        file.truncate(end)
        raise


def _encode(key: bytes, value: bytes | None) -> bytes:
    if value is None:
        return _ENTRY.pack(len(key), _DELETED) + key
    return _ENTRY.pack(len(key), len(value)) + key + value


def _records(content: bytes, path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the complete records: where each starts, and its payload."""
    start = len(_MAGIC)
    while start + _RECORD.size <= len(content):
        length, crc = _RECORD.unpack_from(content, start)
        payload_start = start + _RECORD.size
        payload = content[payload_start : payload_start + length]
        if len(payload) < length:
            return  # cut short by a crash
        if zlib.crc32(payload) != crc:
            raise DevnetError(ChainFileDamaged(path, start))
        yield start, payload
        start = payload_start + length


def _entries(payload: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    position = 0
    while position < len(payload):
        key_length, value_length = _ENTRY.unpack_from(payload, position)
        position += _ENTRY.size
        key = payload[position : position + key_length]
        position += key_length
        if value_length == _DELETED:
            yield key, None
            continue
        yield key, payload[position : position + value_length]
        position += value_length
