"""Workers on a CPU are forked from a process that has torch: what they share, and what none of them has."""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest

from emeth_tui.model import WorkerPhase
from emeth_tui.workers import spawning
from emeth_tui.workers.link import WorkerConfig
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
