"""Reasons for rejections are kept across restarts, and the newest of a job counts."""

from __future__ import annotations

import contextlib
from pathlib import Path

from emeth_tui.model import JobId
from emeth_tui.network.records.sqlite import SqliteDatabase
from emeth_tui.network.verification.rejections import Rejections
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.network.verification import NotLastLink

FIRST, SECOND = JobId("0x" + "01" * 16), JobId("0x" + "02" * 16)


async def test_reasons_are_there_after_a_restart_and_the_newest_counts(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    with contextlib.closing(SqliteDatabase(path)) as database:
        await Rejections(database).record(FIRST, NotLastLink(30))
        await Rejections(database).record(FIRST, NotLastLink(31))

    with contextlib.closing(SqliteDatabase(path)) as database:
        kept, other = [await Rejections(database).of(job_id) for job_id in (FIRST, SECOND)]

    assert kept == {
        "reason": to_data(NotLastLink(31)),
        "text": "the result's hash is not the chain's last link after 31 epochs",
    }
    assert other is None
    assert path.stat().st_mode & 0o777 == 0o600
