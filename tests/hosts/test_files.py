"""Files between a node and a host: whole, checked, from where they broke off, in their places alone."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.errors import DeviceFailed
from emeth_tui.hosts import arriving, messages
from emeth_tui.hosts.arriving import Arriving, WrongPiece
from emeth_tui.hosts.arriving import sha256_of as arriving_sha256
from emeth_tui.hosts.frames import FrameWriter
from emeth_tui.hosts.keeper.files import MAX_ARRIVING
from emeth_tui.hosts.link import files as link_files
from emeth_tui.hosts.link.route import Route
from emeth_tui.hosts.messages import Bring, Moved, Put
from emeth_tui.hosts.node.connection import HostConnection
from emeth_tui.hosts.node.files import Carrier, FarJobFiles, _put, epochs_kept
from emeth_tui.hosts.node.ssh_link import Surroundings, ssh_link
from emeth_tui.hosts.node.traffic import Traffic
from emeth_tui.hosts.reasons import TransferFailed
from emeth_tui.model import JobId
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.files import NotPlainFile
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.host import FileTooLarge, HostHasNoResult
from emeth_tui.notices.reasons.worker import ProcessSilent
from emeth_tui.workers.job_files import JobFileMissing, LocalJobFiles
from tests.hosts.far import NODE, run_connection
from tests.hosts.scripted import JOB, LIMIT_S, Client, Site, site
from tests.terminal import ROOT

JOB_ID = JobId(JOB)
OLDER, NEWER = "checkpoints/epoch-000002-block-000000000.pt", "checkpoints/epoch-000004-block-000000007.pt"
LARGE = os.urandom(3 * messages.MAX_CHUNK_BYTES + 17)
pytestmark = pytest.mark.process


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@asynccontextmanager
async def connected(far: Site, home: Path) -> AsyncIterator[HostConnection]:
    """A node's connection to a keeper, through a real link process."""
    async with attempted(far, home) as connection:
        await asyncio.wait_for(connection.joined.wait(), LIMIT_S)
        yield connection


@asynccontextmanager
async def attempted(far: Site, home: Path) -> AsyncIterator[HostConnection]:
    """A node's connection to a keeper, whether or not it comes about."""
    ssh = (sys.executable, "-m", "tests.hosts.straight", str(far.place.socket_dir))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    surroundings = Surroundings(home / "jobs", home / "link.log", environment)
    route = Route("somebody@b", ssh, "emeth-tui", NODE)
    open_link = partial(ssh_link, route, surroundings)
    connection = HostConnection("b", open_link, lambda: [JOB_ID], lambda *_: None, lambda *_: None)
    async with run_connection(connection):
        yield connection


def put(what: str) -> Callable[[int], Put]:
    return lambda number: Put(number, JOB, what)


def bring(what: str, limit_bytes: int = 10**9) -> Callable[[int], Bring]:
    return lambda number: Bring(number, JOB, what, limit_bytes)


def links_ssh(home: Path) -> list[int]:
    """The processes that stand in for ssh, of the link that writes in a directory."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdecimal() else []
            if b"tests.hosts.straight" in words and str(home).encode() in b" ".join(words):
                found.append(int(entry.name))
    return found


@pytest.mark.slow
async def test_files_go_out_and_come_home(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    files = LocalJobFiles(home / "jobs")
    write(home / "jobs" / JOB / "dataset.txt", LARGE)
    write(home / "jobs" / JOB / OLDER, b"older")
    async with far.keeper(), connected(far, home) as connection:
        there = far.place.jobs / JOB
        far_files = FarJobFiles(files, connection, lambda _job: 10**9, Carrier(lambda _job: 10**9))
        await far_files.put_dataset(JOB_ID)
        assert (there / "dataset.txt").read_bytes() == LARGE
        assert (await connection.move(put("dataset"))).moved_bytes == 0  # it is there
        await far_files.put_checkpoint(JOB_ID)
        assert (there / OLDER).read_bytes() == b"older"

        write(there / NEWER, LARGE)
        assert (await connection.move(put("checkpoint"))).moved_bytes == 0  # the host has gone on
        await far_files.bring_checkpoint(JOB_ID)
        assert (home / "jobs" / JOB / NEWER).read_bytes() == LARGE
        assert epochs_kept(home / "jobs" / JOB) == 4
        with pytest.raises(DeviceFailed, match="host b: a file was not moved: the host has no result"):
            await far_files.bring_result(JOB_ID)
        write(there / "checkpoint.pt", b"result")
        assert (await far_files.bring_result(JOB_ID)).read_bytes() == b"result"
        assert connection.traffic == Traffic(len(LARGE) + len(b"older"), len(LARGE) + len(b"result"))
        assert not list(home.rglob("*.part"))


async def test_a_result_comes_home_from_beside_many_checkpoints(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    (home / "jobs" / JOB).mkdir(parents=True)
    there = far.place.jobs / JOB
    for epoch in range(messages.MAX_FILES + 1):
        write(there / f"checkpoints/epoch-{epoch:06d}-block-{0:09d}.pt", b"average")
    write(there / "checkpoint.pt", b"result")
    async with far.keeper(), connected(far, home) as connection:
        await connection.move(bring("result"))
        assert (home / "jobs" / JOB / "checkpoint.pt").read_bytes() == b"result"
        await connection.move(bring("checkpoint"))
        assert epochs_kept(home / "jobs" / JOB) == messages.MAX_FILES


@pytest.mark.parametrize("name", ["dataset.txt", "average.int8", "checkpoint.pt"])
def test_what_a_host_lists_beside_its_checkpoints_is_none(name: str) -> None:
    listed = [messages.FarFile(OLDER, 5), messages.FarFile(name, 7)]
    assert link_files._newest_checkpoint(listed) == listed[0]


@pytest.mark.slow
async def test_one_average_goes_out_to_two_members_at_once(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    parts = [JOB_ID, JobId("0x" + "70" * 16)]
    for part in parts:
        write(home / "jobs" / part / "average.int8", LARGE)
    async with far.keeper(), connected(far, home) as connection:
        carrier = Carrier(lambda _job: 10**9)
        files = FarJobFiles(LocalJobFiles(home / "jobs"), connection, lambda _job: 10**9, carrier)
        await asyncio.gather(*(files.put_average(part) for part in parts))
        assert [(far.place.jobs / part / "average.int8").read_bytes() for part in parts] == [LARGE] * 2
        with pytest.raises(JobFileMissing):
            await files.put_average(JobId("0x" + "71" * 16))


async def test_a_dataset_that_two_jobs_share_goes_out_once(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    other = "0x" + "70" * 16
    for job in (JOB, other):
        write(home / "jobs" / job / "dataset.txt", LARGE)
    async with far.keeper(), connected(far, home) as connection:
        assert (await connection.move(put("dataset"))).moved_bytes == len(LARGE)
        assert (await connection.move(lambda number: Put(number, other, "dataset"))).moved_bytes == 0
        assert (far.place.jobs / other / "dataset.txt").read_bytes() == LARGE


async def test_a_dataset_that_two_jobs_want_at_once_goes_out_once(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    jobs = [JOB, "0x" + "70" * 16]
    for job in jobs:
        write(home / "jobs" / job / "dataset.txt", LARGE)
    async with far.keeper(), connected(far, home) as connection:
        wishes = [partial(_put, JobId(job), "dataset") for job in jobs]
        moved = await asyncio.gather(*(connection.move(wish) for wish in wishes))
        assert sorted(each.moved_bytes for each in moved) == [0, len(LARGE)]
        assert [(far.place.jobs / job / "dataset.txt").read_bytes() for job in jobs] == [LARGE] * 2


async def test_more_files_than_a_keeper_takes_at_once_go_out_after_each_other(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    jobs = [f"0x{number:032x}" for number in range(MAX_ARRIVING + 2)]
    for job in jobs:
        write(home / "jobs" / job / OLDER, LARGE)
    async with far.keeper(), connected(far, home) as connection:
        wishes = [partial(_put, JobId(job), "checkpoint") for job in jobs]
        moved = await asyncio.gather(*(connection.move(wish) for wish in wishes))
        assert {each.moved_bytes for each in moved} == {len(LARGE)}


async def test_the_newest_checkpoint_is_that_whatever_the_hosts_clock_says(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    (home / "jobs" / JOB).mkdir(parents=True)
    async with far.keeper(), connected(far, home) as connection:
        there = far.place.jobs / JOB
        for name, age_s in ((OLDER, 0.0), (NEWER, 86_400.0)):
            write(there / name, name.encode())
            os.utime(there / name, (time.time() - age_s,) * 2)
        await connection.move(bring("checkpoint"))
        assert (home / "jobs" / JOB / NEWER).exists()


async def test_only_two_checkpoints_stay_at_home(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    (home / "jobs" / JOB).mkdir(parents=True)
    async with far.keeper(), connected(far, home) as connection:
        for epoch in range(1, 5):
            write(far.place.jobs / JOB / f"checkpoints/epoch-{epoch:06d}-block-000000000.pt", b"%d" % epoch)
            await connection.move(bring("checkpoint"))
    kept = sorted(path.name[:12] for path in (home / "jobs" / JOB / "checkpoints").iterdir())
    assert kept == ["epoch-000003", "epoch-000004"]


async def test_what_arrived_of_an_older_checkpoint_goes_when_a_newer_comes(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    checkpoints = home / "jobs" / JOB / "checkpoints"
    older, newer = (checkpoints / f".{Path(name).name}.{sha256(LARGE)}.part" for name in (OLDER, NEWER))
    for part in (older, newer):
        write(part, LARGE[:1000])
    write(far.place.jobs / JOB / NEWER, LARGE)
    async with far.keeper(), connected(far, home) as connection:
        assert (await connection.move(bring("checkpoint"))).moved_bytes == len(LARGE) - 1000
    assert [path.name for path in checkpoints.iterdir()] == [Path(NEWER).name]


async def test_a_keeper_that_does_not_answer_keeps_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_files, "ANSWER_LIMIT_S", 0.05)
    said: asyncio.Queue[object] = asyncio.Queue()
    near, deaf = socket.socketpair()
    _reading, writing = await asyncio.open_connection(sock=near)
    near_end = link_files.NearEnd(tmp_path / "jobs", said.put_nowait)
    near_end.connected(FrameWriter(writing))
    near_end.begin(Bring(1, JOB, "result", 10**9))
    refused = await asyncio.wait_for(said.get(), LIMIT_S)
    assert refused == messages.Refused(1, to_data(ProcessSilent(0.05)))
    writing.close()
    await writing.wait_closed()
    deaf.close()


async def test_a_link_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    home.touch()  # the link's log cannot be written there
    async with far.keeper(), attempted(far, home) as connection:
        while not isinstance(connection.away_because, Foreign):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)
        home.unlink()
        home.mkdir()
        await asyncio.wait_for(connection.joined.wait(), LIMIT_S)


async def test_a_transfer_goes_on_where_the_line_dropped(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    result = far.place.jobs / JOB / "checkpoint.pt"
    part = home / "jobs" / JOB / f".checkpoint.pt.{sha256(LARGE)}.part"
    write(part, LARGE[:1000])
    write(result, LARGE)
    async with far.keeper(), connected(far, home) as connection:
        assert (await connection.move(bring("result"))).moved_bytes == len(LARGE) - 1000
        assert connection.traffic.home_bytes == len(LARGE) - 1000
        assert (home / "jobs" / JOB / "checkpoint.pt").read_bytes() == LARGE


async def test_what_is_there_but_for_its_name_is_not_sent_again(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    near_job, far_job = home / "jobs" / JOB, far.place.jobs / JOB
    part = f"{sha256(LARGE)}.part"  # whoever hashed it was killed
    for source, target, name in ((near_job, far_job, "average.int8"), (far_job, near_job, "checkpoint.pt")):
        write(source / name, LARGE)
        write(target / f".{name}.{part}", LARGE)
    async with far.keeper(), connected(far, home) as connection:
        assert (await connection.move(put("average"))).moved_bytes == 0
        assert (await connection.move(bring("result"))).moved_bytes == 0
        for directory in (far_job, near_job):
            assert sorted(path.name for path in directory.iterdir()) == ["average.int8", "checkpoint.pt"]
            assert {path.read_bytes() for path in directory.iterdir()} == {LARGE}


class HeldHash:
    """The digest of the first file that has arrived, which takes until `go_on`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self._begun = threading.Event()
        monkeypatch.setattr(arriving, "sha256_of", self._held)

    async def begun(self) -> None:
        assert await asyncio.to_thread(self._begun.wait, LIMIT_S)

    def _held(self, path: Path) -> str:
        if path.suffix == ".part" and not self._begun.is_set():
            self._begun.set()
            self.go_on.wait(LIMIT_S)
        return arriving_sha256(path)


@pytest.mark.parametrize("cut", [True, False])
async def test_a_file_whose_request_is_left_while_it_is_hashed_is_there_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    far, hashing = site(tmp_path), HeldHash(monkeypatch)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(far.keeper())
        client = await stack.enter_async_context(far.client())
        await offered(client, b"text", sha256(b"text"))
        client.send(messages.Piece(1, 0, b"text"))
        await hashing.begun()
        if cut:
            client = await stack.enter_async_context(far.client())
        else:
            client.send(messages.Cancel(1))
        client.send(messages.Offer(2, JOB, "dataset.txt", 4, sha256(b"text")))
        client.send(messages.Beat())
        assert await client.frames.read() == messages.Beat()
        hashing.go_on.set()
        assert await client.read(messages.Wanted) == messages.Wanted(2, 4)
        assert (far.place.jobs / JOB / "dataset.txt").read_bytes() == b"text"


async def test_a_request_that_is_left_while_its_file_is_hashed_ends_before_the_jobs_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far, home, hashing = site(tmp_path), tmp_path / "home", HeldHash(monkeypatch)
    (home / "jobs" / JOB).mkdir(parents=True)
    write(far.place.jobs / JOB / NEWER, LARGE)
    said: asyncio.Queue[Any] = asyncio.Queue()
    near_end = link_files.NearEnd(home / "jobs", said.put_nowait)
    async with far.keeper(), far.client() as client:

        async def follow() -> None:
            while True:
                await near_end.take(await client.frames.read())  # type: ignore[arg-type]

        following = asyncio.create_task(follow())
        near_end.connected(client.writer)
        near_end.begin(Bring(1, JOB, "checkpoint", 10**9))
        await hashing.begun()
        asked = near_end._made
        near_end.cancel(1)
        near_end.begin(Bring(2, JOB, "checkpoint", 10**9))
        for _turn in range(10):
            await asyncio.sleep(0)
        assert near_end._made == asked
        hashing.go_on.set()
        while not isinstance(moved := await asyncio.wait_for(said.get(), LIMIT_S), Moved):
            pass
        assert (moved.request, moved.moved_bytes) == (2, 0)
        assert (home / "jobs" / JOB / NEWER).read_bytes() == LARGE
        following.cancel()


@pytest.mark.slow
async def test_a_request_outlives_ssh_and_the_link(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    (home / "jobs" / JOB).mkdir(parents=True)
    async with far.keeper(), connected(far, home) as connection:
        os.kill(links_ssh(tmp_path)[0], 9)
        moving = asyncio.create_task(connection.move(bring("checkpoint")))
        write(far.place.jobs / JOB / NEWER, LARGE)
        await asyncio.wait_for(moving, LIMIT_S)
        await connection.move(bring("checkpoint"))
        assert (home / "jobs" / JOB / NEWER).read_bytes() == LARGE
        assert connection.joins == 2


@pytest.mark.slow
async def test_a_file_larger_than_agreed_is_not_fetched(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    (home / "jobs" / JOB).mkdir(parents=True)
    write(far.place.jobs / JOB / "checkpoint.pt", LARGE)
    async with far.keeper(), connected(far, home) as connection:
        with pytest.raises(TransferFailed) as failed:
            await connection.move(bring("result", limit_bytes=len(LARGE) - 1))
        assert failed.value.reason == FileTooLarge("checkpoint.pt", len(LARGE), len(LARGE) - 1)
    assert list((home / "jobs" / JOB).iterdir()) == []


@pytest.mark.slow
async def test_a_link_in_a_files_place_leads_nowhere(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    (home / "jobs" / JOB).mkdir(parents=True)
    (far.place.jobs / JOB).mkdir(parents=True)
    write(tmp_path / "secret", b"secret")
    (far.place.jobs / JOB / "checkpoint.pt").symlink_to(tmp_path / "secret")
    async with far.keeper(), connected(far, home) as connection:
        with pytest.raises(TransferFailed):
            await connection.move(bring("result"))
    assert list((home / "jobs" / JOB).iterdir()) == []


@pytest.mark.slow
async def test_a_directory_in_a_files_place_is_said_to_be_none(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    (home / "jobs" / JOB).mkdir(parents=True)
    place = far.place.jobs / JOB / "checkpoint.pt"
    place.mkdir(parents=True)
    async with far.keeper(), connected(far, home) as connection:
        with pytest.raises(TransferFailed) as failed:
            await connection.move(bring("result"))
    assert failed.value.reason == NotPlainFile(place)


@pytest.mark.slow
async def test_what_the_host_does_not_have_is_said(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    (home / "jobs" / JOB).mkdir(parents=True)
    async with far.keeper(), connected(far, home) as connection:
        with pytest.raises(TransferFailed) as failed:
            await connection.move(bring("result"))
        assert failed.value.reason == HostHasNoResult()


async def test_checkpoints_are_carried_home_as_they_are_kept(tmp_path: Path) -> None:
    far, home = site(tmp_path), tmp_path / "home"
    (home / "jobs" / JOB).mkdir(parents=True)
    write(far.place.jobs / JOB / NEWER, LARGE)
    async with far.keeper(), connected(far, home) as connection:
        carrier = Carrier(lambda _job: 10**9)
        carrier.kept(connection, JOB_ID)
        while not carrier.home_at:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
        assert (home / "jobs" / JOB / NEWER).read_bytes() == LARGE
        carrier.close()


class CarriedFrom:
    """A host whose checkpoints come home at once, and cost a long rest; or on their way for ever."""

    def __init__(self, on_their_way: bool) -> None:
        self.asked = 0
        self.was_asked = asyncio.Event()
        self._on_their_way = on_their_way

    async def move(self, _make: object) -> Moved:
        self.asked += 1
        self.was_asked.set()
        if self._on_their_way:
            await asyncio.Event().wait()
        return Moved(1, 1, 1e6)


@pytest.mark.parametrize("on_their_way", [True, False])
async def test_checkpoints_come_home_from_the_host_that_a_job_has_moved_to(on_their_way: bool) -> None:
    first, second = CarriedFrom(on_their_way), CarriedFrom(on_their_way=True)
    carrier: Any = Carrier(lambda _job: 10**9)
    carrier.kept(first, JOB_ID)
    await asyncio.wait_for(first.was_asked.wait(), LIMIT_S)
    (moving,) = carrier._moving.values()
    carrier.kept(second, JOB_ID)
    await asyncio.wait_for(second.was_asked.wait(), LIMIT_S)
    await asyncio.wait([moving], timeout=LIMIT_S)

    carrier.kept(second, JOB_ID)  # a newer one, which waits for the one on its way
    await asyncio.sleep(0)
    assert (first.asked, second.asked) == (1, 1)

    carrier.keep_only([])
    carrier.kept(second, JOB_ID)  # in the same moment: it has come back there
    (moving,) = carrier._moving.values()
    second.was_asked.clear()
    await asyncio.wait_for(second.was_asked.wait(), LIMIT_S)
    moving.cancel()


async def test_a_result_waits_for_no_checkpoint(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "jobs" / JOB).mkdir(parents=True)
    connection: Any = SimpleNamespace(moves=[])
    begun = asyncio.Event()

    async def move(make: Callable[[int], Put | Bring]) -> Moved:
        connection.moves.append(make(1).what)
        if connection.moves == ["checkpoint"]:
            begun.set()
            await asyncio.Event().wait()
        write(home / "jobs" / JOB / "checkpoint.pt", b"result")
        return Moved(1, 6, 0.0)

    connection.move = move
    carrier = Carrier(lambda _job: 10**9)
    carrier.kept(connection, JOB_ID)
    await asyncio.wait_for(begun.wait(), LIMIT_S)
    far_files = FarJobFiles(LocalJobFiles(home / "jobs"), connection, lambda _job: 10**9, carrier)
    (moving,) = carrier._moving.values()

    assert (await far_files.bring_result(JOB_ID)).read_bytes() == b"result"

    await asyncio.wait([moving], timeout=LIMIT_S)
    assert moving.cancelled()
    assert connection.moves == ["checkpoint", "result"]


async def test_the_time_without_a_line_is_no_transfers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(link_files, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    said: asyncio.Queue[object] = asyncio.Queue()
    near_end = link_files.NearEnd(tmp_path / "jobs", said.put_nowait)
    near_end.begin(Bring(1, JOB, "result", 10**9))
    await asyncio.sleep(0)
    clock[0] = 500.0  # the host is away for so long

    async def bring(_request: Bring) -> int:
        clock[0] += 2.0
        return 10

    monkeypatch.setattr(near_end, "_bring", bring)
    near, deaf = socket.socketpair()
    _reading, writing = await asyncio.open_connection(sock=near)
    near_end.connected(FrameWriter(writing))
    assert await asyncio.wait_for(said.get(), LIMIT_S) == Moved(1, 10, 2.0)
    writing.close()
    await writing.wait_closed()
    deaf.close()


async def offered(client: Client, content: bytes, digest: str, name: str = "dataset.txt") -> messages.Wanted:
    client.send(messages.Offer(1, JOB, name, len(content), digest))
    return await client.read(messages.Wanted)


async def test_what_arrives_is_what_was_offered_or_nothing(tmp_path: Path) -> None:
    far = site(tmp_path)
    async with far.keeper(), far.client() as client:
        assert (await offered(client, b"text", sha256(b"text"))).offset == 0
        client.send(messages.Piece(1, 0, b"tEXT"))
        await client.read(messages.Refused)
        assert list(far.place.jobs.rglob("*")) == []
        await offered(client, b"text", sha256(b"text"))
        client.send(messages.Piece(1, 2, b"xt"))  # not the next one
        await client.read(messages.Refused)
        await offered(client, b"text", sha256(b"text"))
        client.send(messages.Piece(1, 0, b"text and more"))
        await client.read(messages.Refused)
        await offered(client, b"text", sha256(b"text"))
        client.send(messages.Piece(1, 0, b"text"))
        await client.read(messages.Stored)
        assert (far.place.jobs / JOB / "dataset.txt").read_bytes() == b"text"


def test_a_part_of_another_content_is_not_gone_on_with(tmp_path: Path) -> None:
    first = Arriving(tmp_path / "file", 10, "0" * 64)
    first.write(0, b"12345")
    first.close()
    other = Arriving(tmp_path / "file", 10, "1" * 64)
    assert other.offset == 0
    with pytest.raises(WrongPiece):
        other.write(1, b"x")
    other.close()
    assert [path.name for path in tmp_path.iterdir()] == [f".file.{'1' * 64}.part"]
