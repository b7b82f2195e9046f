"""The process beside a link that starts ssh: the link is confined, and ssh must not be.

It is forked before its link imports what reads frames. It keeps ssh's command and environment, gets the far
ends of three pipes, starts ssh with them, one at a time, and reports how that ended. It reads nothing that a
host sends: a link that was taken over can have the same command started again, and no other.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

START, END = b"s", b"e"  # what a link asks for; with the first come three descriptors
STARTED, FAILED, ENDED = range(3)
ANSWER = struct.Struct("=Bi")  # one of these, and an errno or an exit status as `subprocess` has it
STREAMS = 3
END_LIMIT_S = 2.0
_FOR_SSH = (signal.SIGPIPE, signal.SIGXFSZ)  # which Python ignores
_WAKE_UP_BYTES = 64


def fork_starter(words: Sequence[str]) -> socket.socket:
    """Fork a process that starts this command, and return the socket to it, with which it ends.

    Raise OSError. It must be called while there is one thread.
    """
    near, far = socket.socketpair()
    if os.fork() == 0:
        near.close()
        _be_starter(far, words)
    far.close()
    return near


def _be_starter(link: socket.socket, words: Sequence[str]) -> NoReturn:
    status = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1):  # the link's pipes to the node must end with the link
            os.dup2(null, stream)
        _Starter(link, words).run()
        status = 0
    except BaseException:  # noqa: BLE001 - the top of a process
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


class _Starter:
    def __init__(self, link: socket.socket, words: Sequence[str]) -> None:
        self._link = link
        self._words = tuple(words)
        self._linked = True
        self._ssh = 0  # its process; 0 while there is none
        self._kill_at_s = math.inf  # by the monotonic clock
        self._woken, waking = socket.socketpair()
        waking.setblocking(False)
        signal.set_wakeup_fd(waking.detach())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._poll = select.poll()
        for each in (link, self._woken):
            self._poll.register(each, select.POLLIN)

    def run(self) -> None:
        """Serve the link until it has gone, and leave no ssh behind."""
        while self._linked or self._ssh:
            for descriptor, _events in self._poll.poll(self._patience_ms()):
                if descriptor == self._link.fileno():
                    self._obey()
                else:
                    self._woken.recv(_WAKE_UP_BYTES)
            self._reap()
            if time.monotonic() >= self._kill_at_s:
                self._kill_at_s = math.inf
                os.kill(self._ssh, signal.SIGKILL)

    def _patience_ms(self) -> float | None:
        if self._kill_at_s == math.inf:
            return None
        return max(0.0, self._kill_at_s - time.monotonic()) * 1000

    def _obey(self) -> None:
        asked, descriptors = self._receive()
        try:
            if asked == START and len(descriptors) == STREAMS and not self._ssh:
                self._start(descriptors)
            elif asked == END:
                self._end()
            else:  # it has gone, or breaks the rules
                self._poll.unregister(self._link)
                self._linked = False
                self._end()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _receive(self) -> tuple[bytes, list[int]]:
        try:
            asked, descriptors, _flags, _address = socket.recv_fds(self._link, 1, STREAMS)
        except OSError:
            return b"", []
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        return asked, descriptors

    def _start(self, descriptors: Sequence[int]) -> None:
        streams = [(os.POSIX_SPAWN_DUP2, descriptor, to) for to, descriptor in enumerate(descriptors)]
        try:
            self._ssh = os.posix_spawnp(
                self._words[0], self._words, os.environ, file_actions=streams, setsigdef=_FOR_SSH
            )
        except OSError as error:
            self._answer(FAILED, error.errno or 0)
        else:
            self._answer(STARTED, 0)

    def _end(self) -> None:
        if self._ssh and self._kill_at_s == math.inf:
            os.kill(self._ssh, signal.SIGTERM)
            self._kill_at_s = time.monotonic() + END_LIMIT_S

    def _reap(self) -> None:
        if not self._ssh:
            return
        pid, status = os.waitpid(self._ssh, os.WNOHANG)
        if pid:
            self._ssh = 0
            self._kill_at_s = math.inf
            self._answer(ENDED, os.waitstatus_to_exitcode(status))

    def _answer(self, kind: int, value: int) -> None:
        with contextlib.suppress(OSError):  # the link has gone, which is heard next
            self._link.sendall(ANSWER.pack(kind, value))
