"""A node for commands about money: the running one, or one at rest in this process.

At rest, this process holds the node's state and opens its wallet; it neither trains nor claims.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from emeth_tui.cli.node.place import Place
from emeth_tui.cli.wallet import wallet_opener
from emeth_tui.model import AskedAt, Asker, JobId

if TYPE_CHECKING:
    from emeth_tui.engine.node import Node
    from emeth_tui.engine.view.snapshot import Snapshot


class NodeAtWork:
    """The running node. Each command connects anew: between two of them somebody may think for long."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def snapshot(self) -> Snapshot:
        """Return what the node shows now. Raise NotRunning or ControlError."""
        async with self._place.node() as node:
            return await node.snapshot()

    async def claim(self, job_id: JobId) -> None:
        """Claim a job on offer. Raise CommandRefused."""
        async with self._place.node() as node:
            await node.connection.do("claim_job", job_id=job_id)

    async def decline(self, job_id: JobId) -> None:
        """Give a job back. Raise CommandRefused."""
        async with self._place.node() as node:
            await node.connection.do("decline_job", job_id=job_id)

    async def withdraw(self, slots: list[int]) -> int:
        """Withdraw rewards and return the wei of EMT. Raise CommandRefused."""
        async with self._place.node() as node:
            return int(await node.connection.do("withdraw", slots=slots))


class NodeAtRest:
    """A node of this process's own, as far as commands about money need one."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._by = Asker(AskedAt.COMMAND_LINE, os.getpid(), _user_name())

    async def snapshot(self) -> Snapshot:
        """Return what the chain and the store show now."""
        return self._node.snapshot()

    async def decline(self, job_id: JobId) -> None:
        """Give a job back. Raise JobError."""
        await self._node.decline_job(job_id, by=self._by)

    async def withdraw(self, slots: list[int]) -> int:
        """Withdraw rewards and return the wei of EMT. Raise EmethError."""
        return await self._node.withdraw(slots, by=self._by)


def take_secrets() -> Mapping[str, str]:
    """Take the secrets out of the environment: nothing that is started later has them."""
    from emeth_tui.hardening import take_out
    from emeth_tui.settings import START_VARIABLES

    return take_out(START_VARIABLES)


@asynccontextmanager
async def node_at_rest(place: Place, secrets: Mapping[str, str]) -> AsyncIterator[NodeAtRest]:
    """Hold the state's lock and the wallet while the body runs. Raise EmethError, each with the remedy."""
    from emeth_tui.engine.clock import ChainClock
    from emeth_tui.engine.events import EventLog
    from emeth_tui.engine.opening import open_node_at_rest
    from emeth_tui.settings import find_password
    from emeth_tui.store.database import Store

    wallet = wallet_opener(place.settings, find_password(secrets, place.settings.wallet))()
    clock = ChainClock()
    with (
        Store(place.state_dir) as store,
        contextlib.closing(EventLog(store.events, clock.now_unix_s)) as events,
    ):
        opening = open_node_at_rest(
            place.settings, place.network(), wallet, store, events=events, clock=clock
        )
        async with opening as node:
            yield NodeAtRest(node)


def _user_name() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
