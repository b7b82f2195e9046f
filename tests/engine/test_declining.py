"""Declining a job by command: where that fails, its training goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.engine.node import Node
from emeth_tui.errors import ChainUnreachable, DiskFull, EmethError, JobError, Reverted, StoreError
from emeth_tui.foreign_text import ForeignText
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.reasons.foreign import Foreign
from tests.factories import JOB_ID, make_job


class Declining:
    """The parts of a node that a decline needs; sending it fails."""

    def __init__(self, error: EmethError) -> None:
        self._error = error
        self.started: list[JobId] = []
        self._tasks = SimpleNamespace(cancel=self._cancel, start=self.started.append)
        self._context = SimpleNamespace(
            book={JOB_ID},
            events=SimpleNamespace(publish=lambda _body, job_id: None),
            transactions=SimpleNamespace(decline=self._decline),
        )

    def _open_job(self, _job_id: JobId) -> Any:
        return make_job(state=JobState.TRAINING)

    async def _cancel(self, _job_id: JobId) -> bool:
        return True

    async def _decline(self, _job_id: JobId) -> None:
        raise self._error


@pytest.mark.parametrize("kind", [Reverted, ChainUnreachable, DiskFull, StoreError])
async def test_a_job_that_cannot_be_declined_goes_on(kind: type[EmethError]) -> None:
    """Its signed bytes may be what a full disk does not take."""
    node: Any = Declining(kind(Foreign(ForeignText("no"))))
    with pytest.raises(JobError, match="no"):
        await Node.decline_job(node, JOB_ID)
    assert node.started == [JOB_ID]
