"""systemd's journal, in its own protocol: an entry is a datagram of fields, which journalctl searches."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping

ADDRESS = "/run/systemd/journal/socket"
STREAM_VARIABLE = "JOURNAL_STREAM"  # systemd.exec(5): device and inode of the stream to the journal
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class Journal:
    """Sends entries. One that is not taken is reported, so that it can be printed instead."""

    def __init__(self, address: str = ADDRESS) -> None:
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)

    def send(self, fields: Mapping[str, str]) -> bool:
        """Send an entry; return whether the journal took it."""
        try:
            self._socket.sendto(entry(fields), self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


def entry(fields: Mapping[str, str]) -> bytes:
    """Return an entry's bytes; each value with its length, so that it may hold anything."""
    parts = []
    for name, value in fields.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name} is not the name of a journal's field")
        data = value.encode("utf-8", "replace")
        parts += [name.encode(), b"\n", len(data).to_bytes(8, "little"), data, b"\n"]
    return b"".join(parts)


def leads_to_journal(descriptor: int, stream: str) -> bool:
    """Whether a descriptor is the stream to the journal that `JOURNAL_STREAM` names, and no file or pipe."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return stream == f"{status.st_dev}:{status.st_ino}"
