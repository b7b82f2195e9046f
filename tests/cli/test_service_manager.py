"""Under a service manager: a real socket hears that the node is ready, alive, and what it does."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from emeth_tui.engine.market.standstill import Standstill
from emeth_tui.errors import StoreError
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import NoOffers
from emeth_tui.process.service_manager import ServiceManager, service_manager
from emeth_tui.supervised import status_line, supervised
from tests.tui.stand_in import NOW, PENDING_ID, StandInNode, pending_job, snapshot, training_job


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket at which a manager listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


async def heard(manager: socket.socket) -> dict[str, str]:
    """Return the states of the next datagram."""
    datagram = await anyio.to_thread.run_sync(manager.recv, 4_096)
    return dict(line.split("=", 1) for line in datagram.decode().splitlines())


async def test_it_hears_that_a_node_is_ready_alive_and_stopping(manager: socket.socket) -> None:
    node: Any = StandInNode()
    told = service_manager({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "20000"})
    async with supervised(told, node):
        states = [await heard(manager) for _ in range(5)]
    last = await heard(manager)
    while "STOPPING" not in last:
        last = await heard(manager)

    alive, status = {"WATCHDOG": "1"}, {"STATUS": status_line(node.snapshot())}
    assert states == [{"READY": "1"}, alive, status, alive, status]
    assert last == {"STOPPING": "1"}


async def test_a_node_whose_books_cannot_be_read_is_alive_and_says_so_again(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node: Any = StandInNode()
    told = service_manager({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "20000"})

    def unreadable() -> None:
        raise StoreError(Foreign("file is not a database"))

    monkeypatch.setattr(node, "snapshot", unreadable)
    async with supervised(told, node):
        states = [await heard(manager) for _ in range(4)]
        monkeypatch.undo()
        while "STATUS" not in await heard(manager):
            pass

    assert states == [{"READY": "1"}] + [{"WATCHDOG": "1"}] * 3
    assert [record.name for record in caplog.records] == ["emeth_tui.supervised"]


def test_the_status_says_what_the_node_does_and_why_it_takes_nothing() -> None:
    picture = snapshot(standstill=Standstill(NoOffers(), NOW))

    assert status_line(picture) == "2 jobs under way, 2 wait for the verifier; no jobs are on offer"
    each = snapshot(jobs=(training_job(), pending_job(PENDING_ID, 245)), standstill=None)
    assert status_line(each) == "1 job under way, 1 waits for the verifier"


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "120000000"}, 120.0),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())}, 1.0),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}, None),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "soon"}, None),
        ({"NOTIFY_SOCKET": "/run/x"}, None),
    ],
)
def test_signs_of_life_are_given_where_they_are_wanted(
    environment: dict[str, str], watchdog_s: float | None
) -> None:
    told = service_manager(environment)

    assert told is not None
    assert told.watchdog_s == watchdog_s


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative"}])
async def test_without_a_manager_there_is_nothing_to_tell(environment: dict[str, str]) -> None:
    node: Any = None
    assert service_manager(environment) is None
    async with supervised(None, node):
        pass


def test_a_manager_that_does_not_listen_is_no_reason_to_stop(tmp_path: Path) -> None:
    ServiceManager(str(tmp_path / "nobody"), None).notify(READY="1")


def test_an_abstract_socket_is_heard() -> None:
    name = f"emeth-tui-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name)
        listening.settimeout(60)
        ServiceManager("@" + name, None).notify(READY="1")
        assert listening.recv(100) == b"READY=1"
