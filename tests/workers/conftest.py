"""A pool with one CPU worker, shared by the tests of a module: a process takes seconds to load torch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from emeth_tui.model import WorkerPhase
from emeth_tui.workers.supervisor import Worker, WorkerPool, WorkerView
from emeth_tui.workers.worker import OnChange
from tests.workers.jobs import QUICK, in_directories


class Views:
    """Hears every change of a view."""

    def __init__(self) -> None:
        self.seen: list[WorkerView] = []
        self._awaited: tuple[WorkerPhase, asyncio.Event] | None = None

    def __call__(self, view: WorkerView) -> None:
        self.seen.append(view)
        if self._awaited is not None and view.phase is self._awaited[0]:
            self._awaited[1].set()

    @property
    def restarts(self) -> int:
        """How often the worker's process was replaced."""
        return sum(view.phase is WorkerPhase.RESTARTING for view in self.seen)

    async def reach(self, phase: WorkerPhase) -> None:
        """Return when a view shows this phase from now on."""
        self._awaited = phase, asyncio.Event()
        await self._awaited[1].wait()


@pytest.fixture(scope="module", autouse=True)
def forked(forked_workers: None) -> None:
    """Have no test of this folder wait for torch, but those that start the program."""


@pytest.fixture(scope="module")
def views() -> Views:
    return Views()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(tmp_path_factory: pytest.TempPathFactory, views: OnChange) -> AsyncIterator[WorkerPool]:
    """A started pool of one CPU worker."""
    pool = WorkerPool(["cpu"], in_directories(tmp_path_factory.mktemp("logs")), views, QUICK)
    await pool.start()
    yield pool
    await pool.close(5.0)


@pytest.fixture
def worker(pool: WorkerPool, views: Views) -> Worker:
    """The pool's worker, idle."""
    views.seen.clear()
    assert not pool.workers[0].busy
    return pool.workers[0]
