"""How a real node ends by signals, and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from emeth_tui.errors import ExitCode
from tests.end_to_end.conftest import StartNode

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_saves_the_job_and_leaves_soon(
    node_toml: Path, start_node: StartNode, number: signal.Signals
) -> None:
    node = start_node("--config", str(node_toml))
    job_id = node.wait_for("epoch_done", lambda record: record["epoch"] == 2)["job_id"]
    asked = time.monotonic()

    assert node.stop(number) == ExitCode.OK, node.story()

    assert time.monotonic() - asked < 60  # ten where nothing else runs
    told = [record["event"] for record in node.records if record["event"] != "epoch_done"]
    assert told[-3:] == ["stopping", "stopped", "summary"]  # an epoch may end meanwhile
    assert node.of_kind("summary")[0]["adds_up"] is True
    again = start_node("--config", str(node_toml))
    resumed = again.wait_for("training")
    assert (resumed["job_id"], resumed["resumed_epoch"] >= 2) == (job_id, True)


def test_a_stop_of_a_whole_service_saves_the_job(
    node_toml: Path, start_as_users_do: StartNode, tmp_path: Path
) -> None:
    node = start_as_users_do("--config", str(node_toml))
    node.wait_for("epoch_done", lambda record: record["epoch"] == 2)

    # As systemd does: every process gets the signal, the node's children before it can say a word to them.
    for pid in (*descendants(node.process.pid), node.process.pid):
        os.kill(pid, signal.SIGTERM)

    assert node.finish() == ExitCode.OK, node.story()
    assert node.records[-1]["adds_up"] is True
    (log,) = tmp_path.rglob("worker-0.log")
    assert log.read_text().endswith("leaving\n"), "the worker was killed before it had saved"


def descendants(pid: int) -> list[int]:
    children = child_processes(pid)
    return [*(each for child in children for each in descendants(child)), *children]


def test_a_second_signal_leaves_at_once_and_takes_its_workers_along(
    node_toml: Path, start_as_users_do: StartNode
) -> None:
    node = start_as_users_do("--config", str(node_toml))
    node.wait_for("epoch_done")
    children = child_processes(node.process.pid)
    assert children

    node.process.send_signal(signal.SIGINT)
    node.process.send_signal(signal.SIGINT)

    assert node.finish() in {ExitCode.INTERRUPTED, ExitCode.OK}
    wait_until_gone(children)


def test_the_terminal_going_away_costs_nothing(node_toml: Path, start_node: StartNode) -> None:
    node = start_node("--config", str(node_toml), "--exit-after-jobs", "1")
    node.wait_for("epoch_done")

    node.process.send_signal(signal.SIGHUP)

    # Its lines end, its work does not: it ends by itself, with the job verified.
    assert node.finish() == ExitCode.OK


def child_processes(pid: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def wait_until_gone(pids: list[int]) -> None:
    """Wait until processes have ended; the suite's time limit is the assertion."""
    for pid in pids:
        while Path(f"/proc/{pid}").exists() and not is_zombie(pid):
            os.sched_yield()


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
