"""Sides of a benchmark as threads of this process: real pipes and real training, no seconds of imports."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator

import pytest

from benchmarks import processes
from benchmarks.training.reference import load_transformers


class ThreadedSide(processes.SideProcess):
    """Runs a side's target in a thread, through the same pipe."""

    def __init__(
        self, name: str, target: processes.Target, task: object, threads: int | None, device: str = "cpu"
    ) -> None:
        self.name = name
        self._connection, theirs = multiprocessing.Pipe()
        self._thread = threading.Thread(target=processes.serve, args=(theirs, target, task))
        self._thread.start()

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
    load_transformers()  # two threads that load it at once find half of it
    for module in ("training.train", "training.command", "job", "growth", "gpu", "tokenise"):
        monkeypatch.setattr(f"benchmarks.{module}.SideProcess", ThreadedSide)
