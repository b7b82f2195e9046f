"""A process makes no other sockets than it asked for, and leaves modes and owners; on the real kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from emeth_tui.process.call_filter import _MACHINES
from tests.terminal import ROOT

needs_filter = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine not in _MACHINES, reason="no filter for this machine"
)
ATTEMPTS = """
import asyncio, ctypes, json, os, socket, sys, tempfile
from emeth_tui.process.call_filter import filter_calls

def io_uring():
    call = ctypes.CDLL(None, use_errno=True).syscall
    if call(ctypes.c_long(425), 1, ctypes.create_string_buffer(120)) < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")

allowed = None if sys.argv[1] == "all" else [socket.AddressFamily[name] for name in sys.argv[2:]]
if allowed is not None:
    assert filter_calls(allowed)
directory = os.open(tempfile.gettempdir(), os.O_RDONLY)
file = tempfile.NamedTemporaryFile()
attempts = {
    "mode": lambda: os.chmod(file.name, 0o644),
    "mode of what is open": lambda: os.fchmod(file.fileno(), 0o644),
    "mode in a directory": lambda: os.chmod(os.path.basename(file.name), 0o644, dir_fd=directory),
    "owner": lambda: os.chown(file.name, -1, -1),
    "owner of a link": lambda: os.lchown(file.name, -1, -1),
    "owner in a directory": lambda: os.chown(os.path.basename(file.name), -1, -1, dir_fd=directory),
    "owner of what is open": lambda: os.fchown(file.fileno(), -1, -1),
    "attribute": lambda: os.setxattr(file.name, "user.a", b"b"),
    "attribute of what is open": lambda: os.setxattr(file.fileno(), "user.a", b"b"),
    "content": lambda: os.truncate(file.name, 0),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "tcp": lambda: socket.socket(socket.AF_INET),
    "tcp6": lambda: socket.socket(socket.AF_INET6),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "pair of streams": lambda: socket.socketpair(),
    "pair of datagrams": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
    "io_uring": io_uring,
    "loop": lambda: asyncio.run(asyncio.to_thread(int)),
}
refused = []
for name, attempt in attempts.items():
    try:
        attempt()
    except PermissionError:
        refused.append(name)
    except OSError:
        pass  # the kernel has no such sockets, or no io_uring
print(json.dumps(refused))
"""


OF_FILES = {
    *("mode", "mode of what is open", "mode in a directory"),
    *("owner", "owner of a link", "owner in a directory", "owner of what is open"),
    *("attribute", "attribute of what is open", "content"),
}
OF_OTHERS = {"unix", "netlink", "pair of datagrams", "io_uring"}


@needs_filter
@pytest.mark.parametrize(
    ("families", "refused"),
    [
        (["all"], set()),
        (["none"], {*OF_FILES, *OF_OTHERS, "tcp", "tcp6", "udp"}),
        (["some", "AF_INET", "AF_INET6"], {*OF_FILES, *OF_OTHERS}),
    ],
    ids=["without", "no network", "the internet"],
)
def test_the_rest_is_refused(families: list[str], refused: set[str]) -> None:
    words = [sys.executable, "-W", "ignore", "-c", ATTEMPTS, *families]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    may_be_off = {"io_uring"} - refused  # by the machine's own settings
    assert set(json.loads(ended.stdout)) - may_be_off == refused
