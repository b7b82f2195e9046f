"""The node survives any client of the socket: modes, limits, and no cost without a client."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from emeth_tui.control import answers, connection, server, session, wire
from emeth_tui.control.connection import Refused
from emeth_tui.control.server import MAX_CLIENTS, serve_control
from emeth_tui.engine.events import JobProgress
from emeth_tui.model import AskedAt, JobId, JobState
from emeth_tui.notices.events.job import StepsSkipped
from emeth_tui.notices.events.market import ClaimsResumed
from emeth_tui.training.reports import Progress
from emeth_tui.transport.local_socket import connected_socket
from tests.control.conftest import LIMIT_S, SUMMARY, ShownNode, attached, until
from tests.tui.stand_in import TRAINING_ID, event

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(directory: Path, place: str = "command_line") -> Streams:
    """Connect, hear the hello and say what this client is."""
    streams = await asyncio.open_unix_connection(sock=connected_socket(directory), limit=2**24)
    assert json.loads(await streams[0].readline())["hello"]["pid"] == os.getpid()
    streams[1].write(json.dumps({"hello": {"protocol": wire.PROTOCOL, "place": place}}).encode() + b"\n")
    return streams


async def is_dropped(streams: Streams) -> bool:
    try:
        rest = await asyncio.wait_for(streams[0].read(), LIMIT_S)
    except ConnectionResetError:
        rest = b""
    streams[1].close()
    return rest == b""


async def answer(streams: Streams, **question: object) -> dict[str, object]:
    streams[1].write(json.dumps({"id": 1, **question}).encode() + b"\n")
    words: dict[str, object] = json.loads(await asyncio.wait_for(streams[0].readline(), LIMIT_S))
    return words


async def test_only_the_owner_gets_in(shown: ShownNode, tmp_path: Path) -> None:
    directory = tmp_path / "control"
    directory.mkdir(mode=0o755)
    async with serve_control(directory, shown):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE((directory / "socket").stat().st_mode) == 0o600
    assert list(directory.iterdir()) == []


async def test_whoever_is_not_the_owner_is_dropped_unheard(
    shown: ShownNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve_control(tmp_path / "control", shown):
        uid = os.geteuid()
        monkeypatch.setattr(server.os, "geteuid", lambda: uid + 1)
        stranger = await asyncio.open_unix_connection(sock=connected_socket(tmp_path / "control"))
        assert await is_dropped(stranger)
        monkeypatch.undo()
        owner = await connect(tmp_path / "control")
        assert (await answer(owner, ask="snapshot"))["answer"]
        owner[1].close()


async def test_a_socket_whose_directory_was_removed_is_made_again_and_clients_stay(
    shown: ShownNode, tmp_path: Path
) -> None:
    directory = tmp_path / "state" / "control"
    async with serve_control(directory, shown) as control:
        early = await connect(directory)
        shutil.rmtree(directory.parent)

        control.listen_again()
        assert control._listening_again is not None
        await control._listening_again

        late = await connect(directory)
        for streams in (early, late):
            assert (await answer(streams, ask="snapshot"))["answer"]
            streams[1].close()
    assert list(directory.iterdir()) == []


async def test_a_deep_directory_and_a_socket_left_by_a_killed_node(shown: ShownNode, tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 120) / "control"
    async with serve_control(directory, shown):
        os.link(directory / "socket", tmp_path / "kept")
    (tmp_path / "kept").rename(directory / "socket")
    with pytest.raises(ConnectionRefusedError):
        connected_socket(directory)
    async with serve_control(directory, shown), attached(shown, directory) as view:
        assert view.remote.snapshot().jobs


async def test_a_socket_that_cannot_be_made_keeps_no_node_from_working(
    shown: ShownNode, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "control").write_text("a file where the directory should be")
    async with serve_control(tmp_path / "control", shown):
        pass
    assert "other processes cannot view this node" in caplog.text


async def test_nobody_attached_costs_nothing(shown: ShownNode, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    tasks, timers = asyncio.all_tasks(), len(loop._scheduled)  # type: ignore[attr-defined]
    async with serve_control(tmp_path, shown):
        async with attached(shown, tmp_path):
            assert len(shown.streams) == 1
        await until(lambda: not shown.streams and asyncio.all_tasks() == tasks)
        assert [timer for timer in loop._scheduled if not timer.cancelled()][timers:] == []  # type: ignore[attr-defined]
        taken = shown.snapshots_taken
        shown.tell(event(ClaimsResumed(), 0))
        assert shown.snapshots_taken == taken


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"[]\n",
        b"\xff\xfe\n",
        b'{"id": 1, "ask": "request_stop"}\n',
        b'{"id": 1, "do": "snapshot"}\n',
        b'{"id": 1, "do": "format_disk"}\n',
        b'{"id": 1, "do": "pause_claims", "by": "root"}\n',
        b'{"id": 1, "do": "pause_job", "job_id": "0x12"}\n',
        b'{"id": 1, "do": "decline_job"}\n',
        b'{"id": 1, "do": "withdraw", "slots": [-1]}\n',
        b'{"id": 1, "do": "pause_claims", "ask": "snapshot"}\n',
        b'{"id": 1, "do": "request_job", "path": "/a", "language": "en", "epochs": 30, "fee_wei": 1}\n',
        b'{"id": 1, "do": "fetch_result", "job_id": "0x%s", "directory": "model"}\n' % (b"1" * 32),
        b'{"id": 1, "do": "fetch_result", "job_id": "0x%s", "directory": "/a\\u0000b"}\n' % (b"1" * 32),
        b'{"do": "request_stop"}\n',
        b'{"id": 1, "do": "request_stop"',
        b'{"id": 1, "ask": "snapshot", "and": "more"}\n',
        b'{"id": 1, "ask": "transactions", "limit": 1000000000}\n',
        b'{"id": 1, "ask": "log_tail", "name": "node.log", "max_bytes": 99999999999}\n',
        b'{"id": 1, "ask": "' + b"x" * (wire.MAX_REQUEST_BYTES + 1) + b'"}\n',
        b"x" * (4 * wire.MAX_REQUEST_BYTES),
    ],
)
async def test_nonsense_is_dropped_and_the_others_go_on(shown: ShownNode, served: Path, words: bytes) -> None:
    async with attached(shown, served) as view:
        streams = await connect(served)
        streams[1].write(words)
        streams[1].write_eof()
        assert await is_dropped(streams)
        assert await view.remote.records.history()
    assert shown.calls == []


async def test_only_log_files_of_the_node_are_read(shown: ShownNode, served: Path) -> None:
    streams = await connect(served)
    for name in ("../../../etc/passwd", "/etc/passwd", "lock"):
        words = await answer(streams, ask="log_tail", name=name, max_bytes=1_000)
        assert words["answer"] == []
    streams[1].close()


async def test_a_job_that_is_no_job_is_an_error_and_no_end(shown: ShownNode, served: Path) -> None:
    streams = await connect(served)
    assert "0xZZ" in str((await answer(streams, ask="chain_record", job_id="0xZZ"))["error"])
    assert (await answer(streams, ask="job", job_id="0xZZ"))["answer"] is None
    streams[1].close()


async def test_who_does_not_read_is_dropped_and_its_stream_forgotten(
    shown: ShownNode, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "WRITE_LIMIT_S", 0.2)
    _reader, writer = await connect(served)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b'{"id": 1, "ask": "events"}\n')
    await until(lambda: bool(shown.streams))

    jobs = {JobId(f"0x{number:032x}"): JobState.VERIFIED for number in range(2_000)}
    long = replace(SUMMARY, jobs=jobs)

    def forgotten_after_more() -> bool:
        shown.tell(event(long, 0))
        return not shown.streams

    await until(forgotten_after_more)
    writer.close()


async def test_who_falls_too_far_behind_is_dropped(
    shown: ShownNode, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MAX_BACKLOG", 10)
    streams = await connect(served)
    await answer(streams, ask="events")
    await until(lambda: bool(shown.streams))
    for number in range(20):
        shown.tell(event(StepsSkipped(number), 0))
    assert await is_dropped(streams)
    assert shown.streams == []


async def test_progress_is_coalesced_and_events_are_not(shown: ShownNode, served: Path) -> None:
    streams = await connect(served)
    await answer(streams, ask="events")
    await until(lambda: bool(shown.streams))
    for step in range(200):
        shown.tell(JobProgress(TRAINING_ID, Progress(1, 30, step, 200, 3.0, 1_000.0)))
        shown.tell(event(StepsSkipped(step), 0))
        await asyncio.sleep(0)
    numbers: list[int] = []
    steps: list[int] = []
    while len(numbers) < 200 or steps[-1] < 199:
        words = json.loads(await asyncio.wait_for(streams[0].readline(), LIMIT_S))
        if "event" in words:
            numbers.append(words["event"]["body"]["steps"])
        else:
            steps.append(words["progress"]["progress"]["step"])
    assert numbers == list(range(200))
    assert len(steps) < 100
    streams[1].close()


async def test_who_says_nothing_is_dropped(
    shown: ShownNode, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "IDLE_LIMIT_S", 0.05)
    assert await is_dropped(await connect(served))


async def test_too_many_are_turned_away_and_those_inside_stay(shown: ShownNode, served: Path) -> None:
    inside = [await connect(served) for _number in range(MAX_CLIENTS)]
    with pytest.raises(Refused, match=f"^{MAX_CLIENTS} screens and commands are connected"):
        async with connection.connect(served, AskedAt.COMMAND_LINE):
            pass
    for streams in inside:
        assert (await answer(streams, ask="logs"))["answer"] == ["node.log", "worker-0.log"]
        streams[1].close()


async def test_one_that_asks_without_end_leaves_the_node_most_of_the_time(
    shown: ShownNode, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    worked: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        rests.append(seconds)
        await sleep(0)

    times = iter(range(1_000))
    clock = SimpleNamespace(monotonic=lambda: next(times) * 0.1)  # each answer takes 0.1 s
    monkeypatch.setattr(answers, "time", clock)
    monkeypatch.setattr(answers, "asyncio", SimpleNamespace(sleep=note))
    streams = await connect(served)
    for _number in range(5):
        worked.append(0.1)
        await answer(streams, ask="jobs")
    streams[1].close()
    assert len(rests) == 5
    assert sum(worked) <= 0.25 * sum(rests) + 1e-9
