"""Who verifies, where several processes serve one network over PostgreSQL: one of them, and always one."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from emeth_tui.errors import ServiceError
from emeth_tui.network.records.postgres_lock import PostgresLock
from emeth_tui.network.serving import verifying_in_turn
from emeth_tui.network.serving.verifying_in_turn import check_key, name_with, verify_in_turn
from tests.network.servers.grown import GrownServers

pytestmark = pytest.mark.slow
KEY, OTHER_KEY = "ab" * 32, "cd" * 32
GOODBYE = b"X\x00\x00\x00\x04"  # PostgreSQL's message Terminate


@pytest.fixture
def locks(grown_servers: GrownServers) -> Iterator[tuple[PostgresLock, PostgresLock]]:
    """What two processes have, which verify one network with one key."""
    grown_servers.empty()
    one, other = (
        PostgresLock(grown_servers.postgres_place(), "verifier 1 0xcore", name_with(KEY)) for _ in range(2)
    )
    with contextlib.closing(one), contextlib.closing(other):
        yield one, other


Locks = tuple[PostgresLock, PostgresLock]


def test_one_at_a_time_holds_the_lock(locks: Locks, grown_servers: GrownServers) -> None:
    one, other = locks
    another_networks = PostgresLock(grown_servers.postgres_place(), "verifier 2 0xcore", "someone")

    assert other.holder() is None
    assert [one.take(), other.take(), one.take()] == [True, False, True]
    assert other.holder() == name_with(KEY)
    with contextlib.closing(another_networks):
        assert another_networks.take()
    one.close()
    assert [other.take(), one.take()] == [True, False]


def test_a_connection_that_broke_has_lost_the_lock(locks: Locks, grown_servers: GrownServers) -> None:
    one, other = locks
    assert one.take()

    grown_servers.postgres.empty()  # which ends all connections

    assert other.take()
    with pytest.raises(ServiceError):
        one.take()
    assert not one.take()


@contextlib.contextmanager
def unheard_goodbyes(port: int) -> Iterator[int]:
    """Forward one connection from the port yielded, but keep its end from the server."""

    def forward(source: socket.socket, target: socket.socket) -> None:
        while (data := source.recv(65_536)) and data != GOODBYE:
            target.sendall(data)

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(("127.0.0.1", port)) as server,
    ):

        def serve() -> None:
            with listener.accept()[0] as client:
                back = threading.Thread(target=forward, args=(server, client))
                back.start()
                forward(client, server)
                over.wait()
                server.shutdown(socket.SHUT_RDWR)
                back.join()

        over, serving = threading.Event(), threading.Thread(target=serve)
        serving.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            serving.join()


def test_the_lock_is_free_though_the_server_has_not_seen_the_end(
    locks: Locks, grown_servers: GrownServers
) -> None:
    with unheard_goodbyes(grown_servers.postgres.port) as port:
        place = dataclasses.replace(grown_servers.postgres_place(), port=port)
        far = PostgresLock(place, "verifier 1 0xcore", name_with(KEY))
        assert far.take()
        far.close()

        assert locks[0].take()


async def test_a_verifier_with_another_key_is_refused_while_one_verifies(locks: Locks) -> None:
    one, other = locks

    await check_key(one, KEY, Path("key"))
    await check_key(other, KEY, Path("key"))
    with pytest.raises(ServiceError, match="with another key than key"):
        await check_key(other, OTHER_KEY, Path("key"))
    one.close()
    await check_key(other, OTHER_KEY, Path("key"))
    assert KEY[:8] not in name_with(KEY)


class Verifying:
    """A verifier that does nothing until it is stopped."""

    def __init__(self) -> None:
        self.has_begun, self.has_ended = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        self.has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.has_ended.set()


async def test_the_second_takes_over_when_the_first_has_lost_its_turn(
    locks: Locks, grown_servers: GrownServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying_in_turn, "LOOK_EVERY_S", 0.05)
    one, other = locks
    first, second = Verifying(), Verifying()
    tasks = [asyncio.create_task(verify_in_turn(one, first.run))]
    await first.has_begun.wait()
    tasks.append(asyncio.create_task(verify_in_turn(other, second.run)))

    with grown_servers.postgres.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        )
    await second.has_begun.wait()
    await first.has_ended.wait()

    with pytest.raises(ServiceError):
        await tasks[0]
    tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    assert second.has_ended.is_set()
