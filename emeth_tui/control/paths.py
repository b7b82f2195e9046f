"""The socket's path: in a directory that only its owner can enter, and never too long.

A socket's address has room for 108 bytes (`sun_path`, unix(7)), and a state directory may lie deeper. So the
directory is opened, and the socket named through the descriptor.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOCKET_NAME = "socket"


def listening_socket(directory: Path) -> socket.socket:
    """Create the socket, replacing one that a killed node left. Raise OSError.

    Call it only while holding the state lock: a socket found there is then unused.
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
    """Connect to a node's socket. Raise OSError when no node listens."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short_address(directory) as address:
            connected.connect(address)
        connected.setblocking(False)
    except OSError:
        connected.close()
        raise
    return connected


def remove_socket(directory: Path) -> None:
    """Remove the socket; the directory stays."""
    (directory / SOCKET_NAME).unlink(missing_ok=True)


@contextmanager
def _short_address(directory: Path) -> Iterator[str]:
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
    finally:
        os.close(descriptor)
