"""Workers on a CPU are forked from a process that has torch: what they share, and what none of them has."""

from __future__ import annotations

import errno
import json
import multiprocessing
import multiprocessing.context
import multiprocessing.util
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest

from emeth_tui.model import WorkerPhase
from emeth_tui.notices.reasons.worker import NoProcess
from emeth_tui.training.reports import Prepared, Stopped
from emeth_tui.workers import process, spawning
from emeth_tui.workers.link import ProcessDied, WorkerConfig
from emeth_tui.workers.local import LocalProcess
from emeth_tui.workers.messages import Ready
from emeth_tui.workers.supervisor import Worker, WorkerPool
from tests.workers import hostile
from tests.workers.conftest import Views
from tests.workers.jobs import Listener, hash_for, in_directories, make_request, once

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned"),
    pytest.mark.asyncio(loop_scope="module"),
]


def _proc(pid: int) -> Path:
    return Path("/proc") / str(pid)


def threads_of(pid: int) -> int:
    return len(list((_proc(pid) / "task").iterdir()))


def lives(pid: int) -> bool:
    return _proc(pid).exists()


def fork_server() -> int:
    """The fork server's process id."""
    pid: int = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    return pid


def parent_of(pid: int) -> int:
    status = (_proc(pid) / "stat").read_text(encoding="ascii", errors="replace")
    return int(status.rpartition(")")[2].split()[1])


def private_memory(pid: int) -> Iterator[bytes]:
    """All that a process may have written."""
    with (_proc(pid) / "maps").open(encoding="utf-8") as maps, (_proc(pid) / "mem").open("rb", 0) as memory:
        for line in maps:
            span, permissions, *_ = line.split()
            if permissions.startswith("rw"):
                start, end = (int(each, 16) for each in span.split("-"))
                memory.seek(start)
                while start < end and (piece := memory.read(min(end - start, 1 << 24))):
                    yield piece
                    start += len(piece)


def holds(pid: int, secret: bytes) -> bool:
    return any(secret in piece for piece in private_memory(pid))


async def test_workers_come_from_one_process_without_threads(pool: WorkerPool, worker: Worker) -> None:
    other = LocalProcess(WorkerConfig("other", "cpu", os.devnull, threads=1, jobs_dir="", forked=True))
    try:
        assert other.pid == 0, "nobody waits for a birth"
        assert isinstance(await other.receive(60.0), Ready)

        assert {parent_of(other.pid), parent_of(worker.view.pid or 0)} == {fork_server()}
        assert threads_of(fork_server()) == 1
    finally:
        await other.kill()


async def test_neither_worker_nor_fork_server_has_what_the_node_keeps_secret(
    pool: WorkerPool, worker: Worker
) -> None:
    key = secrets.token_bytes(32)

    assert holds(os.getpid(), key), "else it would be found nowhere"
    assert not holds(fork_server(), key)
    assert not holds(worker.view.pid or 0, key)


def write_environment(link: object, config: WorkerConfig) -> None:
    """Stands for a worker."""
    Path(config.log_path).write_text(json.dumps(dict(os.environ)), encoding="utf-8")


async def test_a_worker_has_the_environment_that_it_is_given(pool: WorkerPool, tmp_path: Path) -> None:
    config = WorkerConfig("other", "cpu", str(tmp_path / "environment"), threads=1, jobs_dir="")
    environment = {"HF_HOME": "/models"}
    arguments = (environment, write_environment, None, config)

    process = multiprocessing.get_context("forkserver").Process(target=spawning._run, args=arguments)
    process.start()
    process.join()

    assert json.loads((tmp_path / "environment").read_text()) == environment


async def test_a_main_of_another_kind_is_no_reason_to_load_torch(tmp_path: Path) -> None:
    config = WorkerConfig("other", "cpu", str(tmp_path / "log"), threads=1, jobs_dir="", forked=True)

    assert not spawning.is_forked(config, hostile.main)


@pytest.mark.parametrize(("device", "forked"), [("cpu", True), ("cuda:0", False)])
async def test_only_a_cpus_worker_is_forked(tmp_path: Path, device: str, forked: bool) -> None:
    pool = WorkerPool([device], in_directories(tmp_path))

    assert pool.workers[0]._config.forked is forked


async def test_a_process_that_is_killed_before_its_birth_never_works(tmp_path: Path) -> None:
    log = tmp_path / "log"
    link = LocalProcess(WorkerConfig("unborn", "cpu", str(log), threads=1, jobs_dir="", forked=True))

    await link.kill()

    assert link._exited.is_set()
    assert not log.exists() or "leaving" not in log.read_text()


@pytest.mark.slow
async def test_a_fork_server_that_dies_takes_its_workers_along_and_a_job_goes_on(
    pool: WorkerPool, worker: Worker, views: Views, tmp_path: Path
) -> None:
    server, process = fork_server(), worker.view.pid or 0
    act = once(
        lambda message: getattr(message, "epoch", 0) == 2, lambda: os.kill(fork_server(), signal.SIGKILL)
    )
    listener = Listener(act)

    result = await worker.train(make_request(tmp_path), hash_for=hash_for, on_message=listener)

    assert result.epochs == 4
    assert views.restarts == 1
    assert worker.view.phase is WorkerPhase.IDLE
    assert fork_server() != server
    assert not lives(process), "two would write to one job"


async def test_a_signal_to_the_whole_service_costs_a_job_nothing(
    pool: WorkerPool, worker: Worker, views: Views, tmp_path: Path
) -> None:
    server = fork_server()

    def signal_all() -> None:
        for pid in (server, worker.view.pid or 0):
            os.kill(pid, signal.SIGTERM)

    listener = Listener(once(lambda message: getattr(message, "epoch", 0) == 2, signal_all))
    # Nothing is kept on the way: what the worker goes on from, it saved on the signal.
    request = make_request(tmp_path, checkpoint_share=0.0, checkpoint_gap_s=1e9)

    result = await worker.train(request, hash_for=hash_for, on_message=listener)

    assert result.epochs == 4
    assert views.restarts == 1
    _first, second = listener.of_type(Prepared)
    (stopped,) = listener.of_type(Stopped)
    assert (second.resumed_epoch, second.resumed_step) == (stopped.epoch, stopped.step) >= (1, 1)
    assert fork_server() == server
    assert lives(server)


@pytest.mark.slow
async def test_where_forking_fails_workers_are_spawned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spawn = multiprocessing.context._default_context.get_context  # type: ignore[attr-defined,unused-ignore]
    monkeypatch.setattr(multiprocessing, "get_context", spawn)
    monkeypatch.setattr(spawning, "_forking_failed", False)
    forkserver.ensure_running()
    monkeypatch.setattr(forkserver._forkserver, "_forkserver_address", str(tmp_path / "tidied away"))
    config = WorkerConfig("spawned", "cpu", str(tmp_path / "log"), threads=1, jobs_dir="", forked=True)
    link = LocalProcess(config)
    try:
        assert isinstance(await link.receive(60.0), Ready)

        assert parent_of(link.pid) == os.getpid()
        assert not spawning.is_forked(config, process.main), "the next one does not try"
        assert "no process was forked: [Errno 2]" in caplog.text
    finally:
        await link.kill()


async def test_a_process_that_never_came_to_be_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_process: object) -> None:
        raise EOFError("the server is gone")

    monkeypatch.setattr(spawning, "_forking_failed", False)
    monkeypatch.setattr(spawning, "start", fail)
    link = LocalProcess(WorkerConfig("unborn", "cpu", os.devnull, threads=1, jobs_dir="", forked=True))

    with pytest.raises(ProcessDied) as caught:
        await link.receive(60.0)

    assert caught.value.reason == NoProcess("EOFError: the server is gone")


async def test_a_process_doomed_before_its_fork_failed_is_not_spawned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tried = []

    def fail(_process: object) -> None:
        tried.append(1)
        raise FileNotFoundError(errno.ENOENT, "tidied away")

    monkeypatch.setattr(spawning, "_forking_failed", False)
    monkeypatch.setattr(spawning, "start", fail)
    link = LocalProcess(WorkerConfig("unborn", "cpu", os.devnull, threads=1, jobs_dir="", forked=True))

    await link.kill()

    assert link._exited.is_set()
    assert tried == [1]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM])
async def test_a_system_without_handles_of_processes_trains_all_the_same(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pidfd_open", refuse)
    link = LocalProcess(WorkerConfig("other", "cpu", os.devnull, threads=1, jobs_dir="", forked=True))
    try:
        assert isinstance(await link.receive(60.0), Ready)
    finally:
        await link.kill()
    assert link._exited.is_set()


async def test_a_handle_that_may_not_be_used_keeps_no_process_from_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
    link = LocalProcess(WorkerConfig("other", "cpu", os.devnull, threads=1, jobs_dir="", forked=True))
    assert isinstance(await link.receive(60.0), Ready)

    await link.kill()

    assert link._exited.is_set()


async def test_the_fork_server_is_reached_by_a_file_of_the_user_alone(pool: WorkerPool) -> None:
    address = forkserver._forkserver._forkserver_address  # type: ignore[attr-defined]

    assert not multiprocessing.util.abstract_sockets_supported, "anyone may connect to one: CVE-2022-42919"
    assert os.stat(address).st_mode & 0o077 == 0  # noqa: PTH116 - it is at hand
