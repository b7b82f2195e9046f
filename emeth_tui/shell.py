"""Giving the shell its terminal back while the node keeps running.

A shell waits for the process that it started. With a screen, that process therefore does nothing but wait:
the node runs in a child, forked before there are threads, an event loop or workers, none of which survive a
fork. When the user leaves the node running, the child starts a session of its own, away from the terminal,
and lets its parent exit. The shell is back, and the node is still the same process. If the parent ends in any
other way, the child treats that as a hang-up.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

_GO = b"g"
_KEYBOARD_SIGNALS = (signal.SIGINT, signal.SIGQUIT)  # these reach the child as well: it is in the same group


class Shell:
    """The shell that waits for this process's parent."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when the parent is gone."""
        return self._link.fileno()

    def release(self, detach_from_terminal: Callable[[], None]) -> None:
        """Leave the terminal and let the shell go on. Anything to be read there must be written before."""
        os.setsid()
        detach_from_terminal()
        with suppress(OSError):  # the parent is gone: nobody waits
            self._link.sendall(_GO)
        self._link.close()


def started_by_shell() -> bool:
    """Whether the process that started this one is in the same session, and so goes on when this one ends.

    A terminal window, a tmux pane, `docker run -it` and a remote command each start a session: there, the end
    of this process is the end of the terminal. With process 1 as parent it is the end of the container.
    """
    parent = os.getppid()
    return parent > 1 and os.getsid(0) == os.getsid(parent)


def fork_from_shell() -> Shell:
    """Continue in a child. This process waits for it and exits with its exit code: SystemExit."""
    ours, childs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        return Shell(childs)
    childs.close()
    sys.exit(_wait(child, ours))


def _wait(child: int, link: socket.socket) -> int:
    """Wait until the child releases the shell or ends. Return the exit code, 128 and more for a signal."""
    for number in _KEYBOARD_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _frame: os.kill(child, number))
    if link.recv(1) == _GO:
        return 0
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code
