"""A process's own Unix socket: in a directory that only its owner can enter, and never too long a path.

A socket's address has room for 108 bytes (`sun_path`, unix(7)), and a state directory may lie deeper. So the
directory is opened, and the socket named through the descriptor.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOCKET_NAME = "socket"
_CHUNK_BYTES = 65_536
_STDIN, _STDOUT = 0, 1


def listening_socket(directory: Path) -> socket.socket:
    """Create the socket, replacing one that a killed node left. Raise OSError.

    Call it only while holding the lock on its owner: a socket found there is then unused.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    (directory / SOCKET_NAME).unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short_address(directory) as address:
            listening.bind(address)
        (directory / SOCKET_NAME).chmod(0o600)
        listening.listen()
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def connected_socket(directory: Path) -> socket.socket:
    """Connect to a process's socket. Raise OSError when nobody listens."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short_address(directory) as address:
            connected.connect(address)
        connected.setblocking(False)
    except OSError:
        connected.close()
        raise
    return connected


def has_socket(directory: Path) -> bool:
    """Whether a socket is there, be it one that a killed process left."""
    return (directory / SOCKET_NAME).exists()


def remove_socket(directory: Path) -> None:
    """Remove the socket; the directory stays."""
    (directory / SOCKET_NAME).unlink(missing_ok=True)


def join_to_streams(connected: socket.socket) -> None:
    """Pass bytes between a socket and the standard streams, both ways, until one of the sides closes."""
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


@contextmanager
def _short_address(directory: Path) -> Iterator[str]:
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
    finally:
        os.close(descriptor)
