"""The other end of a connection of dask's, by hand: bytes over TLS."""

from __future__ import annotations

import os
import pickle
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from emeth_tui.hosts.tls.certificates import Authority
from emeth_tui.hosts.tls.contexts import TlsFiles
from emeth_tui.hosts.tls.names import Place

LIMIT_S = 120.0  # bounds a hang
GREETING = {"compression": None, "python": (3, 11, 7), "pickle-protocol": 4}
encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode


class Marked:
    """Makes a directory where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (self._path,)


def packed(frames: list[bytes]) -> bytes:
    """Return a message of several frames, as dask's TCP sends them."""
    head = struct.pack(f"{len(frames) + 1}Q", len(frames), *map(len, frames))
    body = head + b"".join(frames)
    return struct.pack("Q", len(body)) + body


def to_pickle(path: Path, protocol: int, operation: str = "identity") -> list[bytes]:
    """A ToPickle frame beside a message: dask opens it before it looks at the operation."""
    payload = pickle.dumps(Marked(path), protocol)
    return [
        encode({"op": operation, "x": {"__Pickled__": 1}}),
        encode({"pickled-obj": payload, "num-sub-frames": 0}),
    ]


def serialized(path: Path) -> list[bytes]:
    """An object whose serialiser is pickle, by its own header."""
    header = {"serializer": "pickle", "writeable": (), "num-sub-frames": 1, "compression": (None,)}
    return [
        encode({"op": "identity", "x": {"__Serialized__": 1}}),
        encode(header),
        pickle.dumps(Marked(path)),
    ]


@dataclass
class Intruder:
    """A connection."""

    stream: ssl.SSLSocket

    def write(self, data: bytes) -> None:
        self.stream.sendall(data)

    def send(self, message: object) -> None:
        self.write(packed([encode(message)]))

    def greet(self) -> None:
        self.send(GREETING)
        self.receive()

    def receive(self) -> Any:
        """Return the next message; raise EOFError at the end."""
        (length,) = struct.unpack("Q", self._read(8))
        return decode(self._read(length)[16:])

    def is_shown_the_door(self) -> bool:
        """Whether the other side closes, whatever it says before."""
        try:
            while self.stream.recv(65_536):
                pass
        except ConnectionError:
            pass
        return True

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            try:
                received = self.stream.recv(length - len(data))
            except ConnectionError as error:
                raise EOFError from error
            if not received:
                raise EOFError
            data += received
        return data


@contextmanager
def intruding(place: Place, certificate: Path, others_name: str) -> Iterator[Intruder]:
    """Connect with a certificate. The other side's is not looked at: that is its own affair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(certificate)
    with (
        socket.create_connection((place.address, place.port), LIMIT_S) as plain,
        context.wrap_socket(plain, server_hostname=others_name) as stream,
    ):
        yield Intruder(stream)


def certificate(files: TlsFiles, path: Path, dns_name: str) -> str:
    """Have an authority issue a certificate, write it with its key, and return its digest."""
    issued = Authority(files).issue(dns_name)
    path.write_text(issued.pem)
    return issued.sha256
