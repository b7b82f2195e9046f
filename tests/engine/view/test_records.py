"""What pages request of a node: a job's record, all jobs, transactions, the chain's record, the logs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from emeth_tui.engine.view.records import NodeRecords
from emeth_tui.engine.view.series import SeriesRecorder
from emeth_tui.model import JobId, JobState, Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.job import StepsSkipped
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.store.database import Store
from tests.engine.harness import Harness
from tests.engine.quick_worker import Script
from tests.factories import JOB_ID, make_job

UNKNOWN = JobId("0x" + "ff" * 16)


@pytest.mark.slow
async def test_a_jobs_record_holds_everything_in_order(network: Harness) -> None:
    job_id, other = await network.post(fee_emt=25), await network.post(fee_emt=12)
    async with network.node(devices=2, script=Script(hold_before_epoch=3)) as node:
        trained: set[JobId | None] = set()
        while trained != {job_id, other}:  # no transaction is under way any more
            event = await node.event("epoch_done")
            if event.body.epoch == 2:
                trained.add(event.job_id)
        records = node.node.records
        record = await records.job(job_id)
        assert record is not None
        assert record.job == node.store.jobs.get(job_id)
        assert [state for state, _at in record.states] == [
            JobState.CLAIMING,
            JobState.CLAIMED,
            JobState.DOWNLOADING,
            JobState.PREPARING,
            JobState.TRAINING,
        ]
        assert [at for _state, at in record.states] == sorted(at for _state, at in record.states)
        assert [epoch.epoch for epoch in record.epochs] == [1, 2]
        assert [tx.purpose for tx in record.transactions] == ["approve", "process"]
        assert {event.job_id for event in record.events} == {job_id}
        assert ("quick-checkpoint", 1) in record.files

        assert await records.job(UNKNOWN) is None
        assert [job.job_id for job in await records.history()] == [other, job_id]
        newest, *_older = await records.transactions(10)
        assert newest.created_at_unix_s == max(tx.created_at_unix_s for tx in await records.transactions(10))
        assert len(await records.transactions(1)) == 1
        assert sum((await records.day_costs()).native_fees_wei.values()) == sum(
            tx.fee_wei or 0 for tx in node.store.journal.all()
        )


async def test_all_jobs_are_read_without_holding_the_event_loop(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for number in range(50):
            job = make_job(job_id=JobId(f"0x{number:032x}"), created_at_unix_s=float(number))
            store.jobs.save(job, at_unix_s=1.0, state_changed=False)
        records = NodeRecords(SimpleNamespace(store=store), None, SeriesRecorder())  # type: ignore[arg-type]
        reading = asyncio.ensure_future(records.history())
        turns = 0
        while not reading.done():
            turns += 1
            await asyncio.sleep(0)

        assert turns > 1
        assert reading.result() == store.jobs.all()[::-1]


async def test_a_job_keeps_its_events_however_many_others_have(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.events.add(Event(1.0, Severity.INFO, StepsSkipped(1), JOB_ID))
        store.events._connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
            "INSERT INTO events (at_unix_s, severity, kind, job_id, fields) "
            "SELECT 2.0, 'info', 'steps_skipped', '0x99', '{}' FROM n"
        )
        plan = store.events._connection.execute(
            "EXPLAIN QUERY PLAN SELECT * FROM events WHERE job_id = ? ORDER BY id DESC", (JOB_ID,)
        ).fetchall()
        assert [event.body for event in store.events.of_job(JOB_ID, 10)] == [StepsSkipped(1)]
        assert "events_by_job" in plan[0]["detail"]


async def test_all_jobs_are_known_although_their_file_was_taken_away(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.jobs.save(make_job(), at_unix_s=1.0, state_changed=False)
        records = NodeRecords(SimpleNamespace(store=store), None, SeriesRecorder())  # type: ignore[arg-type]
        store.path.unlink()

        assert await records.history() == [make_job()]


@pytest.mark.slow
async def test_the_chain_is_asked_for_any_job(network: Harness) -> None:
    strangers = await network.post(fee_emt=99)
    async with network.node() as node:
        record = await node.node.records.chain_record(strangers)
        assert record is not None
        assert (record.status, record.owner.lower()) == (
            JobStatus.REQUESTED,
            network.requester.address.lower(),
        )
        assert await node.node.records.chain_record(UNKNOWN) is None


@pytest.mark.slow
async def test_logs_are_listed_and_read_from_their_end(network: Harness) -> None:
    async with network.node(claims__enabled=False) as node:
        records = node.node.records
        directory = node.store.path.parent / "logs"
        assert await records.logs() == []
        write(directory, {"worker-0.log": "one\n", "node.log": "a\nb\n漢字\n", "other.txt": ""})
        assert [path.name for path in await records.logs()] == ["node.log", "worker-0.log"]
        assert await records.log_tail(directory / "node.log") == ["a", "b", "漢字"]
        # A window that begins in the middle of a line, or of a character, leaves that line out.
        assert await records.log_tail(directory / "node.log", 6) == ["漢字"][:0]
        assert await records.log_tail(directory / "node.log", 9) == ["漢字"]
        assert await records.log_tail(directory / "gone.log") == []
        assert await records.log_tail(directory) == []


def write(directory: Path, files: dict[str, str]) -> None:
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text, "utf-8")
