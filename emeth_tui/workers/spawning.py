"""How a worker's process comes to be: started as a program of its own, or forked from one that has torch.

Forking takes hundredths of a second instead of seconds, and workers share the memory that they do not change.
It is for workers on a CPU alone, and on Linux: CUDA does not survive it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.util
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.process import BaseProcess

from emeth_tui.workers import process
from emeth_tui.workers.link import WorkerConfig

CAN_FORK = sys.platform == "linux"
# Not this package's own modules: the node's main module, which multiprocessing would load otherwise, has keys
# to handle.
PRELOADED = ["emeth_tui.training.preloaded", "emeth_tui.workers.process"]
Main = Callable[[socket.socket, WorkerConfig], None]
_forking_failed = False


def is_forked(config: WorkerConfig, main: Main) -> bool:
    """Return whether this worker is forked: another `main` than ours may not need torch at all."""
    return CAN_FORK and not _forking_failed and config.forked and main is process.main


def never_fork_again() -> None:
    """Spawn every worker from now on: what keeps the fork server from being reached seldom goes away.

    A path that is too long for its socket, or a program that tidied the socket away.
    """
    global _forking_failed  # noqa: PLW0603 - there is one fork server in a process
    _forking_failed = True


def unborn(link: socket.socket, config: WorkerConfig, main: Main, forked: bool) -> BaseProcess:
    """Return a worker's process that is not yet started."""
    name = f"emeth-{config.name}"
    if not forked:
        return multiprocessing.get_context("spawn").Process(target=main, args=(link, config), name=name)
    multiprocessing.set_forkserver_preload(PRELOADED)
    # Every user of the machine may connect to an abstract socket; Python before 3.10.9 and 3.11.1 takes one.
    multiprocessing.util.abstract_sockets_supported = False  # type: ignore[misc]
    environment = dict(os.environ)
    return multiprocessing.get_context("forkserver").Process(
        target=_run, args=(environment, main, link, config), name=name
    )


def start(unborn_process: BaseProcess) -> None:
    """Start it out of reach of the terminal's signals, which the child inherits until it can ignore them."""
    with _terminal_signals_held():
        unborn_process.start()


def _run(environment: Mapping[str, str], main: Main, link: socket.socket, config: WorkerConfig) -> None:
    """Run a worker with the node's environment of the moment: the fork server's is that of its own start."""
    os.environ.clear()
    os.environ.update(environment)
    main(link, config)


@contextlib.contextmanager
def _terminal_signals_held() -> Iterator[None]:
    """Block the terminal's signals for a moment: a child inherits that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, process.IGNORED_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
