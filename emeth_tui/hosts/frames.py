"""Frames: a length, a number and a message as msgpack; and the streams that carry them.

Each side numbers its frames from 1. A frame that is too long, out of order, or no message of the kinds that
the receiver accepts ends the connection: the other side may have been taken over.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any, Generic, TypeVar

import msgspec

from emeth_tui.errors import Reasoned
from emeth_tui.foreign_text import one_line
from emeth_tui.hosts.messages import MAX_CHUNK_BYTES
from emeth_tui.notices.reasons.network.breaches import MessageOutOfOrder, MessageTooLong, MessageUnreadable

MAX_FRAME_BYTES = MAX_CHUNK_BYTES + 64 * 1024
UNSENT_BYTES = 1 << 20  # above this, `drain` waits
_HEADER = struct.Struct(">IQ")  # the message's length, and the frame's number
_pack = msgspec.msgpack.Encoder().encode
Message = TypeVar("Message")


class BadFrame(Reasoned):
    """The other side sent what no frame of ours looks like."""


class FramesEnded(Exception):
    """The other side has closed the connection, or it broke."""


class FrameWriter:
    """Numbers the messages of one side and writes them to a stream."""

    def __init__(self, stream: asyncio.StreamWriter) -> None:
        self._stream = stream
        self._number = 0
        stream.transport.set_write_buffer_limits(high=UNSENT_BYTES)

    @property
    def unsent_bytes(self) -> int:
        """What the other side has not taken yet."""
        return self._stream.transport.get_write_buffer_size()

    def send(self, message: object) -> None:
        """Send a message without waiting; on a broken stream it is lost, and the reader finds out."""
        self._number += 1
        body = _pack(message)
        if len(body) > MAX_FRAME_BYTES:
            raise ValueError(f"a {type(message).__name__} of {len(body)} bytes")
        if not self._stream.is_closing():
            self._stream.write(_HEADER.pack(len(body), self._number) + body)

    async def send_slowly(self, message: object) -> None:
        """Send a message, and wait while the other side is behind. Raise FramesEnded."""
        self.send(message)
        try:
            await self._stream.drain()
        except OSError as error:
            raise FramesEnded(one_line(error)) from error

    def close(self) -> None:
        """Close the stream; what is not sent yet may be lost."""
        self._stream.close()


class FrameReader(Generic[Message]):
    """Reads the other side's messages, each once and in order."""

    def __init__(self, stream: asyncio.StreamReader, kinds: Any) -> None:
        """Accept the messages of the union `kinds` alone."""
        self._stream = stream
        self._decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(kinds)
        self._number = 0

    async def read(self) -> Message:
        """Return the next message. Raise BadFrame, after which nothing is to be read, or FramesEnded."""
        try:
            length, number = _HEADER.unpack(await self._stream.readexactly(_HEADER.size))
            self._number += 1
            if length > MAX_FRAME_BYTES:
                raise BadFrame(MessageTooLong(MAX_FRAME_BYTES))
            if number != self._number:
                raise BadFrame(MessageOutOfOrder(number, self._number))
            body = await self._stream.readexactly(length)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise FramesEnded(one_line(error)) from error
        try:
            return self._decoder.decode(body)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise BadFrame(MessageUnreadable(one_line(repr(body[:40])), one_line(error))) from error
