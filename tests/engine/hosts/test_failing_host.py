"""A host that is wrong, or lies, about what keeps it from training: its job goes on elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from emeth_tui.engine.steps.pipeline import MOST_LOSSES, PASSING_TROUBLE
from emeth_tui.errors import DatasetError, DeviceFailed, DiskFull, EmethError, TrainingError, WorkerError
from emeth_tui.hosts.messages import Bring, Moved, Put, Refused
from emeth_tui.hosts.node.connection import HostConnection
from emeth_tui.hosts.node.files import Carrier, FarJobFiles
from emeth_tui.model import token_to_wei
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.host import HostLacks, NotAskedYet
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.workers.job_files import JobFiles
from tests.engine.harness import Harness, RunningNode

pytestmark = pytest.mark.slow

LARGE_FEE_WEI = token_to_wei(30)


class Ready:
    """A host that lacks nothing, as far as it says."""

    def refusal(self, *_job: object) -> None:
        return None

    def is_full(self, *_job: object) -> bool:
        return False


def on_host(node: RunningNode, index: int, error: EmethError) -> list[int]:
    """Have a worker be on a host and fail each job there; return how often it has."""
    pool: Any = node.node._pool
    context: Any = node.node._context
    worker, failures = pool.workers[index], []

    async def train(*_request: object, **_calls: object) -> None:
        failures.append(index)
        raise error

    files = context.disk.files
    files.host = worker.host = "b"
    worker.train = train
    context.far.add(worker, files, Ready())
    return failures


class Refusing(HostConnection):
    """A host that says of one kind of file, once `refuses`, that it is missing. It is never joined."""

    def __init__(self, what: str, refuses: Callable[[], bool] = lambda: True) -> None:
        super().__init__("b", contextlib.nullcontext, list, lambda *_: None, lambda *_: None)  # type: ignore[arg-type]
        self.refused = 0
        self._what = what
        self._refuses = refuses

    def send(self, message: object) -> None:
        """Answer what the link would be asked for."""
        if not isinstance(message, Put | Bring):
            return
        answer: Refused | Moved = Moved(message.request, 0, 0.0)
        if message.what == self._what and self._refuses():
            self.refused += 1
            answer = Refused(message.request, to_data(Foreign("no such file")))
        asyncio.get_running_loop().call_soon(self._take, answer)

    def files(self, home: JobFiles) -> FarJobFiles:
        return FarJobFiles(home, self, lambda _job: 10**9, Carrier(lambda _job: 10**9))


@pytest.mark.parametrize("kind", [DatasetError, DiskFull, TrainingError, WorkerError, DeviceFailed])
async def test_a_job_that_fails_on_a_host_goes_on_elsewhere(network: Harness, kind: type[EmethError]) -> None:
    async with network.node(devices=2) as node:
        failures = on_host(node, 0, kind(Foreign("so says the host")))
        job_id = await network.post()
        await node.event("submitted", job_id)

    assert failures == [0] * (MOST_LOSSES if issubclass(kind, PASSING_TROUBLE) else 1)
    assert node.script.trained_on == [1]


@pytest.mark.parametrize(("what", "trained_there"), [("dataset", 0), ("result", MOST_LOSSES)])
async def test_a_host_that_says_that_a_file_is_missing_keeps_no_job(
    network: Harness, what: str, trained_there: int
) -> None:
    async with network.node(devices=2) as node:
        pool: Any = node.node._pool
        context: Any = node.node._context
        worker, connection = pool.workers[0], Refusing(what)
        worker.host = connection.name
        context.far.add(worker, connection.files(context.disk.files), Ready())
        job_id = await network.post()
        await node.event("submitted", job_id)

    assert connection.refused == MOST_LOSSES
    assert node.script.trained_on == [0] * trained_there + [1]
    assert [event.kind for event in node.seen].count("downloaded") == 1


async def test_a_job_that_a_host_cannot_train_keeps_no_other_from_it(network: Harness) -> None:
    lacked = HostLacks("b", NotAskedYet())
    async with network.node() as node:
        context: Any = node.node._context
        context.far.claim_refusal = lambda _worker, job: lacked if job.fee_wei == LARGE_FEE_WEI else None
        large = await network.post(fee_emt=30)
        small = await network.post(fee_emt=20)
        await node.event("submitted", small)
        assert (await network.job(large)).status is JobStatus.REQUESTED
