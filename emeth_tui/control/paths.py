"""The socket's place: a directory that only its owner enters, and addresses that are never too long.

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
    """Make the socket, in place of one that a killed node left. Raise OSError.

    To be called by the holder of the state lock alone: what lies there then belongs to nobody.
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
    """Connect to a node's socket. Raise OSError when nobody listens."""
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
    """Take the socket away; the directory stays."""
    (directory / SOCKET_NAME).unlink(missing_ok=True)


@contextmanager
def _short_address(directory: Path) -> Iterator[str]:
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
    finally:
        os.close(descriptor)
