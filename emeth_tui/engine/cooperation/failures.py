"""Members that fail: their part goes to another worker, and they are left out while there is another."""

from __future__ import annotations

from collections.abc import Sequence

from emeth_tui.engine.context import Context
from emeth_tui.engine.cooperation.part import Part
from emeth_tui.engine.leases import Choose
from emeth_tui.errors import DatasetError, DeviceFailed, DiskFull, EmethError, TrainingError, WorkerError
from emeth_tui.job import Job
from emeth_tui.notices.events.job import MemberLost
from emeth_tui.notices.reasons.training.run import PartUnfit
from emeth_tui.workers.job_files import JobFileMissing
from emeth_tui.workers.supervisor import Worker

MOST_LOSSES = 5  # of workers that one part may cost between two averages
MOST_BROKEN_MOVES = 5  # of a member's files: it asks for each again every 20 s


def is_of_worker(part: Part, error: EmethError, averaged: int) -> bool:
    """Whether another worker may do better: with the node's own disk, or the text itself, none does."""
    if isinstance(error, DiskFull):
        return part.last_worker is not None and bool(part.last_worker.host)
    return not isinstance(error, DatasetError) or averaged > 0  # else every part has had its text


class Failures:
    """The failures of one job's members."""

    def __init__(self, context: Context, job: Job) -> None:
        self._context = context
        self._job = job
        self._unfit: set[Worker] = set()  # what they handed over or said was wrong
        self._failing: set[Worker] = set()  # since the last average

    def note(self, part: Part, error: EmethError) -> None:
        """Have another worker take a part. Raise the error where too many have failed."""
        part.losses += 1
        if part.losses == MOST_LOSSES:
            raise error
        if part.last_worker is not None:
            is_unfit = isinstance(error, (TrainingError, DatasetError))
            (self._unfit if is_unfit else self._failing).add(part.last_worker)
        part.begins_anew = not isinstance(error, (DeviceFailed, DiskFull))
        device = part.last_worker.device if part.last_worker else ""
        lost = MemberLost(part.number, self._job.parts, device, error.reason)
        self._context.events.publish(lost, job_id=self._job.job_id)

    def note_move(self, part: Part, worker: Worker, error: JobFileMissing | WorkerError) -> None:
        """Have another worker take a part whose files do not come or go. Raise TrainingError."""
        part.broken_moves += 1
        if part.broken_moves < MOST_BROKEN_MOVES or part.worker is not worker:
            return
        part.broken_moves = 0
        self.note(part, TrainingError(PartUnfit(part.number, error.reason)))

    def averaged(self) -> None:
        """Give those another chance that have only failed."""
        self._failing.clear()

    def spared_by(self, choose: Choose) -> Choose:
        """Return `choose` for the workers that have not failed, as long as this job has any."""

        def choose_fit(workers: Sequence[Worker]) -> Worker | None:
            failed = self._unfit | self._failing
            fit = [worker for worker in workers if worker not in failed]
            if not fit and not failed.issuperset(self._context.leases.members_of(self._job.job_id)):
                return None  # one that is at work makes room when it has handed over its part
            return choose(fit or workers)

        return choose_fit
