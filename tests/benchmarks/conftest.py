"""Sides of a benchmark as threads of this process: real pipes and real training, no seconds of imports.

One thread runs while all others wait for their parent. Processes that train at once share nothing; threads
share what libraries keep for the whole process: random numbers, half-loaded modules, accelerate's state.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import processes

_RUNNING = threading.Lock()


class _LettingOthersRun:
    """A side's end of its pipe: another side may run while this one waits for a message."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.send = connection.send
        self.close = connection.close

    def recv(self) -> Any:
        """Wait for the next message."""
        _RUNNING.release()
        try:
            return self._connection.recv()
        finally:
            _RUNNING.acquire()


class ThreadedSide(processes.SideProcess):
    """Runs a side's target in a thread, through the same pipe."""

    def __init__(
        self, name: str, target: processes.Target, task: object, threads: int | None, device: str = "cpu"
    ) -> None:
        self.name = name
        self._connection, theirs = multiprocessing.Pipe()
        self._thread = threading.Thread(target=self._run, args=(_LettingOthersRun(theirs), target, task))
        self._thread.start()

    @staticmethod
    def _run(connection: Any, target: processes.Target, task: object) -> None:
        with _RUNNING:
            processes.serve(connection, target, task)

    def close(self) -> None:
        """Hang up, upon which the target ends."""
        self.hang_up()
        self._thread.join()

    def _give_up(self) -> None:
        """A thread cannot be ended: it ends when it next looks at its pipe."""

    def _gone(self) -> processes.SideFailed:
        return processes.SideFailed(f"{self.name}: its thread ended")


@pytest.fixture
def threaded_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every benchmark's sides run as threads."""
    _replace(monkeypatch)


@pytest.fixture(scope="module")
def module_threaded_sides() -> Iterator[None]:
    """The same for all tests of a module."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _replace(monkeypatch)
        yield


def _replace(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("training.train", "training.command", "job", "growth", "gpu", "tokenise"):
        monkeypatch.setattr(f"benchmarks.{module}.SideProcess", ThreadedSide)
