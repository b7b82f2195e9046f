"""The far end of `emeth-tui attach HOST`: ssh's standard streams, joined to the socket of the node there.

It passes bytes on and understands none of them: whether the versions at the two ends fit, those find out.
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

from emeth_tui.control.connection import ConnectionBroken
from emeth_tui.control.paths import connected_socket
from emeth_tui.notices.reasons.control import NobodyListens

_CHUNK_BYTES = 65_536
_STDIN, _STDOUT = 0, 1


def relay(directory: Path) -> None:
    """Pass bytes on, both ways, until the node or the client closes.

    Raise ConnectionBroken when no node listens.
    """
    try:
        connected = connected_socket(directory)
    except OSError as error:
        raise ConnectionBroken(NobodyListens(directory, error.strerror or "")) from error
    connected.setblocking(True)
    threading.Thread(target=_pass_in, args=(connected,), daemon=True).start()
    try:
        while received := connected.recv(_CHUNK_BYTES):
            _write_all(received)
    except OSError:
        pass  # one of the two has gone: the other learns it from the end of this process


def _pass_in(connected: socket.socket) -> None:
    try:
        while received := os.read(_STDIN, _CHUNK_BYTES):
            connected.sendall(received)
        connected.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _write_all(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_STDOUT, view) :]
