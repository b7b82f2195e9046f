"""Jobs on a real network, trained on another machine: HOME, keeper and worker are its own."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from emeth_tui.engine import opening
from emeth_tui.engine.hosts import host_workers
from emeth_tui.engine.hosts.host_workers import HostWorkers
from emeth_tui.engine.steps.job_tasks import JobTasks
from emeth_tui.hosts.link import link
from emeth_tui.hosts.node.book import change_book
from emeth_tui.model import JobId, WorkerPhase
from emeth_tui.notices.events.host import HostModelTrouble
from emeth_tui.notices.events.job import EpochDone, SetAside
from emeth_tui.notices.events.market import Idle
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.disk import CacheFull
from emeth_tui.notices.reasons.job import HostNotBackInTime
from emeth_tui.notices.reasons.market import NoneTaken
from emeth_tui.notices.reasons.network.host import HostLacks
from emeth_tui.notices.reasons.training.models import NoModelDirectory
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.workers.model_keeper import OnFetching
from emeth_tui.workers.supervisor import Worker
from tests.control.conftest import until
from tests.engine.harness import Harness, RunningNode
from tests.faults.stage.processes import is_alive
from tests.hosts.far import FarHost, write_hosts
from tests.hosts.ways import OverTls, Way

pytestmark = [pytest.mark.process, pytest.mark.slow]
EPOCHS = 30
# What the link has no part in is played over one of the two.
over_ssh = pytest.mark.parametrize("way", ["ssh"], indirect=True)


def is_idle(worker: Worker, pid: int) -> bool:
    """Whether a worker's process waits for a job."""
    return (worker.view.phase, worker.view.pid) == (WorkerPhase.IDLE, pid)


def keep_local_idle(node: RunningNode, idle: bool = True) -> None:
    """Have jobs go to the host, or to this machine as well."""
    for worker in node.node._leases.workers:
        if not worker.host:
            worker.usable = not idle  # type: ignore[misc]
    node.node._leases.look_again()


async def lacked(node: RunningNode, kind: type[Reason]) -> Reason:
    """Wait until the node takes no job because its host lacks something of a kind."""
    while True:
        body = (await node.event("idle")).body
        assert isinstance(body, Idle)
        refusal = body.reason.reason if isinstance(body.reason, NoneTaken) else None
        if isinstance(refusal, HostLacks) and isinstance(refusal.cause, kind):
            return refusal.cause


async def epoch(node: RunningNode, job_id: JobId, least: int) -> None:
    """Wait until so many epochs are trained."""
    while True:
        body = (await node.event("epoch_done", job_id)).body
        assert isinstance(body, EpochDone)
        if body.epoch >= least:
            return


async def ends_well(network: Harness, node: RunningNode, job_id: JobId, *, some_unseen: bool = False) -> None:
    """Wait until a job is verified; `some_unseen` of its epochs may have been trained without the node."""
    await node.event("submitted", job_id)
    await network.verify(job_id)
    await node.event("verified", job_id)
    trained = [record.epoch for record in node.store.jobs.epochs(job_id)]
    if some_unseen:
        assert trained == sorted(set(trained))
    else:
        assert trained == list(range(1, len(trained) + 1))


def count_looks(monkeypatch: pytest.MonkeyPatch) -> list[JobTasks]:
    """Note every look of the node at its hosts, when it is over."""
    looks: list[JobTasks] = []
    look = HostWorkers.look

    async def noted(hosts: HostWorkers, tasks: JobTasks) -> None:
        await look(hosts, tasks)
        looks.append(tasks)

    monkeypatch.setattr(HostWorkers, "look", noted)
    return looks


async def test_a_job_is_trained_there_and_its_result_comes_home(
    network: Harness, far: FarHost, way: Way, tmp_path: Path
) -> None:
    far.fork_server.unlink()
    state_dir = tmp_path / "state" / "devnet"
    write_hosts(state_dir, way.host(state_dir))
    async with network.node() as node:
        keep_local_idle(node)
        await node.event("host_joined")
        job_id = await network.post(fee_emt=20)
        await ends_well(network, node, job_id)
        assert node.script.trained_on == []
        (host,) = node.node.snapshot().hosts
        assert (host.name, host.joined, host.devices) == ("b", True, ("cpu",))


@over_ssh
async def test_no_deposit_is_staked_on_a_host_that_is_not_ready(
    network: Harness, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_ready(_log_dir: Path, _model: str, _on_fetching: OnFetching) -> None:
        """Have the node's own machine have every model."""

    monkeypatch.setattr(opening, "make_ready", is_ready)
    model = str(tmp_path / "not there")
    state_dir = tmp_path / "state" / "devnet"
    write_hosts(state_dir, way.host(state_dir))
    async with network.node(training__model_en=model) as node:
        keep_local_idle(node)
        trouble = (await node.event("host_model_trouble")).body
        assert trouble == HostModelTrouble("b", model, NoModelDirectory(model))
        job_id = await network.post(fee_emt=20)
        assert await lacked(node, NoModelDirectory) == NoModelDirectory(model)
        assert node.node.snapshot().hosts[0].lacks == NoModelDirectory(model)
        assert (await network.job(job_id)).status is JobStatus.REQUESTED

        keep_local_idle(node, idle=False)
        await ends_well(network, node, job_id)
        assert node.script.trained_on == [0]


async def test_a_job_that_a_hosts_disk_does_not_hold_is_trained_here(
    network: Harness, far: FarHost, tmp_path: Path
) -> None:
    settings = far.home / ".config" / "emeth-tui" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[cache]\nlimit_gb = 0.001\n")
    write_hosts(tmp_path / "state" / "devnet", far.entry())
    async with network.node() as node:
        keep_local_idle(node)
        await node.event("host_joined")
        job_id = await network.post(fee_emt=20)
        refusal = await lacked(node, CacheFull)
        assert isinstance(refusal, CacheFull)
        assert refusal.limit_bytes == 1_000_000

        keep_local_idle(node, idle=False)
        await ends_well(network, node, job_id)
        assert node.script.trained_on == [0]


async def test_relay_worker_and_keeper_are_killed_and_the_job_goes_on(
    network: Harness, far: FarHost, way: Way, tmp_path: Path
) -> None:
    state_dir = tmp_path / "state" / "devnet"
    write_hosts(state_dir, way.host(state_dir))
    far.hold_at(2)
    with_moments = isinstance(way, OverTls)  # over ssh the optimiser begins them anew each time
    async with network.node(training__moments_on_hosts=with_moments) as node:
        keep_local_idle(node)
        job_id = await network.post(fee_emt=20, epochs=EPOCHS)
        await epoch(node, job_id, 2)
        (worker,) = [worker for worker in node.node._leases.workers if worker.device == "b · cpu"]
        hosts = node.node._hosts._workers
        assert hosts is not None
        connection, process = hosts._hosts["b"].connection, worker.view.pid
        way.kill_relay()
        while connection.joins < 2:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
        far.hold_at(4)
        await epoch(node, job_id, 4)
        assert worker.view.pid == process  # it went on

        assert process is not None
        os.kill(process, signal.SIGKILL)
        await node.event("training", job_id)
        second = worker.view.pid
        assert second != process

        os.kill(far.keeper_pid, signal.SIGKILL)
        await node.event("training", job_id)
        assert worker.view.pid not in {process, second}
        far.go_on()
        await ends_well(network, node, job_id)
        assert len(node.store.jobs.epochs(job_id)) == EPOCHS


@over_ssh
async def test_a_node_that_starts_anew_goes_on_where_the_host_is(
    network: Harness, far: FarHost, way: Way, tmp_path: Path
) -> None:
    state_dir = tmp_path / "state" / "devnet"
    write_hosts(state_dir, way.host(state_dir))
    far.hold_at(4)
    async with network.node() as node:
        keep_local_idle(node)
        job_id = await network.post(fee_emt=20, epochs=EPOCHS)
        await epoch(node, job_id, 4)
        await node.stop()
    async with network.node() as node:
        await epoch(node, job_id, 5)
        far.go_on()
        await ends_well(network, node, job_id)
        assert node.script.trained_on == []


async def test_a_host_finishes_its_job_while_it_is_drained_and_gives_it_up_when_it_is_removed(
    network: Harness, far: FarHost, over_tls: OverTls, tmp_path: Path
) -> None:
    state_dir = tmp_path / "state" / "devnet"
    write_hosts(state_dir, over_tls.host(state_dir))
    far.hold_at(2)
    async with network.node() as node:
        keep_local_idle(node)
        job_id = await network.post(fee_emt=20, epochs=EPOCHS)
        await epoch(node, job_id, 2)
        change_book(state_dir, lambda book: book.drained("b", draining=True))
        over_tls.rotate(state_dir)
        await until(lambda: node.node._hosts._workers._hosts["b"].connection.joins > 1)  # type: ignore[union-attr]
        await until(lambda: node.node.snapshot().hosts[0].draining)
        assert not node.node._leases.usable
        far.hold_at(4)
        await epoch(node, job_id, 4)
        await node.stop()
    async with network.node() as node:
        await epoch(node, job_id, 5)
        assert node.script.trained_on == []  # it went on there, with this machine's device free
        change_book(state_dir, lambda book: book.without("b"))
        await until(lambda: not node.node.snapshot().hosts)
        await ends_well(network, node, job_id)
        assert node.script.trained_on == [0]


async def test_a_job_goes_on_elsewhere_and_its_host_stops_it_when_it_is_back(
    network: Harness, far: FarHost, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_workers, "SAID_AFTER_S", 0.0)
    monkeypatch.setattr(host_workers, "MOVE_AFTER_S", 0.0)
    looks = count_looks(monkeypatch)
    state_dir = tmp_path / "state" / "devnet"
    write_hosts(state_dir, way.host(state_dir))
    far.hold_at(4)
    async with network.node() as node:
        keep_local_idle(node)
        job_id = await network.post(fee_emt=20, epochs=EPOCHS)
        await epoch(node, job_id, 4)
        (worker,) = [worker for worker in node.node._leases.workers if worker.device == "b · cpu"]
        way.cut_off()
        await node.event("host_away")
        assert worker.view.phase is WorkerPhase.AWAY
        assert not worker.usable
        given_away = worker.view.pid
        assert given_away is not None
        keep_local_idle(node, idle=False)
        seen = len(looks)
        await until(lambda: len(looks) >= seen + 3)
        assert node.script.trained_on == []  # there is time: it is waited for
        await network.pass_time(7_050)
        await node.event("job_moved", job_id)
        await until(lambda: node.script.trained_on == [0])
        assert is_alive(given_away)
        way.come_back()
        await until(lambda: node.node.snapshot().hosts[0].joined)
        await until(lambda: not is_alive(given_away) or is_idle(worker, given_away))
        await ends_well(network, node, job_id, some_unseen=True)


async def test_a_job_is_set_aside_once_neither_its_host_nor_another_worker_can_make_its_deadline(
    network: Harness, far: FarHost, tmp_path: Path
) -> None:
    write_hosts(tmp_path / "state" / "devnet", far.entry())
    far.hold_at(2)
    async with network.node() as node:
        keep_local_idle(node)
        job_id = await network.post(fee_emt=20, epochs=EPOCHS)
        await epoch(node, job_id, 2)
        (worker,) = node.node._leases.members_of(job_id)
        far.cut_off()
        await until(lambda: worker.view.phase is WorkerPhase.AWAY)
        for _look in range(3):
            await node.node._watch()
        assert not node.node._context.book.get(job_id).is_set_aside  # it may come home with the host
        await network.pass_time(7_300)
        aside = (await node.event("set_aside", job_id)).body
        assert isinstance(aside, SetAside)
        assert aside.reason == HostNotBackInTime("b")
        assert not node.node._leases.members_of(job_id)
        assert (await network.job(job_id)).status is JobStatus.PROCESSING


def test_the_limits_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "hosts.md").read_text("utf-8")
    assert f"{link.SILENT_AFTER_S:.0f} s" in page
    assert f"{host_workers.MOVE_AFTER_S:.0f} s" in page
