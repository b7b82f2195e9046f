"""What the node does about its hosts every second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import msgspec
import pytest

from emeth_tui.engine.hosts.host_workers import HostWorkers, cannot_wait
from emeth_tui.engine.hosts.view import HostJob, VersionDiffers
from emeth_tui.errors import HostError
from emeth_tui.hosts.keeper.server import installed_versions
from emeth_tui.hosts.messages import PROTOCOL, FarDevice, KeeperHello
from emeth_tui.hosts.node.book import Host, OverTls, read_book
from emeth_tui.hosts.node.connection import HostConnection
from emeth_tui.hosts.node.links import Links, Way
from emeth_tui.hosts.tls.names import Place
from emeth_tui.job import Job
from emeth_tui.model import OPERATOR, JobId, WorkerPhase
from emeth_tui.notices.events.host import (
    HostDiffers,
    HostDrains,
    HostJoined,
    HostRefused,
    HostTakesJobs,
    JobMoved,
)
from emeth_tui.notices.reasons.job import DatasetUnusable
from emeth_tui.notices.reasons.network.breaches import CertificateReplaced
from emeth_tui.notices.reasons.network.host import HostSilent, NotReachedYet
from emeth_tui.notices.reasons.training.data import DatasetNotUtf8
from tests.factories import OTHER_JOB_ID, make_job
from tests.hosts.far import LIMIT_S, write_hosts

NOTHING: Any = None


def workers_of(state_dir: Path, *jobs: Job) -> tuple[HostWorkers, list[Any]]:
    """The hosts of a node that has these jobs, and the events that it publishes."""
    events: list[Any] = []
    settings = SimpleNamespace(state_dir=state_dir, jobs_dir=state_dir)
    context: Any = SimpleNamespace(
        settings=settings,
        book=SimpleNamespace(open_jobs=lambda: jobs),
        disk=SimpleNamespace(files=None),
        events=SimpleNamespace(publish=events.append),
    )
    leases: Any = SimpleNamespace(job_on=lambda _worker: None, part_on=lambda _worker: None)
    return HostWorkers(context, NOTHING, leases, ""), events


async def test_a_host_that_is_slow_delays_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = asyncio.Event(), asyncio.Event()

    async def joined(_hosts: HostWorkers, host: Any, _tasks: Any) -> None:
        if host.entry.name == "slow":
            slow.set()
            await asyncio.Event().wait()
        quick.set()

    async def run(connection: HostConnection) -> None:
        connection.joins = 1
        await asyncio.Event().wait()

    monkeypatch.setattr(HostWorkers, "_joined", joined)
    monkeypatch.setattr(HostConnection, "run", run)
    write_hosts(tmp_path, Host("slow", "you@slow"), Host("quick", "you@quick"))
    hosts, _events = workers_of(tmp_path)
    with anyio.fail_after(LIMIT_S):
        while not (slow.is_set() and quick.is_set()):
            await hosts.look(NOTHING)
            await asyncio.sleep(0)
    await hosts.close()


async def test_a_new_certificate_is_another_link_and_no_other_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relinked: list[HostConnection] = []

    def relink(connection: HostConnection) -> None:
        relinked.append(connection)

    async def run(_connection: HostConnection) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(HostConnection, "run", run)
    monkeypatch.setattr(HostConnection, "relink", relink)
    tls = OverTls(Place("10.0.0.2", 9787), Place("10.0.0.1", 9786), "0" * 64)
    write_hosts(tmp_path, Host("b", "10.0.0.2:9787", tls=tls))
    hosts, events = workers_of(tmp_path)
    await hosts.look(NOTHING)
    (connection,) = [host.connection for host in hosts._hosts.values()]
    assert relinked == []

    other = msgspec.structs.replace(tls, certificate="1" * 64)
    write_hosts(tmp_path, Host("b", "10.0.0.2:9787", tls=other))
    await hosts.look(NOTHING)
    assert relinked == [connection]
    assert [host.connection for host in hosts._hosts.values()] == [connection]

    connection._on_refusal(connection, CertificateReplaced())
    assert events == [HostRefused("b", CertificateReplaced())]
    await hosts.close()


async def test_a_host_that_was_upgraded_is_compared_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(_connection: HostConnection) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(HostConnection, "run", run)
    write_hosts(tmp_path, Host("b", "you@b"))
    hosts, events = workers_of(tmp_path)
    ours = installed_versions()
    newer = msgspec.structs.replace(ours, emeth_tui="99.0")
    hosts._follow_file()
    (host,) = hosts._hosts.values()
    for versions in (ours, newer, newer):
        host.connection.hello = KeeperHello(PROTOCOL, versions, (), 10**9)
        host.connection.joins += 1
        await hosts._joined(host, NOTHING)

    differs = [event for event in events if isinstance(event, HostDiffers)]
    assert differs == [HostDiffers("b", "emeth-tui", "99.0", ours.emeth_tui)]
    await hosts.close()


@pytest.mark.parametrize("waits", [True, False])
async def test_a_shared_job_goes_on_without_a_host_that_is_away_once_the_others_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    hosts, events = workers_of(tmp_path)
    monkeypatch.setattr(HostWorkers, "_cannot_wait", lambda *_: False)
    phase = WorkerPhase.AVERAGING if waits else WorkerPhase.TRAINING
    absent = SimpleNamespace(away=HostSilent("b", 90, NotReachedYet()))
    there = SimpleNamespace(away=None, view=SimpleNamespace(phase=phase))
    leases: Any = hosts._leases
    leases.job_on, leases.members_of, leases.free = lambda _worker: "0x1", lambda _job: [absent, there], []
    context: Any = hosts._context
    context.book.get = lambda _job_id: make_job()
    context.forecasts = SimpleNamespace(able=lambda _workers, _task: [])
    context.events.publish = lambda body, job_id: events.append(body)
    cancelled: list[str] = []

    async def cancel(job_id: str) -> bool:
        cancelled.append(job_id)
        return False

    host: Any = SimpleNamespace(
        entry=Host("b", "you@b"), connection=SimpleNamespace(away_s=90.0), workers={"cpu": absent}
    )
    tasks: Any = SimpleNamespace(cancel=cancel)

    await hosts._move_late_jobs(host, tasks)

    assert (cancelled, events) == ((["0x1"], [JobMoved("b", 90)]) if waits else ([], []))


async def test_the_files_of_a_job_that_was_set_aside_go_from_hosts_as_they_do_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[list[JobId]] = []

    async def run(_connection: HostConnection) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(HostConnection, "run", run)
    monkeypatch.setattr(HostConnection, "tidy", lambda connection: kept.append(list(connection._jobs())))
    write_hosts(tmp_path, Host("b", "you@b"))
    training = make_job()
    unusable = make_job(job_id=OTHER_JOB_ID, error=DatasetUnusable(DatasetNotUtf8(0, 10)))
    hosts, _events = workers_of(tmp_path, training, unusable)
    await hosts.look(NOTHING)
    await hosts.close()
    assert kept == [[training.job_id]]


@pytest.mark.parametrize(
    ("away_s", "left_s", "elsewhere_s", "moves"),
    [
        (30, 60, 600, False),
        (30, -60, 600, False),
        (180, 4_000, 3_600, False),
        (180, 3_600, 3_600, True),
        (180, -1, 3_600, True),
        (1_800, 20_000, 19_000, False),
        (1_800, 18_900, 19_000, True),
        (1_800, 90_000, 600, False),
    ],
    ids=[
        *("a cut of 30 s", "a cut of 30 s, late", "3 min with time", "3 min without", "3 min, late"),
        *("30 min with time", "30 min without", "30 min for a short job"),
    ],
)
def test_a_job_keeps_its_place_while_its_deadline_allows(
    away_s: float, left_s: float, elsewhere_s: float, moves: bool
) -> None:
    assert cannot_wait(away_s, left_s, elsewhere_s) == moves


async def test_a_host_that_leaves_is_reached_until_its_jobs_are_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Callable[[], Host]] = []

    async def run(_connection: HostConnection) -> None:
        await asyncio.Event().wait()

    def over(_links: Links, _name: str, _way: Way, current: Callable[[], Host]) -> None:
        asked.append(current)

    monkeypatch.setattr(HostConnection, "run", run)
    monkeypatch.setattr(Links, "over", over)
    tls = OverTls(Place("10.0.0.2", 9787), Place("10.0.0.1", 9786), "0" * 64)
    host = Host("b", "10.0.0.2:9787", tls=tls)
    write_hosts(tmp_path, host)
    hosts, _events = workers_of(tmp_path)
    await hosts.look(NOTHING)
    write_hosts(tmp_path)
    hosts._follow_file()
    assert asked[0]() == host
    await hosts.close()


async def test_a_host_that_joins_is_shown_with_what_differs_and_drained_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = installed_versions()
    theirs = msgspec.structs.replace(ours, python="2.7.18", torch="0.4.1")
    hello = KeeperHello(PROTOCOL, theirs, (FarDevice("cpu", 2),), 5)

    async def run(connection: HostConnection) -> None:
        connection._join(hello)
        await asyncio.Event().wait()

    monkeypatch.setattr(HostConnection, "run", run)
    write_hosts(tmp_path, Host("b", "you@b"))
    hosts, events = workers_of(tmp_path)
    worker, job_id = SimpleNamespace(draining=False, away=None), JobId("0x1")
    context: Any = hosts._context
    context.far = SimpleNamespace(add=lambda *_: None)
    hosts._pool = SimpleNamespace(add=lambda *_: worker)  # type: ignore[assignment]
    leases: Any = hosts._leases
    leases.add, leases.part_on, leases.look_again = lambda _worker: None, lambda _worker: job_id, lambda: None
    leases.drain = lambda drained: setattr(drained, "draining", True)
    leases.undrain = lambda drained: setattr(drained, "draining", False)
    with anyio.fail_after(LIMIT_S):
        while not events:
            await hosts.look(NOTHING)
            await asyncio.sleep(0)

    different = [("Python", "2.7.18", ours.python), ("torch", "0.4.1", ours.torch or "–")]
    assert events == [HostJoined("b", "cpu"), *(HostDiffers("b", *each) for each in different)]
    hosts._carrier.home_at[job_id] = 0.0
    (view,) = hosts.views
    (job,) = view.jobs
    assert (view.joined, view.transport, view.free_bytes) == (True, "ssh", 5)
    assert view.differs == tuple(VersionDiffers(*each) for each in different)
    assert (job.job_id, job.device, view.checkpoint_age_s) == (job_id, "cpu", job.checkpoint_age_s)
    assert job != HostJob(job_id, "cpu")

    await hosts.drain("b", True, OPERATOR)
    assert worker.draining
    assert hosts.views[0].draining
    assert read_book(tmp_path).hosts[0].draining
    await hosts.drain("b", False, OPERATOR)
    assert (worker.draining, hosts.views[0].draining) == (False, False)
    assert events[3:] == [HostDrains("b", OPERATOR), HostTakesJobs("b", OPERATOR)]
    with pytest.raises(HostError):
        await hosts.drain("c", True, OPERATOR)
    await hosts.close()
