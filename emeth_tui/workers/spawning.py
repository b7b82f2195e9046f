"""How a worker's process comes to be: started as a program of its own, or forked from one that has torch.

Forking takes hundredths of a second instead of seconds, and workers share the memory that they do not change.
It is for workers on a CPU alone, and on Linux: CUDA does not survive it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
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


def is_forked(config: WorkerConfig, main: Main) -> bool:
    """Return whether this worker is forked: another `main` than ours may not need torch at all."""
    return CAN_FORK and config.forked and main is process.main


def unborn(link: socket.socket, config: WorkerConfig, main: Main) -> BaseProcess:
    """Return a worker's process that is not yet started."""
    name = f"emeth-{config.name}"
    if not is_forked(config, main):
        return multiprocessing.get_context("spawn").Process(target=main, args=(link, config), name=name)
    multiprocessing.set_forkserver_preload(PRELOADED)
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
