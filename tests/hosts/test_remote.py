"""A remote worker's link: over broken lines, with limits that stand still, and hostile lines refused."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from emeth_tui.hosts.messages import Ended, Heard, Kill, Open, Taken, Up
from emeth_tui.hosts.node import remote
from emeth_tui.hosts.node.remote import RemoteLink
from emeth_tui.model import JobId
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.network.host import HostLineDropped, KeeperEnded
from emeth_tui.notices.reasons.worker import ProcessKilled, ProcessSilent, RulesBroken
from emeth_tui.training.reports import CheckpointKept, EpochDone, TrainRequest
from emeth_tui.workers.limits import Limits
from emeth_tui.workers.link import NoNews, OnEnd, ProcessDied, WorkerConfig
from emeth_tui.workers.messages import Pause, Ping, Pong, Ready
from emeth_tui.workers.wire import Writer
from emeth_tui.workers.worker import Worker
from tests.hosts.scripted import JOB, LIMIT_S, ScriptedWorker, site
from tests.hosts.test_files import connected, links_ssh
from tests.hosts.test_keeper import until

EPOCH = EpochDone(1, 3.0, 2.0, 1.0)


class FakeConnection:
    """A connection whose other end is the test."""

    name = "b"

    def __init__(self) -> None:
        self.joined = asyncio.Event()
        self.joins = 0
        self.sent: list[object] = []
        self.detached: list[str] = []
        self.kept: list[JobId] = []

    def join(self) -> None:
        self.joins += 1
        self.joined.set()

    def send(self, message: object) -> None:
        self.sent.append(message)

    def attach(self, link: RemoteLink) -> None:
        pass

    def detach(self, link: RemoteLink) -> None:
        self.detached.append(link.attempt)

    def checkpoint_kept(self, job_id: JobId) -> None:
        self.kept.append(job_id)


def up(link: RemoteLink, writer: Writer, *messages: object) -> None:
    for message in messages:
        link.take(Up(link.attempt, writer.line(message)))  # type: ignore[arg-type]


@pytest.fixture
async def connection() -> FakeConnection:
    made = FakeConnection()
    made.join()
    return made


async def test_what_was_not_taken_is_said_again_and_what_was_is_not(connection: FakeConnection) -> None:
    link = RemoteLink(connection, "cpu", lambda: None)
    link.send(Pause())
    link.send(Ping(1))
    link.take(Taken(link.attempt, 1))
    connection.sent.clear()
    link.rejoin()
    first, down = connection.sent
    assert first == Open(link.attempt, "cpu", begun=True)
    assert b'"Ping"' in down.line  # type: ignore[attr-defined]


async def test_what_comes_twice_is_delivered_once_and_heard_when_acted_on(connection: FakeConnection) -> None:
    link, writer = RemoteLink(connection, "cpu", lambda: None), Writer()
    ready = Up(link.attempt, writer.line(Ready(9, "cpu", "a CPU")))
    link.take(ready)
    link.take(ready)
    up(link, writer, EPOCH)
    assert await link.receive() == Ready(9, "cpu", "a CPU")
    assert not [each for each in connection.sent if isinstance(each, Heard)]
    assert await link.receive() == EPOCH
    with pytest.raises(NoNews):
        await link.receive(0.01)
    heard = [each.lines for each in connection.sent if isinstance(each, Heard)]
    assert heard == [1, 2]
    assert link.pid == 9


async def test_a_limit_stands_still_while_the_host_is_away(connection: FakeConnection) -> None:
    link, writer = RemoteLink(connection, "cpu", lambda: None), Writer()
    connection.joined.clear()
    waiting = asyncio.create_task(link.receive(0.01))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    connection.join()
    up(link, writer, Pong(1))
    assert await waiting == Pong(1)
    with pytest.raises(NoNews):
        await link.receive(0.01)


async def test_a_limit_begins_anew_when_the_host_was_away_meanwhile(connection: FakeConnection) -> None:
    link = RemoteLink(connection, "cpu", lambda: None)
    began = time.monotonic()
    waiting = asyncio.create_task(link.receive(0.2))
    await asyncio.sleep(0)
    connection.joined.clear()
    connection.join()
    with pytest.raises(NoNews):
        await waiting
    assert time.monotonic() - began >= 0.4


async def test_an_end_comes_after_the_last_word(connection: FakeConnection) -> None:
    ended: list[bool] = []
    link, writer = RemoteLink(connection, "cpu", lambda: ended.append(True)), Writer()
    up(link, writer, EPOCH)
    link.take(Ended(link.attempt, to_data(ProcessKilled(9, "SIGKILL"))))
    assert ended == [True]
    assert await link.receive() == EPOCH
    for _again in range(2):
        with pytest.raises(ProcessDied) as died:
            await link.receive()
        assert died.value.reason == ProcessKilled(9, "SIGKILL")
    assert connection.detached == [link.attempt]


@pytest.mark.parametrize(
    "line",
    [
        b"no json\n",
        b'{"number": 1, "kind": "TrainRequest", "body": {}}\n',
        b'{"number": 1, "kind": "EpochDone", "body": {"epoch": 1, "train_loss": 1e99, "valid_loss": 0}}\n',
        b'{"number": 1, "kind": "ResultWritten", "body": {"name": "../../key", "size_bytes": 1}}\n',
        b'{"number": 99, "kind": "Pong", "body": {"number": 1}}\n',
    ],
)
async def test_a_host_that_breaks_the_rules_is_not_believed(connection: FakeConnection, line: bytes) -> None:
    link = RemoteLink(connection, "cpu", lambda: None)
    link.take(Up(link.attempt, line))
    with pytest.raises(ProcessDied) as died:
        await link.receive()
    assert isinstance(died.value.reason, RulesBroken)
    assert Kill(link.attempt) in connection.sent
    link.take(Up(link.attempt, Writer().line(Pong(1))))  # dropped
    with pytest.raises(ProcessDied):
        await link.receive()


async def test_what_nobody_reads_is_bounded_in_bytes(
    connection: FakeConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Writer().line(Pong(1))
    monkeypatch.setattr(remote, "MAX_UNREAD_BYTES", 3 * len(line))
    link, writer = RemoteLink(connection, "cpu", lambda: None), Writer()
    for number in range(1, 10):
        up(link, writer, Pong(number))
        assert await link.receive() == Pong(number)  # what is read does not count
    for number in range(10, 14):
        up(link, writer, Pong(number))
    assert Kill(link.attempt) in connection.sent


async def test_a_worker_whose_host_is_away_is_given_up_at_once(connection: FakeConnection) -> None:
    link = RemoteLink(connection, "cpu", lambda: None)
    connection.joined.clear()
    await asyncio.wait_for(link.end(1000.0), LIMIT_S)
    with pytest.raises(ProcessDied) as died:
        await link.receive()
    assert died.value.reason == KeeperEnded()


async def test_a_kept_checkpoint_is_said_with_its_job(connection: FakeConnection) -> None:
    link, writer = RemoteLink(connection, "cpu", lambda: None), Writer()
    link.send(TrainRequest(JOB, "en", 3, JOB, "devnet-small"))
    up(link, writer, CheckpointKept(1, 0, 10))
    await link.receive()
    assert connection.kept == [JOB]


@pytest.mark.slow
@pytest.mark.process
async def test_over_a_real_link_a_cut_loses_and_doubles_nothing(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    (home / "jobs").mkdir(parents=True)
    async with far.keeper(), connected(far, home) as host:
        link = RemoteLink(host, "cpu", lambda: None)
        assert isinstance(await link.receive(), Ready)
        (worker,) = far.workers
        for number in range(1, 3):
            link.send(Ping(2 * number - 1))
            await until(lambda wanted=number: len(worker.sent) == 2 * wanted - 1)  # type: ignore[misc]
            pids = links_ssh(tmp_path)
            os.kill(pids[0], signal.SIGKILL)
            worker.say(EpochDone(number, 3.0, 2.0, 1.0))
            link.send(Ping(2 * number))
            assert await link.receive() == EpochDone(number, 3.0, 2.0, 1.0)
            await until(lambda gone=pids: not {*gone} & {*links_ssh(tmp_path)})  # type: ignore[misc]
        await until(lambda: len(worker.sent) == 4)
        assert worker.sent == [Ping(number) for number in range(1, 5)]
        assert host.joins == 3
        killing = asyncio.create_task(link.kill())
        with pytest.raises(ProcessDied) as died:
            await link.receive()
        assert died.value.reason == ProcessKilled(7, "SIGKILL")
        await killing
        await until(lambda: not list(far.place.outboxes.iterdir()))


async def test_an_idle_worker_whose_host_is_away_is_not_ended() -> None:
    links: list[ScriptedWorker] = []

    def open_link(config: WorkerConfig, on_end: OnEnd) -> ScriptedWorker:
        links.append(ScriptedWorker(config, on_end))
        return links[-1]

    config = WorkerConfig("worker-0", "cpu", log_path="", threads=1, jobs_dir="", host="b")
    worker = Worker(0, config, Limits(answer_s=0.05), lambda _view: None, open_link)
    await worker.start()
    worker.away = HostLineDropped()
    assert await worker.why_silent() is None
    worker.away = None
    assert worker.usable
    assert not links[0].over.is_set()
    assert isinstance(await worker.why_silent(), ProcessSilent)  # it is there, and does not answer
    assert not worker.usable
