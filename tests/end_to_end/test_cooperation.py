"""One job shared out over several workers, by the real program on the real local network."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.errors import ExitCode
from tests.end_to_end.conftest import StartNode

pytestmark = [pytest.mark.process, pytest.mark.slow]

TOGETHER: dict[str, Any] = {"EMETH_TUI_TRAINING__COOPERATIVE": "nvm"}
EPOCHS = 30


def epochs_in_store(home: Path, job_id: str) -> tuple[str, list[tuple[int, str]]]:
    """The dataset's digest, and each epoch's link, as the node has them."""
    (database,) = home.rglob("node.sqlite3")
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT epoch, link FROM epochs WHERE job_id = ? ORDER BY epoch", (job_id,))
        links = [(int(epoch), str(link)) for epoch, link in rows]
        (digest,) = connection.execute(
            "SELECT dataset_digest FROM jobs WHERE job_id = ?", (job_id,)
        ).fetchone()
    return str(digest), links


def chain(digest: str, key: str, epochs: int) -> list[tuple[int, str]]:
    """The links of protocol.md §9."""
    links = [hashlib.sha256((digest + key).encode()).hexdigest()]
    while len(links) < epochs:
        links.append(hashlib.sha256(f"{links[-1]}{len(links)}{key}".encode()).hexdigest())
    return list(enumerate(links, start=1))


def key_of(node_toml: Path) -> str:
    return re.search(r'verification_key = "([^"]+)"', node_toml.read_text()).group(1)  # type: ignore[union-attr]


def process_of(home: Path, worker: int) -> int:
    """The process that a worker has now."""
    (log,) = home.rglob(f"worker-{worker}.log")
    return int(re.findall(r"on cpu, process (\d+)", log.read_text())[-1])


@pytest.mark.parametrize("workers", [2, 3])
def test_a_job_of_several_workers_is_verified_though_one_of_them_is_killed(
    node_toml: Path, start_node: StartNode, tmp_path: Path, workers: int
) -> None:
    devices = ["--device", "cpu"] * workers
    node = start_node("--config", str(node_toml), *devices, "--exit-after-jobs", "1", **TOGETHER)
    job_id = node.wait_for("shared_out", lambda record: record["parts"] == workers)["job_id"]
    node.wait_for("epoch_done", lambda record: record["epoch"] == 4)
    os.kill(process_of(tmp_path / "home", workers - 1), signal.SIGKILL)

    replaced = node.wait_for("member_replaced")
    done = node.of_kind("epoch_done")[-1]["epoch"]  # more than 4, where the killer was slow
    assert node.finish() == ExitCode.OK, node.story()

    assert [record["job_id"] for record in node.of_kind("verified")] == [job_id]
    assert (replaced["parts"], replaced["epoch"] - done in {1, 2}) == (workers, True)
    losses = [record["valid_loss"] for record in node.of_kind("epoch_done")]
    assert (len(losses), losses[-1] < losses[0]) == (EPOCHS, True)
    digest, links = epochs_in_store(tmp_path / "home", job_id)
    assert links == chain(digest, key_of(node_toml), EPOCHS)
    assert node.of_kind("summary")[0]["adds_up"] is True


def test_a_killed_node_goes_on_with_one_worker_for_two_parts(
    node_toml: Path, start_node: StartNode, tmp_path: Path
) -> None:
    arguments = ("--config", str(node_toml), "--exit-after-jobs", "1")
    first = start_node(*arguments, "--device", "cpu", "--device", "cpu", **TOGETHER)
    job_id = first.wait_for("epoch_done", lambda record: record["epoch"] == 20)["job_id"]
    first.kill()
    done = first.of_kind("epoch_done")[-1]["epoch"]

    second = start_node(*arguments, "--device", "cpu", **TOGETHER)

    assert second.finish() == ExitCode.OK, second.story()
    assert [record["job_id"] for record in second.of_kind("verified")] == [job_id]
    assert second.of_kind("shared_out") == []
    epochs = [record["epoch"] for record in second.of_kind("epoch_done")]
    assert epochs == list(range(epochs[0], EPOCHS + 1))
    assert epochs[0] - done in {0, 1, 2}  # one may have ended that was not printed any more
    digest, links = epochs_in_store(tmp_path / "home", job_id)
    assert links == chain(digest, key_of(node_toml), EPOCHS)
