"""Interleaved rounds of two sides, and their statistics."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from emeth_tui.training.devices import open_device

T = TypeVar("T")


class Stopwatch:
    """Wall-clock seconds, and this process's CPU seconds, which other work on the machine affects less."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def lap(self) -> tuple[float, float]:
        """Return wall and CPU seconds since the start or the last lap, and start a new one."""
        wall, cpu = time.monotonic(), time.process_time()
        took = wall - self._wall, cpu - self._cpu
        self._wall, self._cpu = wall, cpu
        return took


@dataclass(frozen=True, slots=True)
class Ratios:
    """How many times as fast as the reference ours was, over the rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f}x (min {self.low:.2f}, max {self.high:.2f})"


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that the figures were measured on."""

    cpu: str
    vector_instructions: str
    cores: int
    load_average: float  # over the last minute of the run: both sides and all other work together
    torch_threads: int
    python: str
    torch: str
    transformers: str


def ratios(of_rounds: Sequence[float]) -> Ratios:
    """Return the statistics of all rounds' ratios."""
    return Ratios(statistics.median(of_rounds), min(of_rounds), max(of_rounds))


def rotated(items: Sequence[T], number: int) -> Sequence[T]:
    """Return the items rotated by the round's number, so that none always goes first."""
    first = number % len(items)
    return [*items[first:], *items[:first]]


def this_machine() -> Machine:
    """Return a description of this machine as it is now."""
    return Machine(
        cpu=open_device("cpu").name,
        vector_instructions=torch.backends.cpu.get_cpu_capability(),
        cores=os.cpu_count() or 0,
        load_average=os.getloadavg()[0],
        torch_threads=torch.get_num_threads(),
        python=platform.python_version(),
        torch=torch.__version__,
        transformers=importlib.metadata.version("transformers"),
    )
