"""What an upload leaves for the next estimate, on a clock that the test moves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from emeth_tui.engine.estimates.meters import TransferMeter
from emeth_tui.engine.estimates.ranges import figure
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.steps.job_book import JobBook
from emeth_tui.engine.steps.upload import upload
from emeth_tui.model import JobId, JobState
from emeth_tui.store.database import Store
from emeth_tui.store.measurements import Measurement, Quantity
from tests.factories import JOB_ID, make_job

SIZE = 10_000_000
S_PER_REPORT = 0.125


class Line:
    """The way to a storage that has most of a result already, and its measurement."""

    def __init__(self, result: Path) -> None:
        self._result = result
        self._now = 0.0
        self._meter: TransferMeter | None = None
        self.measured: list[Measurement] = []

    async def bring_result(self, _job_id: JobId) -> Path:
        return self._result

    def transfer(self, _job_id: JobId, quantity: Quantity, *, fresh: bool = True) -> TransferMeter:
        self._meter = TransferMeter(quantity, "storage", fresh=fresh, clock=lambda: self._now)
        return self._meter

    async def upload(
        self, _job_id: JobId, _path: Path, *, longest_s: float, on_progress: Callable[[int, int], None]
    ) -> str:
        assert longest_s > 0.0
        for done_bytes in (9_250_000, 9_500_000, 9_750_000, SIZE):
            self._now += S_PER_REPORT
            on_progress(done_bytes, SIZE)
        return "result.pt"

    def transferred(self, _job_id: JobId, size_bytes: int) -> None:
        assert self._meter is not None
        self.measured += self._meter.finished(size_bytes)


async def test_what_had_arrived_before_makes_an_upload_no_faster(tmp_path: Path) -> None:
    result = tmp_path / "checkpoint.pt"
    result.touch()
    os.truncate(result, SIZE)
    line: Any = Line(result)
    with Store(tmp_path / "state") as store:
        book = JobBook(store.jobs, lambda: 0.0)
        book.add(make_job(state=JobState.UPLOADING))
        context: Any = SimpleNamespace(
            book=book,
            clock=SimpleNamespace(now_unix_s=lambda: 0.0),
            disk=SimpleNamespace(files=line),
            events=EventLog(store.events, lambda: 0.0),
            forecasts=line,
            storage=line,
        )
        await upload(context, JOB_ID)
        assert book.get(JOB_ID).state is JobState.SUBMITTING

    assert figure(line.measured).expected == 250_000 / S_PER_REPORT
