"""A process that confines itself keeps what it asked for and nothing else; on the real kernel."""

from __future__ import annotations

import errno
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emeth_tui.process import landlock
from emeth_tui.process.landlock import Allowed, confine, landlock_version
from tests.terminal import ROOT

VERSION = landlock_version()
needs_landlock = pytest.mark.skipif(VERSION == 0, reason="this kernel has no Landlock")
# What a process does below a directory, after it has confined itself to some of it as a version would.
ATTEMPTS = """
import encodings.idna, json, os, socket, sys
from pathlib import Path
from emeth_tui.process import landlock

root, version, port = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
landlock.landlock_version = lambda: version
allowed = landlock.Allowed((root / "read", root / "one.txt", root / "absent"), (root / "write",), (port,))
confined = landlock.confine(allowed)

def bind(port):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", port))

attempts = {
    "read below": lambda: (root / "read" / "file.txt").read_text(),
    "list": lambda: os.listdir(root / "read"),
    "read one": lambda: (root / "one.txt").read_text(),
    "write below": lambda: (root / "write" / "new.txt").write_text("new"),
    "make a directory": lambda: (root / "write" / "new").mkdir(),
    "rename": lambda: (root / "write" / "new.txt").rename(root / "write" / "newer.txt"),
    "empty": lambda: os.truncate(root / "write" / "newer.txt", 0),
    "remove": lambda: (root / "write" / "newer.txt").unlink(),
    "read beside": lambda: (root / "secret.txt").read_text(),
    "list above": lambda: os.listdir(root),
    "follow a link": lambda: (root / "write" / "link.txt").read_text(),
    "write what is read": lambda: (root / "read" / "file.txt").write_text("new"),
    "write beside": lambda: (root / "new.txt").write_text("new"),
    "make a link": lambda: (root / "write" / "other.txt").symlink_to(root / "secret.txt"),
    "execute": lambda: os.posix_spawn(root / "write" / "program", ["program"], {}),
    "empty beside": lambda: os.truncate(root / "secret.txt", 0),
    "bind": lambda: bind(port),
    "bind another": lambda: bind(0),
    "connect": lambda: socket.create_connection(("127.0.0.1", port)),
    "signal": lambda: os.kill(os.getppid(), 0),
}
came_of = {}
for name, attempt in attempts.items():
    try:
        attempt()
        came_of[name] = ""
    except OSError as error:
        came_of[name] = type(error).__name__
print(json.dumps([confined, came_of]))
"""
REFUSED_SINCE = {
    "read beside": 1,
    "list above": 1,
    "follow a link": 1,
    "write what is read": 1,
    "write beside": 1,
    "make a link": 1,
    "execute": 1,
    "empty beside": 3,
    "bind another": 4,
    "connect": 4,
    "signal": 6,
}


@needs_landlock
@pytest.mark.parametrize("version", range(VERSION + 1))
def test_each_version_refuses_what_it_knows_of(tmp_path: Path, version: int) -> None:
    for name in ("read/file.txt", "one.txt", "secret.txt", "write/program"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("#!/bin/sh\n")
    (tmp_path / "write" / "program").chmod(0o700)
    (tmp_path / "write" / "link.txt").symlink_to(tmp_path / "secret.txt")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        words = [sys.executable, "-c", ATTEMPTS, str(tmp_path), str(version), str(port)]
        ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    confined, came_of = json.loads(ended.stdout)
    assert confined is (version > 0)
    refused = {name for name, error in came_of.items() if error == "PermissionError"}
    assert refused == {name for name, since in REFUSED_SINCE.items() if since <= version}
    assert came_of["bind"] == "OSError"  # the port is taken
    assert {error for name, error in came_of.items() if name not in {*refused, "bind"}} == {""}


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def test_a_kernel_without_it_confines_nothing(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(landlock, "_call", failing(number))
    assert landlock_version() == 0
    assert not confine(Allowed())


def test_any_other_failure_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "_call", failing(errno.E2BIG))
    with pytest.raises(OSError, match="call"):
        confine(Allowed())


def failing(number: int) -> Callable[..., int]:
    def call(*_arguments: object) -> int:
        raise OSError(number, "call")

    return call
