"""A job that two hosts share out: weights go to and fro by the way that all files go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from emeth_tui.hosts.node.book import Host
from emeth_tui.notices.events.job import SharedOut
from tests.control.sshd import SSHD, running_sshd
from tests.engine.harness import WAIT_S, Harness
from tests.hosts.far import FarHost, write_hosts
from tests.hosts.test_whole_jobs import EPOCHS, ends_well, epoch, keep_local_idle
from tests.hosts.ways import OverSsh, OverTls

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[FarHost, FarHost]]:
    both = FarHost.make(tmp_path / "b"), FarHost.make(tmp_path / "c")
    yield both
    for host in both:
        host.end()


@pytest.fixture
def entries(hosts: tuple[FarHost, FarHost], tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    """The hosts as their owner adds them: one over ssh, or what stands in for it, one over TLS."""
    first, second = hosts
    state_dir = tmp_path / "state" / "devnet"
    over_tls = OverTls(second, "c")
    with contextlib.ExitStack() as stack:
        over_ssh = first.entry()
        if SSHD:
            over_ssh = OverSsh(first, stack.enter_context(running_sshd(tmp_path / "ssh"))).host(state_dir)
        yield over_ssh, over_tls.host(state_dir)
        over_tls.cut_off()


async def test_two_hosts_train_one_job_though_a_member_is_killed(
    network: Harness, entries: tuple[Host, Host], tmp_path: Path
) -> None:
    write_hosts(tmp_path / "state" / "devnet", *entries)
    async with network.node(training__cooperative="nvm") as node:
        keep_local_idle(node)
        workers = node.node._leases
        for _host in entries:
            await node.event("host_joined")
        assert node.node._hosts._workers is not None
        await asyncio.wait_for(node.node._hosts._workers.until_at_work({"b", "c"}), WAIT_S)
        job_id = await network.post(fee_emt=20)
        shared = (await node.event("shared_out", job_id)).body
        assert isinstance(shared, SharedOut)
        assert sorted(shared.devices.split(", ")) == ["b · cpu", "c · cpu"]

        await epoch(node, job_id, 3)
        member = next(worker for worker in workers.workers if worker.device == shared.devices.split(", ")[1])
        assert (member.view.job_id, member.view.part, member.view.parts) == (job_id, 2, 2)
        assert member.view.pid is not None
        os.kill(member.view.pid, signal.SIGKILL)
        await node.event("member_replaced", job_id)

        await ends_well(network, node, job_id)
        assert len(node.store.jobs.epochs(job_id)) == EPOCHS
        first, *others = node.store.jobs.averages(job_id)
        assert [average.epoch for average in others] == list(range(2, EPOCHS + 1))
        assert max(average.bytes_up for average in others) < first.bytes_up / 3.8  # differences
        small = [average for average in others if average.bytes_down < first.bytes_down / 3.8]
        assert len(small) >= len(others) - 1  # but for who begins anew
        assert node.script.trained_on == []
