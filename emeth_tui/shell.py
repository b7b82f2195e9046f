"""Giving the shell its terminal back while the node goes on.

A shell waits for the process that it started. So that one only waits too, and the node runs in its child,
forked before there are threads, an event loop or workers. When the user leaves the node running, the child
goes into a session of its own, away from the terminal, and tells its parent to end: the shell is back, and
the node is still the same process. However the parent ends otherwise, the child takes it for a hang-up.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

_GO = b"g"
_KEYBOARD_SIGNALS = (signal.SIGINT, signal.SIGQUIT)  # they reach the child too, which is of the same group


class Shell:
    """The shell that waits behind this process's parent."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def fileno(self) -> int:
        """The descriptor that becomes readable when the parent is gone."""
        return self._link.fileno()

    def give_back(self, let_the_terminal_go: Callable[[], None]) -> None:
        """Leave the terminal and let the shell go on. What is to be read there is to be written before."""
        os.setsid()
        let_the_terminal_go()
        with suppress(OSError):  # the parent is gone: there is nobody to let go
            self._link.sendall(_GO)
        self._link.close()


def a_shell_waits() -> bool:
    """Whether what started this process is of the same session, and so goes on when this process ends.

    A terminal window, a tmux pane, `docker run -it` and a remote command each start a session: there, the end
    of this process is the end of the terminal. With process 1 as parent it is the end of the container.
    """
    parent = os.getppid()
    return parent > 1 and os.getsid(0) == os.getsid(parent)


def fork_from_shell() -> Shell:
    """Go on in a child. This process waits for it, then ends with its exit code: SystemExit."""
    ours, childs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        return Shell(childs)
    childs.close()
    sys.exit(_wait(child, ours))


def _wait(child: int, link: socket.socket) -> int:
    """Wait until the child gives the shell back or ends; gives the exit code, 128 and more for a signal."""
    for number in _KEYBOARD_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _frame: os.kill(child, number))
    if link.recv(1) == _GO:
        return 0
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code
