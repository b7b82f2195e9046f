"""The program forked from a process that has loaded it already: a command takes a tenth of the time.

What tests the start itself, the language of a terminal or a terminal starts the program as its users do.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

LOADED = (
    "cli",
    "clients",
    "control",
    "listings",
    "network",
    "notices",
    "protocol",
    "settings",
    "store",
    "words",
)
MOST_BYTES = 1_000_000  # of a request: arguments and environment
START_LIMIT_S = 120.0
_STREAMS = ((0, "r"), (1, "w"), (2, "w"))


@dataclass(frozen=True)
class Request:
    """What a process gets from the one that starts it, but for its three streams."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: str


def run(
    arguments: Sequence[str], environment: Mapping[str, str], directory: Path, stdin: bytes, limit_s: float
) -> subprocess.CompletedProcess[bytes]:
    """Run `emeth-tui` to its end. Raise TimeoutError, after killing it."""
    request = Request(arguments, environment, str(directory))
    with ExitStack() as open_files:
        streams = [open_files.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        streams[0].write(stdin)
        streams[0].seek(0)
        ours = open_files.enter_context(_begun(request, [stream.fileno() for stream in streams]))
        code = _exit_code(ours, limit_s)
        for stream in streams[1:]:
            stream.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, streams[1].read(), streams[2].read())


def run_at_terminal(
    arguments: Sequence[str], environment: Mapping[str, str], directory: Path, size: tuple[int, int]
) -> tuple[int, bytes]:
    """Run `emeth-tui` on a terminal of so many columns and rows; return its exit code and what it wrote."""
    columns, rows = size
    with ExitStack() as open_files:
        descriptor, theirs = os.openpty()
        written = open_files.enter_context(os.fdopen(descriptor, "rb", buffering=0))
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        ours = open_files.enter_context(_begun(Request(arguments, environment, str(directory)), [theirs] * 3))
        os.close(theirs)
        output = b""
        with contextlib.suppress(OSError):  # the program has closed its side
            while chunk := written.read(65_536):
                output += chunk
        return _exit_code(ours, START_LIMIT_S), output


def _begun(request: Request, streams: Sequence[int]) -> socket.socket:
    """Have the program begun on these descriptors; return the socket on which it says how it ended."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(_server(), [json.dumps(asdict(request)).encode()], [theirs.fileno(), *streams])
    return ours


def _exit_code(ours: socket.socket, limit_s: float) -> int:
    ours.settimeout(START_LIMIT_S)
    pid = int(ours.recv(100))
    ours.settimeout(limit_s)
    try:
        return int(ours.recv(100))
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        raise


@cache
def _server() -> socket.socket:
    """Start the process to fork from, once for each process of pytest; it ends with that."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.warm_program", str(theirs.fileno())],
            env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": ""},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
    atexit.register(_end, server, ours)
    return ours


def _end(server: subprocess.Popen[bytes], ours: socket.socket) -> None:
    ours.close()
    server.wait()


def _serve(control: socket.socket) -> Request | None:
    """Fork for every request; return the request in each child, and None when nobody is left to ask."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    while True:
        content, descriptors, _flags, _address = socket.recv_fds(control, MOST_BYTES, 4)
        if not content:
            return None
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            return _begin(Request(**json.loads(content)), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _begin(request: Request, answer: int, *streams: int) -> Request:
    """Fork the program, and stay behind to say how it ended."""
    pid = os.fork()
    if pid == 0:
        os.close(answer)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        return request
    with socket.socket(fileno=answer) as client:
        client.send(b"%d" % pid)
        _pid, status = os.waitpid(pid, 0)
        client.send(b"%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _load() -> None:
    for name in LOADED:
        package = importlib.import_module(f"emeth_tui.{name}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "torch" not in module.name:
                importlib.import_module(module.name)
    gc.freeze()


def _main() -> None:
    _load()
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    if request is None:
        return
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    os.chdir(request.directory)
    sys.argv = ["emeth-tui", *request.arguments]
    # As they are now: the ones from the start believe that they can be sought in, which a terminal cannot.
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, closefd=False) for number, mode in _STREAMS)
    from emeth_tui.cli import main

    try:
        main()
    except SystemExit as ended:
        _leave(ended.code)


def _leave(code: int | str | None) -> None:
    """Exit as Python does, but for taking down what was loaded, which takes longer than most commands."""
    if isinstance(code, str):
        raise SystemExit(code)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    _main()
