"""The states that are drawn are delivered, whatever becomes of the node's disk."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emeth_tui.engine import deliveries
from emeth_tui.engine.deliveries import Deliveries
from emeth_tui.model import Head, JobState
from emeth_tui.protocol.replay import (
    COMMITMENT_NAME,
    Kind,
    StateRecord,
    commitment_text,
    kept_epochs,
    record_line,
    state_name,
)
from emeth_tui.training.reports import STATES_DIRECTORY
from tests.devnet.records import JOB_ID, chain_job

BLOCK = Head(2, "0x" + "11" * 32, 1_001)
KIND = Kind("a CPU", "float32", 1, "2")
RECORDS = [StateRecord(epoch, "00" * 32, "00" * 32, epoch, 1.0, None, KIND) for epoch in range(31)]


class Delivering:
    """A node with one submitted job, whose chain and storage are played by hand."""

    def __init__(self, directory: Path) -> None:
        self.uploaded: list[str] = []
        states = directory / STATES_DIRECTORY
        states.mkdir()
        (states / COMMITMENT_NAME).write_text(commitment_text([record_line(one) for one in RECORDS], 0))
        for epoch in kept_epochs(30):
            (states / state_name(epoch)).write_bytes(b"state")
        job = SimpleNamespace(job_id=JOB_ID, state=JobState.SUBMITTED, seen_end=None, epochs=30)
        self.context = SimpleNamespace(
            network=SimpleNamespace(verification="replay", delivery_s=7_200),
            book=SimpleNamespace(open_jobs=lambda: [job]),
            disk=SimpleNamespace(files=SimpleNamespace(directory=lambda _job_id: directory)),
            chain=SimpleNamespace(head=self.head),
            chain_job=self.chain_job,
            storage=SimpleNamespace(upload=self.upload),
            events=SimpleNamespace(publish=lambda *_, **__: None),
        )

    def node(self) -> Deliveries:
        return Deliveries(cast(Any, self.context))

    async def head(self, _number: int | None = None) -> Head:
        return BLOCK

    async def chain_job(self, _job: Any) -> Any:
        return chain_job(submitted_at_unix_s=1_000)

    async def upload(self, _job_id: str, _path: Path, *, extension: str) -> None:
        self.uploaded.append(extension)


@pytest.fixture
def delivering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Delivering:
    made = Delivering(tmp_path)

    async def drawing_block(*_: object) -> Head:
        return BLOCK

    monkeypatch.setattr(deliveries, "drawing_block", drawing_block)
    return made


async def test_each_state_is_delivered_once_over_restarts(delivering: Delivering) -> None:
    node = delivering.node()
    for _ in range(3):
        await node.look()
    await delivering.node().look()

    assert len(delivering.uploaded) == len(set(delivering.uploaded)) >= 1


async def test_a_full_disk_keeps_no_state_from_its_verifier(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    await delivering.node().look()
    expected, delivering.uploaded = delivering.uploaded, []
    monkeypatch.setattr(deliveries, "write_atomically", no_room)
    monkeypatch.setattr(deliveries, "_arrived", lambda *_: None)
    node = delivering.node()
    for _ in range(3):
        await node.look()

    assert delivering.uploaded == expected
