"""What a link that was taken over can still do: work in the jobs' directories, and nothing beside them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from emeth_tui.hosts.logs import opened_log
from emeth_tui.hosts.tls.certificates import Authority
from emeth_tui.hosts.tls.contexts import TlsFiles
from emeth_tui.process.landlock import landlock_version
from emeth_tui.transport.local_socket import listening_socket
from tests.hosts.scripted import JOB
from tests.terminal import ROOT

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no Landlock"),
]
SECRET = "secret"
ATTEMPTS = """
import json, os, socket, sys
from pathlib import Path
from emeth_tui.hosts.confinement import confine_link, confine_tls_link
from emeth_tui.hosts.arriving import Arriving, sha256_of
from emeth_tui.transport.local_socket import connected_socket

kind, state, port, parent = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
job = state / "jobs" / sys.argv[5]
if kind == "ssh":
    confine_link([state / "jobs"])
elif kind == "tls":
    confine_tls_link([state / "jobs", state / "hosts-tls" / "link"], port)

def arrive():
    arriving = Arriving(job / "checkpoints" / "epoch.pt", 3, sha256_of(job / "three.bin"))
    arriving.write(0, b"abc")
    arriving.finish()

def bind():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))

attempts = {
    "its own work": arrive,
    "a module that is loaded late": lambda: __import__("wave"),
    "the keystore": lambda: (state / "keystore.json").read_text(),
    "the state's database": lambda: (state / "state.sqlite").open("r+"),
    "the authority's key": lambda: (state / "hosts-tls" / "authority.pem").read_text(),
    "a log": lambda: (state / "logs" / "node.log").open("a"),
    "a link out of a job's directory": lambda: (job / "link").read_text(),
    "to make such a link": lambda: (job / "another").symlink_to(state),
    "a file beside the jobs": lambda: (state / "new").write_text("new"),
    "who may read the keystore": lambda: (state / "keystore.json").chmod(0o644),
    "the node's environment": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
    "the node's memory": lambda: Path(f"/proc/{parent}/mem").open("rb"),
    "the list of users": lambda: Path("/etc/passwd").read_text(),
    "a program": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "the node's socket": lambda: connected_socket(state / "control").close(),
    "to connect": lambda: socket.create_connection(("127.0.0.1", port)).close(),
    "to listen elsewhere": bind,
    "to send datagrams": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "to find names": lambda: socket.getaddrinfo("localhost", port),
}
refused = []
for name, attempt in attempts.items():
    try:
        attempt()
    except (PermissionError, socket.gaierror):
        refused.append(name)
print(json.dumps([list(attempts), refused]))
"""
WORK = {"its own work", "a module that is loaded late"}
OF_TLS = {"to connect", "to send datagrams", "to find names"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A node's state, with a job."""
    for directory in ("logs", "hosts-tls/link", f"jobs/{JOB}"):
        (tmp_path / directory).mkdir(parents=True)
    for name in ("keystore.json", "state.sqlite", "hosts-tls/authority.pem", "logs/node.log"):
        (tmp_path / name).write_text(SECRET)
    (tmp_path / "jobs" / JOB / "link").symlink_to(tmp_path / "keystore.json")
    (tmp_path / "jobs" / JOB / "three.bin").write_bytes(b"abc")
    return tmp_path


def attempted(kind: str, state: Path) -> tuple[set[str], set[str]]:
    """Return what a child attempts, and what it is refused."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        listening_socket(state / "control"),
    ):
        port = listening.getsockname()[1]
        words = [sys.executable, "-c", ATTEMPTS, kind, str(state), str(port), str(os.getpid()), JOB]
        ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    attempts, refused = json.loads(ended.stdout)
    return set(attempts), set(refused)


def test_a_link_over_ssh_reaches_the_jobs_and_nothing_else(state: Path) -> None:
    attempts, refused = attempted("ssh", state)
    assert refused == attempts - WORK


def test_a_link_over_tls_reaches_the_jobs_and_the_network(state: Path) -> None:
    attempts, refused = attempted("tls", state)
    assert refused == attempts - WORK - OF_TLS


def test_without_it_nothing_is_refused(state: Path) -> None:
    _attempts, refused = attempted("none", state)
    assert refused <= {"the node's memory"}  # some systems let nobody read that


REGULAR = """
import asyncio, sys
from pathlib import Path
from emeth_tui.hosts.tls.lean import leave_out_numpy
leave_out_numpy()
from emeth_tui.hosts.confinement import confine_tls_link
from emeth_tui.hosts.tls.contexts import TlsFiles
from emeth_tui.hosts.tls.link import TlsLink
from emeth_tui.hosts.tls.wire import put_in_place

async def main():
    put_in_place()
    callbacks = TlsLink(TlsFiles(Path(sys.argv[1])), 0, Path())._scheduler.periodic_callbacks
    confine_tls_link([], 0)
    for each in callbacks.values():
        each.callback()
    print(len(callbacks))

asyncio.run(main())
"""


@pytest.mark.slow
def test_what_dask_does_now_and_then_needs_nothing_else(tmp_path: Path) -> None:
    Authority(TlsFiles(tmp_path))
    words = [sys.executable, "-c", REGULAR, str(tmp_path)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 0


TALKER = """
import logging, sys
from pathlib import Path
from emeth_tui.hosts import logs
from emeth_tui.hosts.confinement import confine_link
logs.MAX_LOG_BYTES = 2_000
logs.log_to_standard_error(logging.WARNING)
confine_link([Path(sys.argv[1])])
for number in range(400):
    logging.warning("line %d", number)
"""


def test_a_confined_links_log_begins_anew_when_it_is_long(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "host-b.log"
    descriptor = opened_log(path)
    words = [sys.executable, "-c", TALKER, str(tmp_path / "jobs")]
    subprocess.run(words, stderr=descriptor, cwd=ROOT, check=True, timeout=60)
    os.close(descriptor)
    lines = [line for name in ("host-b.log.1", "host-b.log") for line in content_of(path.with_name(name))]
    assert lines[-1].endswith("line 399")
    assert [int(line.rpartition(" ")[2]) for line in lines] == list(range(400 - len(lines), 400))


def content_of(path: Path) -> list[str]:
    assert 0 < path.stat().st_size < 2_200
    return path.read_text().splitlines()


THREADED = """
import threading
from pathlib import Path
from emeth_tui.hosts.confinement import confine_link
threading.Thread(target=threading.Event().wait, daemon=True).start()
confine_link([])
"""


def test_a_process_with_another_thread_is_not_confined_in_part() -> None:
    words = [sys.executable, "-c", THREADED]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert b"a thread would stay unconfined" in ended.stderr


UNAVAILABLE = """
from emeth_tui.hosts import confinement
from emeth_tui.hosts.logs import log_to_standard_error
log_to_standard_error(30)
confinement.confine = confinement.filter_calls = lambda _asked: False
confinement.confine_link([])
open("/etc/passwd").close()
"""


def test_what_the_system_does_not_offer_is_logged() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", UNAVAILABLE], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    first, second = ended.stderr.splitlines()
    assert "no Landlock" in first
    assert "no filter for calls" in second
