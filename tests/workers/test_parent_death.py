"""When the node dies, its workers save what they have and go."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.texts import english

pytestmark = pytest.mark.slow

PARENT = """
import asyncio, signal, sys
from pathlib import Path
from emeth_tui.training.reports import EpochDone, TrainRequest
from emeth_tui.workers.supervisor import WorkerDirectories, WorkerPool

async def main(directory):
    pool = WorkerPool(["cpu"], WorkerDirectories(directory, directory.parent))
    await pool.start()
    worker = pool.workers[0]

    def tell(message):
        if isinstance(message, EpochDone):
            print(worker.view.pid, message.epoch, flush=True)

    request = TrainRequest(
        job_id="0x" + "6f" * 16, language="en", epochs=100_000, directory=directory.name,
        model="devnet-small",
    )
    await worker.train(request, hash_for=lambda digest, epochs: "", on_message=tell)

if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux, to wait for a process not our child")
@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT])
def test_a_worker_whose_parent_dies_saves_and_leaves(tmp_path: Path, death: signal.Signals) -> None:
    (tmp_path / "dataset.txt").write_text(english(4096), encoding="utf-8")
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    command = [sys.executable, str(script), str(tmp_path)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    pid = parent.pid
    try:
        assert parent.stdout is not None
        for line in parent.stdout:
            pid, epoch = map(int, line.split())
            if epoch == 2:
                break
        worker = os.pidfd_open(pid)  # type: ignore[attr-defined,unused-ignore]
        parent.send_signal(death)

        gone, _, _ = select.select([worker], [], [], 60)

        os.close(worker)
        assert gone, "the worker stays"
    finally:
        for survivor in (pid, parent.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(survivor, signal.SIGKILL)
        parent.communicate()
    log = (tmp_path / "worker-0.log").read_text()
    assert "leaving" in log
    assert "Traceback" not in log
    state = torch.load(max((tmp_path / "checkpoints").iterdir()), weights_only=True)
    assert state["epoch"] >= 2
    assert not list((tmp_path / "checkpoints").glob("*.tmp"))
