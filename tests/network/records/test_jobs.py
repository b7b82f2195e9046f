"""The mirror's jobs in the database: kept for the next start, shared by processes that read at once."""

from __future__ import annotations

import asyncio
from dataclasses import fields, make_dataclass, replace

import pytest

from emeth_tui.model import Head, JobId
from emeth_tui.network.records.jobs import JobRecords, form_of
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from tests.devnet.records import chain_job
from tests.network.servers.parts import Parts

CORE = "0x" + "C0" * 20


def head(number: int) -> Head:
    return Head(number, f"0x{number:064x}", 1_900_000_000 + number)


def jobs(*numbers: int, **changes: object) -> dict[JobId, ChainJob]:
    made = [chain_job(job_id=JobId(f"0x{number:032x}"), **changes) for number in numbers]
    return {job.job_id: job for job in made}


@pytest.fixture
def records(parts: Parts) -> JobRecords:
    return JobRecords(parts.database, 31_337, CORE)


async def test_what_was_kept_is_there_at_the_next_start(parts: Parts, records: JobRecords) -> None:
    dear = jobs(3, 1, fee_wei=2**200, param='\x00 " ü ' + chr(0xD800))
    version = await records.advance(0, head(5), dear, is_whole=True)
    assert version == 1
    assert await records.advance(1, head(6), jobs(2), is_whole=False) == 2
    changed = {job_id: replace(job, status=JobStatus.VERIFIED) for job_id, job in jobs(3).items()}
    assert await records.advance(2, head(7), changed, is_whole=False) == 3

    kept = await JobRecords(parts.database, 31_337, CORE.lower()).since(0)

    assert kept is not None
    assert (kept.version, kept.head, kept.is_whole) == (3, head(7), True)
    assert list(kept.jobs) == list(jobs(3, 1, 2))  # in the chain's order
    assert kept.jobs == {**dear, **jobs(2), **changed}
    assert await records.since(3) is None
    assert await JobRecords(parts.database, 1, CORE).since(0) is None  # another chain's


async def test_of_two_that_read_at_once_one_is_first(records: JobRecords) -> None:
    await records.advance(0, head(5), jobs(1), is_whole=True)

    versions = await asyncio.gather(
        *(records.advance(1, head(number), jobs(number), is_whole=False) for number in (6, 7))
    )
    kept = await records.since(1)

    assert sorted(versions, key=str) == [2, None]
    assert kept is not None
    assert (kept.version, kept.is_whole, list(kept.jobs)) == (2, False, list(jobs(kept.head.number)))


async def test_of_two_that_begin_at_once_one_is_first(records: JobRecords) -> None:
    versions = await asyncio.gather(
        *(records.advance(0, head(number), jobs(number), is_whole=True) for number in (6, 7))
    )

    assert sorted(versions, key=str) == [1, None]


async def test_a_chain_that_was_read_anew_replaces_what_others_know(records: JobRecords) -> None:
    await records.advance(0, head(5), jobs(1, 2), is_whole=True)
    await records.advance(1, head(6), jobs(3), is_whole=False)
    await records.advance(2, head(4), jobs(2), is_whole=True)
    await records.advance(3, head(5), jobs(4), is_whole=False)

    late, recent = await records.since(2), await records.since(3)

    assert late is not None
    assert recent is not None
    assert (late.is_whole, list(late.jobs)) == (True, list(jobs(2, 4)))
    assert (recent.is_whole, list(recent.jobs)) == (False, list(jobs(4)))


async def test_a_program_whose_jobs_have_another_field_reads_them_anew(parts: Parts) -> None:
    """Upgraded, gone back to, or beside it: neither stumbles over the other's records."""
    later = make_dataclass("ChainJob", [*((field.name, field.type) for field in fields(ChainJob)), "tip_wei"])
    older = JobRecords(parts.database, 31_337, CORE)
    newer = JobRecords(parts.database, 31_337, CORE, form=form_of(later))
    await older.advance(0, head(5), jobs(1, 2), is_whole=True)

    assert await newer.since(0) is None  # so it begins with the chain
    assert await newer.advance(0, head(6), jobs(1, 2, 3), is_whole=True) == 1
    assert await older.advance(1, head(7), jobs(4), is_whole=False) == 2

    ours, theirs = await older.since(0), await newer.since(0)
    assert ours is not None
    assert theirs is not None
    assert (list(ours.jobs), list(theirs.jobs)) == (list(jobs(1, 2, 4)), list(jobs(1, 2, 3)))


async def test_records_from_before_forms_are_those_of_todays_jobs(parts: Parts) -> None:
    await JobRecords(parts.database, 31_337, CORE).advance(0, head(5), jobs(1), is_whole=True)

    rows = await parts.database.run(lambda transaction: transaction.rows("SELECT contract FROM mirror"))

    assert [row[0] for row in rows] == [f"31337/{CORE.lower()}"]
