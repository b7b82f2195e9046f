"""The keeper: workers that outlive connections, an outbox without a gap, one process on a device."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import anyio
import pytest

from emeth_tui.hosts import messages
from emeth_tui.hosts.frames import FramesEnded
from emeth_tui.hosts.keeper.attempts import Attempt
from emeth_tui.hosts.messages import Down, Ended, Heard, Kill, Known, Open, Taken, Up
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.host import KeeperEnded, NoSuchDevice
from emeth_tui.notices.reasons.worker import ProcessKilled, ProcessLeft
from emeth_tui.training.reports import CheckpointKept, EpochDone, Progress
from emeth_tui.workers.messages import Pause, Ready, Resume, Shutdown, ToParent
from tests.hosts.scripted import JOB, LIMIT_BYTES, LIMIT_S, A, B, Client, NodeSide, Site, site


async def epochs(client: Client, side: NodeSide, count: int) -> list[int]:
    """Read until so many epochs have been reported; return their numbers."""
    done: list[int] = []
    while len(done) < count:
        for message in side.heard(await client.read(Up)):
            if isinstance(message, EpochDone):
                done.append(message.epoch)
    return done


def epoch(number: int) -> EpochDone:
    return EpochDone(number, 3.0, 2.0, 1.0)


async def begun(far: Site, client: Client, attempt: str = A) -> NodeSide:
    """Begin an attempt, and hear that its worker is ready."""
    workers, side = len(far.workers), NodeSide(attempt)
    client.send(Open(attempt, "cpu"))
    (ready,) = side.heard(await client.read(Up, lambda up: up.attempt == attempt))
    assert isinstance(ready, Ready)
    assert len(far.workers) == workers + 1
    return side


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)


async def test_the_hello_says_what_there_is(tmp_path: Path) -> None:
    far = site(tmp_path)
    async with far.keeper(), far.client() as client:
        hello = client.hello
        assert hello is not None
        assert (hello.protocol, hello.devices) == (1, (messages.FarDevice("cpu", 1),))
        assert hello.versions.python.count(".") == 2
        assert hello.free_bytes > 0


async def test_it_says_what_there_is_for_jobs(tmp_path: Path) -> None:
    far = site(tmp_path)
    async with far.keeper(), far.client() as client:
        checkpoint = far.place.jobs / JOB / "checkpoints" / "epoch-000001-block-000000000.pt"
        checkpoint.parent.mkdir(parents=True)
        checkpoint.write_bytes(b"12345")
        (far.place.jobs / "no job's").mkdir()
        client.send(messages.Ask(()))
        stock = await client.read(messages.Stock)
    assert stock.free_bytes > 0
    assert (stock.limit_bytes, stock.jobs, stock.models) == (LIMIT_BYTES, (messages.JobUse(JOB, 5),), ())


async def test_a_worker_on_a_cpu_is_forked(tmp_path: Path) -> None:
    far = site(tmp_path)
    async with far.keeper(), far.client() as client:
        await begun(far, client)
    assert [worker.config.forked for worker in far.workers] == [True]


async def test_after_a_cut_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    far, side = site(tmp_path), NodeSide()
    async with far.keeper():
        async with far.client() as client:
            first = await begun(far, client)
            far.workers[0].say(epoch(1))
            assert await epochs(client, first, 1) == [1]
        for number in (2, 3):
            far.workers[0].say(epoch(number))
        async with far.client() as client:
            client.send(Open(A, "cpu", begun=True))
            assert await epochs(client, side, 3) == [1, 2, 3]
            client.send(Heard(A, 3))  # ready and two epochs
            far.workers[0].say(epoch(4))
            assert await epochs(client, side, 1) == [4]
        async with far.client() as client:
            client.send(Open(A, "cpu", begun=True))
            assert b'"number": 4' in (await client.read(Up)).line  # what was acted on does not come again
    assert len(far.workers) == 1


async def test_what_the_node_says_again_is_taken_once(tmp_path: Path) -> None:
    far, side = site(tmp_path), NodeSide()
    async with far.keeper():
        said = [side.down(Pause()), side.down(Resume())]
        async with far.client() as client:
            await begun(far, client)
            client.send(said[0])
            assert (await client.read(Taken)).lines == 1
        async with far.client() as client:
            client.send(Open(A, "cpu", begun=True))
            for down in said:
                client.send(down)
            assert (await client.read(Taken, lambda taken: taken.lines == 2)).attempt == A
    assert far.workers[0].sent[:2] == [Pause(), Resume()]


async def test_while_nobody_listens_only_the_newest_progress_is_kept(tmp_path: Path) -> None:
    far, side = site(tmp_path), NodeSide()
    async with far.keeper():
        async with far.client() as client:
            await begun(far, client)
        (attempt,) = far.attempts.values()
        await until(lambda: not attempt._listening())
        for step in range(1, 200):
            far.workers[0].say(Progress(1, 3, step, 200, 3.0, 100.0))
        far.workers[0].say(CheckpointKept(0, 5, 100))
        far.workers[0].say(epoch(1))
        far.workers[0].say(Progress(2, 3, 1, 200, 3.0, 100.0))
        outbox = tmp_path / "kept" / "outbox" / A / "lines"
        await until(lambda: b"EpochDone" in outbox.read_bytes())
        heard: list[ToParent] = []
        async with far.client() as client:
            client.send(Open(A, "cpu", begun=True))
            while not any(isinstance(message, Progress) for message in heard):
                heard += side.heard(await client.read(Up))
        kinds = [type(message).__name__ for message in heard if not isinstance(message, Ready)]
        assert kinds == ["CheckpointKept", "EpochDone", "Progress"]


async def test_an_attempt_that_the_node_does_not_know_saves_and_is_forgotten(tmp_path: Path) -> None:
    far = site(tmp_path)
    async with far.keeper():
        async with far.client() as client:
            await begun(far, client)
        async with far.client() as client:
            client.send(Known((B,), ()))
            client.send(Open(B, "cpu"))
            await client.read(Up, lambda up: up.attempt == B)
        assert far.workers[0].sent == [Shutdown()]
        await until(lambda: not (tmp_path / "kept" / "outbox" / A).exists())


async def test_a_device_has_one_process_at_a_time(tmp_path: Path) -> None:
    far = site(tmp_path)
    async with far.keeper(), far.client() as client:
        await begun(far, client)
        client.send(Open(B, "cpu"))
        client.send(messages.Beat())
        await client.read(messages.Beat)
        await asyncio.sleep(0.05)
        assert len(far.workers) == 1
        client.send(Kill(A))
        ended = await client.read(Ended)
        assert (ended.attempt, type(from_data(Reason, ended.reason))) == (A, ProcessKilled)
        await client.read(Up, lambda up: up.attempt == B)
        assert len(far.workers) == 2


async def test_a_device_that_is_not_there_is_said(tmp_path: Path) -> None:
    far = site(tmp_path)
    async with far.keeper(), far.client() as client:
        client.send(Open(A, "cuda:3"))
        assert from_data(Reason, (await client.read(Ended)).reason) == NoSuchDevice("cuda:3")


async def test_an_attempt_that_the_disk_has_no_room_for_ends_alone(
    tmp_path: Path,
) -> None:
    far = site(tmp_path)
    async with far.keeper(), far.client() as client:
        await begun(far, client)
        (far.place.outboxes / B).touch()  # no directory can be made there
        client.send(Open(B, "cpu"))
        assert (await client.read(Ended)).attempt == B
        client.send(messages.Beat())
        await client.read(messages.Beat)


async def cut_off_with_news(far: Site) -> Attempt:
    """Begin an attempt whose worker has something to say once nobody listens."""
    async with far.client() as client:
        await begun(far, client)
    (attempt,) = far.attempts.values()
    await until(lambda: not attempt._listening())
    far.workers[0].say(Progress(1, 3, 1, 200, 3.0, 100.0))
    return attempt


async def test_a_disk_that_fills_up_while_the_line_is_cut_ends_an_attempt_and_no_line(tmp_path: Path) -> None:
    far = site(tmp_path)
    async with far.keeper():
        attempt = await cut_off_with_news(far)
        await until(lambda: attempt._news)
        attempt._outbox._file.close()
        attempt._outbox._file = FileIO("/dev/full", "ab")
        async with far.client() as client:
            client.send(Open(A, "cpu", begun=True))
            assert isinstance(from_data(Reason, (await client.read(Ended)).reason), Foreign)
            client.send(messages.Beat())
            await client.read(messages.Beat)


async def test_a_worker_that_dies_while_the_line_is_cut_has_ended_on_the_next(tmp_path: Path) -> None:
    far = site(tmp_path)
    async with far.keeper():
        attempt = await cut_off_with_news(far)
        far.workers[0].die()
        await until(attempt.over.is_set)
        async with far.client() as client:
            client.send(Open(A, "cpu", begun=True))
            assert from_data(Reason, (await client.read(Ended)).reason) == ProcessLeft(7, 0)
            client.send(messages.Beat())
            await client.read(messages.Beat)


async def test_a_new_keeper_says_what_the_last_one_had_to_say(tmp_path: Path) -> None:
    far, side = site(tmp_path), NodeSide()
    async with far.keeper():
        async with far.client() as client:
            await begun(far, client)
        far.workers[0].say(epoch(1))
        outbox = tmp_path / "kept" / "outbox" / A / "lines"
        await until(lambda: b"EpochDone" in outbox.read_bytes())
    async with far.keeper(), far.client() as client:
        client.send(Open(A, "cpu", begun=True))
        assert await epochs(client, side, 1) == [1]
        await client.read(Ended)
        client.send(Kill(A))
        client.send(messages.Beat())
        await client.read(messages.Beat)
        assert not outbox.exists()


async def test_an_attempt_that_a_new_keeper_does_not_know_has_ended(tmp_path: Path) -> None:
    far = site(tmp_path)
    async with far.keeper(), far.client() as client:
        client.send(Open(A, "cpu", begun=True))
        assert from_data(Reason, (await client.read(Ended)).reason) == KeeperEnded()
        assert far.workers == []


async def test_a_newer_connection_takes_the_place_of_an_older(tmp_path: Path) -> None:
    far = site(tmp_path)
    async with far.keeper(), far.client() as old, far.client() as new:
        with pytest.raises(FramesEnded):
            await old.frames.read()
        new.send(messages.Beat())
        await new.read(messages.Beat)


async def test_what_is_no_line_for_a_worker_ends_the_connection_and_nothing_else(tmp_path: Path) -> None:
    far = site(tmp_path)
    async with far.keeper():
        async with far.client() as client:
            await begun(far, client)
            client.send(Down(A, b'{"number": 1, "kind": "EpochDone", "body": {}}\n'))
            with pytest.raises(FramesEnded):
                await client.read(messages.Stored)  # never said
        async with far.client() as client:
            client.send(messages.Beat())
            await client.read(messages.Beat)
    assert len(far.workers) == 1
