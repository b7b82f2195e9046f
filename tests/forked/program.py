"""The program with its workers forked from a process that the tests keep, so that torch is loaded once.

`python -m tests.forked.program SERVER ARGUMENT…`: the rest are the arguments of `emeth-tui`. A test of how
torch is loaded, or of what a process inherits, starts the program as its users do.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from functools import cache
from multiprocessing import forkserver
from typing import Any

from tests.forked.holding import hold_training


def forked_program() -> list[str]:
    """Return the command of the program whose workers come from this process's server."""
    return [sys.executable, "-m", "tests.forked.program", server_address()]


@cache
def server_address() -> str:
    """Start this process's fork server, the first time; return where it listens."""
    from emeth_tui.workers.spawning import PRELOADED

    multiprocessing.set_forkserver_preload(PRELOADED)
    multiprocessing.util.abstract_sockets_supported = False  # type: ignore[misc]
    forkserver.ensure_running()
    return str(_server()._forkserver_address)


def use_server(address: str) -> None:
    """Have this process's workers forked by the server at an address, whoever started it."""
    from emeth_tui.workers import spawning

    server = _server()
    server.ensure_running = lambda: None
    server._forkserver_address = address
    server._forkserver_alive_fd = os.open(os.devnull, os.O_RDONLY)  # a child is given one
    spawning._run = run_held


def run_held(*given: Any) -> None:
    """Run a worker, in a process of the server, that trains no further than its test says."""
    from emeth_tui.workers import spawning

    hold_training()
    spawning._run(*given)


def _server() -> Any:
    return forkserver._forkserver  # type: ignore[attr-defined]


def main() -> None:
    """Be the program."""
    use_server(sys.argv.pop(1))
    from emeth_tui.cli import main as run

    run()


if __name__ == "__main__":
    main()
