"""The seam between the node and wherever a worker runs: what the node needs of one, and how it can end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from emeth_tui.errors import Reasoned
from emeth_tui.workers.messages import ToChild, ToParent


class LinkError(Reasoned):
    """Base of what can go wrong with a worker's process."""


class ProcessDied(LinkError):
    """The process is gone or given up."""


class NoNews(LinkError):
    """The process has been silent for too long."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker is started with; the paths are those of the host that it runs on."""

    name: str
    device: str
    log_path: str
    threads: int
    jobs_dir: str  # holds one directory a job
    devices_dir: str = ""  # where to keep what fits each device and model; empty: nowhere
    host: str = ""  # another machine's name; empty: this one
    forked: bool = False  # from a process that has loaded torch, where that is possible


class WorkerLink(Protocol):
    """One worker process, here or elsewhere.

    Its messages arrive whole, each once and in order; where that fails, the link ends instead.
    """

    @property
    def pid(self) -> int:
        """The process's id on its host; 0 while there is none."""

    @property
    def place(self) -> str:
        """Where the worker runs, for a log line."""

    def send(self, message: ToChild) -> None:
        """Send a message without waiting; once the worker is gone it is lost, and `receive` says so."""

    async def receive(self, limit_s: float = math.inf) -> ToParent:
        """Return the next message. Raise ProcessDied after the last one, NoNews when none comes in time."""

    async def end(self, grace_s: float) -> None:
        """Wait until the worker leaves by itself, and kill it after `grace_s`."""

    async def kill(self) -> None:
        """End the worker now; when this returns, it does nothing any more."""


OnEnd = Callable[[], None]  # called once, when the link has ended
LinkFactory = Callable[[WorkerConfig, OnEnd], WorkerLink]
