"""What every worker on a CPU needs, loaded once: a fork server imports this, and workers are forked from it.

The server has no key, no terminal and no thread: it is a program of its own, started by the node with an
environment without secrets. Nothing here may touch a GPU, for CUDA does not survive a fork.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal

# One thread each: pools of threads do not survive a fork. Each worker sets its own number.
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_MODULES = ("tokenizers", "emeth_tui.training.job")


# Stopping a service signals all of its processes at once. Workers save their jobs on that, and must not be
# killed for the end of this process, which leaves when the last of them and the node are gone.
_OTHERS_TO_HEED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _leave_the_terminal() -> None:
    """Stay clear of the terminal's signals, and of its screen, to which libraries would print."""
    os.setsid()
    for number in _OTHERS_TO_HEED:
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def _load() -> None:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # see `workers.process`; read once, when the library is loaded
    for name in _ONE_THREAD:
        os.environ[name] = "1"
    for name in _MODULES:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001, S112 - the worker fails in the same way, and can say so
            continue
    gc.collect()
    gc.freeze()  # looking for garbage would copy every page


_leave_the_terminal()
_load()
