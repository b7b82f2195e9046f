"""Frames: each once and in order; whatever else comes is refused and nothing of it is executed."""

from __future__ import annotations

import asyncio
import pickle
import struct
from typing import Any

import msgspec
import pytest

from emeth_tui.hosts import messages
from emeth_tui.hosts.frames import MAX_FRAME_BYTES, BadFrame, FrameReader, FramesEnded
from emeth_tui.hosts.messages import Beat, FarDevice, Files, FromKeeper, KeeperHello, Taken, Up, Versions


def frame(body: bytes, number: int = 1, length: int | None = None) -> bytes:
    return struct.pack(">IQ", len(body) if length is None else length, number) + body


def packed(**fields: Any) -> bytes:
    return msgspec.msgpack.encode(fields)


async def read(*frames: bytes) -> list[FromKeeper]:
    stream = asyncio.StreamReader()
    stream.feed_data(b"".join(frames))
    stream.feed_eof()
    reader: FrameReader[FromKeeper] = FrameReader(stream, FromKeeper)
    heard = []
    try:
        while True:
            heard.append(await reader.read())
    except FramesEnded:
        return heard


class Executed(Exception):
    """The other side's bytes were run."""


class Bomb:
    def __reduce__(self) -> Any:
        return _raise, ()


def _raise() -> None:
    raise Executed


async def test_messages_come_whole_and_in_order() -> None:
    beat, taken = msgspec.msgpack.encode(Beat()), msgspec.msgpack.encode(Taken("a" * 16, 3))
    assert await read(frame(beat, 1), frame(taken, 2)) == [Beat(), Taken("a" * 16, 3)]


async def test_a_frame_cut_short_is_the_end() -> None:
    assert await read(frame(msgspec.msgpack.encode(Beat()))[:-1]) == []


@pytest.mark.parametrize("numbers", [(2,), (1, 1), (1, 3), (0,)])
async def test_replayed_and_reordered_frames_are_refused(numbers: tuple[int, ...]) -> None:
    beat = msgspec.msgpack.encode(Beat())
    with pytest.raises(BadFrame, match="while message"):
        await read(*(frame(beat, number) for number in numbers))


async def test_a_frame_that_is_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadFrame, match="more than"):
        await read(frame(b"", length=MAX_FRAME_BYTES + 1))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
async def test_pickles_are_bytes_like_any_other(protocol: int) -> None:
    with pytest.raises(BadFrame):
        await read(frame(pickle.dumps(Bomb(), protocol)))


_HELLO = {
    "type": "KeeperHello",
    "protocol": 1,
    "versions": {"emeth_tui": "1", "python": "3", "torch": ""},
    "devices": [{"name": "cpu", "threads": 1}],
    "free_bytes": 1,
}


@pytest.mark.parametrize(
    "body",
    [
        packed(type="Nonsense"),
        packed(type="Open", attempt="a" * 16, device="cpu"),  # what a node says, not a keeper
        packed(type="Beat", more=1),
        packed(type="Taken", attempt="../../x", lines=1),
        packed(type="Taken", attempt="a" * 16, lines=-1),
        packed(type="Taken", attempt="a" * 16, lines=2**60),
        packed(type="Up", attempt="a" * 16, line=b"x" * (64 * 1024 + 1)),
        packed(type="Files", request=1, files=[{"name": "../../.ssh/authorized_keys", "size_bytes": 1}]),
        packed(type="Files", request=1, files=[{"name": "/etc/passwd", "size_bytes": 1}]),
        packed(type="Files", request=1, files=[{"name": "checkpoints/../x.pt", "size_bytes": 1}]),
        packed(type="Files", request=1, files=[{"name": "checkpoint.pt\n", "size_bytes": 1}]),
        packed(type="Files", request=1, files=[{"name": "checkpoint.pt", "size_bytes": -1}]),
        packed(type="Files", request=1, files=[{"name": "checkpoint.pt", "size_bytes": 1}] * 17),
        packed(type="Piece", request=1, offset=0, data=b"x" * (256 * 1024 + 1)),
        packed(type="Piece", request=1, offset=0, data=b""),
        packed(type="Sending", request=1, size_bytes=1, sha256="../" * 21 + "x", offset=0),
        packed(**{**_HELLO, "devices": [{"name": "cpu", "threads": 1}] * 65}),
        packed(**{**_HELLO, "devices": [{"name": "cpu; rm -rf ~", "threads": 1}]}),
        packed(**{**_HELLO, "devices": [{"name": "cpu", "threads": 10**9}]}),
        packed(**{**_HELLO, "versions": {"emeth_tui": "x" * 65, "python": "3", "torch": ""}}),
        b"\xc1",
        b"\xdc\xff\xff" * 1000,
        b"\x91" * 100_000,
    ],
)
async def test_what_is_no_message_of_a_keeper_is_refused(body: bytes) -> None:
    with pytest.raises(BadFrame):
        await read(frame(body))


async def test_honest_messages_of_every_kind_pass() -> None:
    honest: list[Any] = [
        KeeperHello(1, Versions("0.1.0", "3.11.7", ""), (FarDevice("cuda:0", 4),), 10),
        Up("a" * 16, b"x"),
        messages.Ended("a" * 16, {"kind": "keeper_ended"}),
        Files(1, (messages.FarFile("checkpoints/epoch-000001-block-000000000.pt", 5),)),
        messages.Wanted(1, 0),
        messages.Sending(1, 5, "0" * 64, 0),
        messages.Piece(1, 0, b"x"),
        messages.Stored(1),
        messages.Refused(1, {}),
    ]
    frames = [frame(msgspec.msgpack.encode(each), number) for number, each in enumerate(honest, 1)]
    assert await read(*frames) == honest
