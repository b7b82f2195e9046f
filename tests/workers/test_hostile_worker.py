"""A worker process that was taken over: whatever it sends, nothing of it runs in the parent."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import emeth_tui
from emeth_tui.errors import WorkerError
from emeth_tui.model import WorkerPhase
from emeth_tui.notices.reasons.network.breaches import MessageUnreadable
from emeth_tui.notices.reasons.worker import RulesBroken
from emeth_tui.workers.link import NoNews, ProcessDied, WorkerConfig
from emeth_tui.workers.local import MAX_UNSENT_BYTES, LocalProcess
from emeth_tui.workers.messages import Pause, Ready, WriteResult
from emeth_tui.workers.supervisor import Worker, WorkerPool, WorkerView
from tests.words.japanese import english_left
from tests.workers import hostile
from tests.workers.jobs import HASH, QUICK, Listener, hash_for, in_directories, make_request

_unpickled: list[str] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _unpickled is not None and event == "pickle.find_class":
        _unpickled.append(str(arguments))


@functools.cache
def _begin_to_watch() -> None:
    """Watch for good: a hook cannot be taken away, and every `id()` calls it."""
    sys.addaudithook(_watch)


@contextmanager
def nothing_unpickled() -> Iterator[None]:
    """Assert that this process looks up nothing that a pickle names."""
    _begin_to_watch()
    global _unpickled  # noqa: PLW0603  # the hook's
    _unpickled = []
    try:
        yield
        assert _unpickled == []
    finally:
        _unpickled = None


def start(attack: str, trace: Path) -> LocalProcess:
    config = WorkerConfig(attack, "cpu", str(trace), threads=1, jobs_dir="")
    return LocalProcess(config, main=hostile.main)


def log_of(worker: Worker) -> Path:
    return Path(worker._config.log_path)


def test_the_bomb_goes_off_where_somebody_unpickles_it(tmp_path: Path) -> None:
    import pickle

    pickle.loads(hostile.ATTACKS["pickle 4"](str(tmp_path / "trace")))  # noqa: S301  # it is what we fear

    assert (tmp_path / "trace").exists()


async def test_no_attack_gets_further_than_a_clear_error(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    refused: dict[str, str] = {}
    with nothing_unpickled():
        for attack in hostile.ATTACKS:
            link = start(attack, trace)
            with pytest.raises(ProcessDied, match=r"^process \d+ broke the rules: it sent ") as died:
                await link.receive(60.0)
            refused[attack] = str(died.value).partition("it sent ")[2]
            assert isinstance(died.value.reason, RulesBroken)
            if not isinstance(died.value.reason.cause, MessageUnreadable):  # in words of the reader's library
                assert english_left(died.value.reason) == set(), attack

    assert not trace.exists()
    assert all(0 < len(reason) < 500 and reason.isprintable() for reason in refused.values())
    assert refused["an unknown kind"] == "the unknown kind 'Bomb'"
    assert refused["a line without end"] == "a message of more than 66 kB"
    assert "`$.step`" in refused["a negative count"]
    assert "unknown field 'surprise'" in refused["a nested field too many"]
    assert "`$.name`" in refused["a path out of the directory"]
    assert refused["numbers that never close the gap"] == "message 65 while message 1 is missing"


async def test_a_half_sent_message_keeps_nobody_waiting(tmp_path: Path) -> None:
    link = start("half a message", tmp_path / "trace")

    with pytest.raises(NoNews):
        await link.receive(0.5)

    await link.kill()


async def test_a_flood_ends_the_link_before_it_fills_the_memory(tmp_path: Path) -> None:
    link = start("flood", tmp_path / "trace")
    while not link._hung_up:
        await link._exited_within(0.05)

    for _ in range(link._messages.qsize() - 1):
        assert isinstance(await link.receive(), Ready)
    with pytest.raises(ProcessDied, match="messages that nobody waits for"):
        await link.receive()


async def test_a_process_that_reads_nothing_does_not_hold_the_parent_up(tmp_path: Path) -> None:
    link = start("deaf", tmp_path / "trace")
    for _ in range(MAX_UNSENT_BYTES // 50):
        link.send(Pause())
        link.send(WriteResult(HASH))

    with pytest.raises(ProcessDied, match=r"broke the rules: it left [\d.]+ MB unread"):
        await link.receive()


async def test_the_node_goes_on_when_a_worker_turns_hostile_in_a_job(tmp_path: Path) -> None:
    seen: list[WorkerView] = []
    pool = WorkerPool(
        ["cpu"],
        in_directories(tmp_path / "logs"),
        seen.append,
        QUICK,
        lambda config, on_end: LocalProcess(config, on_end, hostile.ready_then_attack),
    )
    await pool.start()
    (worker,) = pool.workers
    with (
        nothing_unpickled(),
        pytest.raises(WorkerError, match=r"died 2 times .* broke the rules: it sent b'"),
    ):
        await worker.train(make_request(tmp_path), hash_for=hash_for, on_message=Listener())

    assert worker.view.phase is WorkerPhase.DOWN
    (restart,) = (view for view in seen if view.phase is WorkerPhase.RESTARTING)
    assert isinstance(restart.detail, RulesBroken), "and it is tried again as after any death"
    assert not log_of(worker).exists(), "the trace of the attack"
    await pool.close(1.0)


LIES = {
    "more epochs": hostile.line(
        "EpochDone", {"epoch": 2**53, "train_loss": 1.0, "valid_loss": 1.0, "seconds": 1.0}, number=2
    ),
    "back beyond the end": hostile.line("WentBack", {"epoch": 2**53, "step": 0}, number=2),
    "a result of nothing": hostile.line("ResultWritten", {"name": "x.pt", "size_bytes": 1}, number=2),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_reports_that_cannot_be_true_reach_nobody(tmp_path: Path, lie: bytes) -> None:
    main = functools.partial(hostile.ready_then_send, data=lie)
    pool = WorkerPool(
        ["cpu"],
        in_directories(tmp_path / "logs"),
        limits=QUICK,
        open_link=lambda config, on_end: LocalProcess(config, on_end, main),
    )
    await pool.start()
    listener = Listener()

    with pytest.raises(WorkerError, match=r"process \d+ broke the rules: it reports") as failed:
        await pool.workers[0].train(make_request(tmp_path), hash_for=hash_for, on_message=listener)

    assert english_left(failed.value.reason) == set()
    assert listener.heard == []
    await pool.close(1.0)


FORBIDDEN = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "multiprocessing.connection"}
READS_FILES = {"training/files/load_errors.py"}  # names torch.load's errors


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _uses(tree: ast.AST, module: str) -> set[str]:
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


@pytest.mark.slow
def test_no_module_of_ours_has_what_unpickles() -> None:
    root = Path(emeth_tui.__file__).parent
    for path in root.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = FORBIDDEN & set(_imports(tree))
        name = path.relative_to(root).as_posix()
        if name in READS_FILES:
            assert (found, _uses(tree, "pickle")) == ({"pickle"}, {"UnpicklingError"}), name
        else:
            assert not found, name
        pipes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & {
            "Pipe",
            "Manager",
        }
        assert not pipes, f"{name}: whose recv() unpickles"
