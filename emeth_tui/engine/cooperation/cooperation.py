"""One job trained by several workers: each its part of an epoch, then the average goes back to all.

An epoch counts, and gets its link, once all parts are trained, averaged, and the average is validated. What
is on the disk says where the job stands: averages at home, and each member's checkpoint. So a member that
dies costs its part alone, and a node that starts anew asks every member again. A member says what it waits
for again and again; each of its reports is answered by what is true now.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict, replace
from functools import partial

from msgspec import structs

from emeth_tui.backoff import Backoff
from emeth_tui.engine.context import Context
from emeth_tui.engine.cooperation.averager import average
from emeth_tui.engine.cooperation.averages import (
    Averages,
    Facts,
    best_of,
    drop_checkpoints_after,
    link_dataset,
)
from emeth_tui.engine.cooperation.failures import Failures, is_of_worker
from emeth_tui.engine.cooperation.part import Exchange, Part, agreed_vocab_size
from emeth_tui.engine.disk import job_needs_bytes
from emeth_tui.engine.events import JobProgress
from emeth_tui.engine.steps.train import Recorder, has_dataset, request_for, take_result
from emeth_tui.errors import DatasetError, DiskFull, TrainingError, WorkerError
from emeth_tui.job import Job
from emeth_tui.model import JobState
from emeth_tui.notices.events.job import BackToBest, MemberReplaced
from emeth_tui.notices.reasons.job import EpochsDisagree
from emeth_tui.notices.reasons.training.data import DatasetEmpty
from emeth_tui.notices.reasons.training.run import PartUnfit
from emeth_tui.training import reports
from emeth_tui.training.files.models import model_spec
from emeth_tui.training.reports import AVERAGE_NAME, DATASET_NAME, AverageRequest, Best
from emeth_tui.training.run.best_weights import BestSoFar
from emeth_tui.workers.job_files import JobFileMissing
from emeth_tui.workers.messages import EpochCounts, TakeAverage
from emeth_tui.workers.supervisor import Worker

AFTER_LOSS = Backoff(0.5, 60.0)
log = logging.getLogger(__name__)


class Cooperation:
    """The training of one job that is shared out."""

    def __init__(self, context: Context, job: Job, resumed: asyncio.Event) -> None:
        """`resumed` is set while the job may work."""
        self._context = context
        self._job_id = job.job_id
        self._epochs = job.epochs
        self._resumed = resumed
        self._recorder = Recorder(context, job.job_id)
        self._parts = [Part(number, name) for number, name in enumerate(job.part_ids, start=1)]
        self._failures = Failures(context, job)
        self._exchange = Exchange()
        self._averages = Averages(context.disk.files.directory(job.job_id))
        self._averaged = self._counted = 0
        self._holding: frozenset[int] = frozenset()  # parts that hold the average before the newest one
        self._losses: dict[int, float] = {}  # by epoch, 0 included: what all members count by
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()  # one of them
        self._done = False
        self._began = time.monotonic()

    async def run(self) -> None:
        """Train the job until its result is written, and advance it to UPLOADING.

        Where its files are gone, it goes back to DOWNLOADING; where a part has nothing to learn from, one
        worker is to train all of it. Raise TrainingError, DatasetError or WorkerError. When cancelled, every
        member has written a checkpoint before this returns.
        """
        try:
            await self._context.disk.files.put_dataset(self._job_id)
            self._find_where_it_stands()
            await self._train_all()
        except JobFileMissing:
            self._context.book.advance(self._job_id, JobState.DOWNLOADING)
        except DatasetError as error:
            if not isinstance(error.reason, DatasetEmpty):
                raise
            job = self._job
            needed_bytes = job_needs_bytes(job.dataset_bytes, job.model)
            self._context.book.update(self._job_id, parts=1, epochs_done=0, reserved_bytes=needed_bytes)
        except (WorkerError, TrainingError):
            if await has_dataset(self._context.disk.files, self._job_id):
                raise
            self._context.book.advance(self._job_id, JobState.DOWNLOADING)

    # -- where it stands

    @property
    def _job(self) -> Job:
        return self._context.book.get(self._job_id)

    def _find_where_it_stands(self) -> None:
        files, job = self._context.disk.files, self._job
        self._averaged = self._averages.newest(self._epochs)
        self._counted = min(job.epochs_done, self._averaged)
        for part in self._parts:
            directory = files.directory(part.name)
            if part.number > 1:
                link_dataset(files.directory(self._job_id) / DATASET_NAME, directory)
            drop_checkpoints_after(directory, self._averaged)
        self._losses = {
            record.epoch: record.valid_loss
            for record in self._context.store.jobs.epochs(self._job_id)
            if record.epoch <= self._counted
        }
        facts = self._averages.facts(self._averaged)
        if facts is not None and facts.valid_loss is not None:  # an older database may not have it
            self._losses[self._averaged] = facts.valid_loss
        if job.start_loss is not None:
            self._losses[0] = job.start_loss
        if self._counted != job.epochs_done:
            self._context.book.update(self._job_id, epochs_done=self._counted)

    def _best(self) -> BestSoFar | None:
        """Return the best of the epochs that count, where a training goes back to it."""
        if not model_spec(self._job.model).pretrained or 0 not in self._losses:
            return None
        best = best_of(self._losses, self._counted, self._epochs)
        is_there = not best.epoch or self._averages.facts(best.epoch) is not None
        return best if is_there else None

    # -- members

    async def _train_all(self) -> None:
        for part in self._parts:
            self._start(self._serve(part))
        self._start(self._average_epochs())
        try:
            while not self._done:
                await self._ended.wait()
                self._ended.clear()
                for task in [task for task in self._tasks if task.done()]:
                    self._tasks.discard(task)
                    task.result()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda _task: self._ended.set())

    async def _serve(self, part: Part) -> None:
        """Have a part trained by a worker, and by another where that fails, until it is done."""
        while True:
            await self._until(lambda: part.handed_over is None)
            if part.losses:
                await asyncio.sleep(AFTER_LOSS.delay_s(part.losses))
            try:
                if await self._lend_and_train(part):
                    return
            except (WorkerError, TrainingError, DatasetError, DiskFull) as error:
                if not is_of_worker(part, error, self._averaged):
                    raise
                self._failures.note(part, error)

    async def _lend_and_train(self, part: Part) -> bool:
        """Train a part on a worker; return whether it is done."""
        directory = self._context.disk.files.directory(part.name)
        if part.begins_anew:
            part.begins_anew = False
            self._averages.begin_anew(directory, self._averaged)
        preferred = self._context.far.prefer(directory, self._job, self._context.forecasts.choose(self._job))
        choose = self._failures.spared_by(preferred)
        part.starving = True
        self._wake()
        try:
            async with self._context.leases.lend(
                part.name, choose, part_of=self._job_id, returns_to=self._context.far.trained_at(directory)
            ) as worker:
                part.starving, part.last_worker = False, worker
                return await self._train_until_wanted_elsewhere(part, worker)
        finally:
            part.starving = False

    async def _train_until_wanted_elsewhere(self, part: Part, worker: Worker) -> bool:
        """Train a part; return whether it is done. One that waits makes room for a part without a worker."""
        training = asyncio.create_task(self._train(part, worker))
        wanted = asyncio.create_task(
            self._until(
                lambda: (
                    part.begins_anew
                    or (part.handed_over is not None and any(each.starving for each in self._parts))
                )
            )
        )
        try:
            await asyncio.wait({training, wanted}, return_when=asyncio.FIRST_COMPLETED)
            if training.done():
                training.result()
                return True
            part.is_known = part.begins_anew  # who makes room is not lost
            return False
        finally:
            wanted.cancel()
            training.cancel()
            await asyncio.gather(training, wanted, return_exceptions=True)

    async def _train(self, part: Part, worker: Worker) -> None:
        context, job = self._context, self._job
        files = context.far.files_of(worker, context.disk.files)
        await files.put_dataset(part.name)
        await files.put_checkpoint(part.name)
        context.far.begins(files.directory(part.name), worker)
        await self._resumed.wait()
        part.worker = worker
        if part.number == 1:
            context.forecasts.training(job, worker)
        try:
            result = await worker.train(
                request_for(context, job, worker.host, part.number),
                hash_for=self._recorder.result_hash,
                on_message=partial(self._hear, part),
                shown_as=self._job_id,
            )
        finally:
            part.worker = None
            if part.number == 1:
                context.forecasts.left_training(self._job_id)
            await files.bring_checkpoint(part.name)
        if part.number == 1:
            await take_result(context, self._job_id, files, result)
            self._done = True
        elif self._counted < self._epochs:
            raise TrainingError(EpochsDisagree(self._epochs, self._counted))

    def _hear(self, part: Part, message: object) -> None:
        """Act on a report of a member."""
        if part.number == 1:
            self._hear_first(message)
        match message:
            case reports.Prepared():
                self._prepared(part)
            case reports.PartTrained():
                self._part_trained(part, message)
            case reports.PartValidated():
                self._validated(part, message)
            case reports.Diverged() | reports.Skipped() | reports.OutOfMemory():
                self._recorder.trouble(message)

    def _hear_first(self, message: object) -> None:
        """Take from the first member what is said once for all."""
        context, job_id = self._context, self._job_id
        context.forecasts.heard(job_id, message)
        if isinstance(message, reports.Progress):
            context.events.progress(JobProgress(job_id, message))
        elif isinstance(message, reports.BackToBest):
            back = BackToBest(message.epoch, message.best_epoch, message.best_loss)
            context.events.publish(back, job_id=job_id)
        elif isinstance(message, reports.Prepared):
            whole = message.tokens * len(self._parts)
            self._recorder.prepared(replace(message, resumed_epoch=self._counted, tokens=whole))

    def _prepared(self, part: Part) -> None:
        if part.is_known and part.worker is not None:
            epoch = min(self._averaged + 1, self._epochs)
            replaced = MemberReplaced(part.number, len(self._parts), part.worker.device, epoch)
            self._context.events.publish(replaced, job_id=self._job_id)
        part.is_known = True

    def _part_trained(self, part: Part, message: reports.PartTrained) -> None:
        if message.epoch == self._averaged:
            self._begin(part, "average", self._put_average)
        elif message.epoch != self._averaged + 1:  # also one whose disk has lost an average that it had
            raise TrainingError(EpochsDisagree(message.epoch, self._averaged))
        elif part.handed_over is None:
            if "result" not in part.moving:
                self._exchange.trained(part.number)
            self._begin(part, "result", partial(self._bring, message=message))

    def _validated(self, part: Part, message: reports.PartValidated) -> None:
        if message.epoch > self._averaged:
            raise TrainingError(EpochsDisagree(message.epoch, self._averaged))
        if message.epoch in {0, self._averaged} and message.epoch not in self._losses:
            self._losses[message.epoch] = message.valid_loss
            if message.epoch == 0:
                self._context.book.update(self._job_id, start_loss=message.valid_loss)
            self._wake()
        if message.epoch <= self._counted and part.worker is not None:
            part.worker.tell(EpochCounts(message.epoch, self._losses[message.epoch]))

    # -- transfers

    def _begin(
        self, part: Part, what: str, move: Callable[[Part, Worker], Coroutine[None, None, None]]
    ) -> None:
        """Move a file of a member's, unless it is on its way; what fails is asked for again by the member."""
        if part.worker is None or what in part.moving:
            return

        async def moving(worker: Worker) -> None:
            try:
                await move(part, worker)
                part.broken_moves = 0
            except (JobFileMissing, WorkerError) as error:
                log.warning("job %s, part %d: %s", self._job_id, part.number, error)
                self._failures.note_move(part, worker, error)
                self._wake()
            finally:
                part.moving.discard(what)

        part.moving.add(what)
        self._start(moving(part.worker))

    async def _bring(self, part: Part, worker: Worker, message: reports.PartTrained) -> None:
        files = self._context.far.files_of(worker, self._context.disk.files)
        path = await files.bring_result(part.name)
        self._exchange.handed_over(part.number, path.stat().st_size if worker.host else 0)
        if message.epoch == self._averaged + 1 and part.worker is worker and not part.begins_anew:
            part.handed_over = message
            self._wake()

    async def _put_average(self, part: Part, worker: Worker) -> None:
        files, epoch = self._context.far.files_of(worker, self._context.disk.files), self._averaged
        if part.number in self._holding:
            await files.put_average(part.name)
            size_bytes = (files.directory(part.name) / AVERAGE_NAME).stat().st_size
        else:
            await files.put_checkpoint(part.name)
            size_bytes = self._averages.size_bytes(epoch)
        took = self._exchange.handed_out(part.number, size_bytes if worker.host else 0, epoch)
        self._context.store.jobs.add_average(self._job_id, took)
        worker.tell(TakeAverage(epoch))

    # -- epochs

    async def _average_epochs(self) -> None:
        while self._counted < self._epochs:
            if self._averaged == self._counted:
                await self._until(lambda: all(part.handed_over for part in self._parts))
                await self._average_or_replace()
                continue
            for part in self._parts:
                self._begin(part, "average", self._put_average)
            await self._until(lambda: self._averaged in self._losses)
            self._count()

    async def _average_or_replace(self) -> None:
        """Average an epoch; a part whose weights are unfit is trained again, by another."""
        try:
            await self._average()
        except TrainingError as error:
            if not isinstance(error.reason, PartUnfit):
                raise
            part = self._parts[error.reason.part - 1]
            part.handed_over = None
            self._failures.note(part, error)
            self._wake()

    async def _average(self) -> None:
        job, epoch = self._job, self._averaged + 1
        trained = [part.handed_over for part in self._parts if part.handed_over]
        best = self._best()
        request = AverageRequest(
            directory=self._job_id,
            members=tuple(part.name for part in self._parts),
            epoch=epoch,
            model=job.model,
            vocab_size=agreed_vocab_size(self._parts),
            best=None if best is None else Best(**asdict(best)),
            averaging=job.averaging,
        )
        files = self._context.disk.files
        holding = await average(self._context.settings.state_dir / "logs", files.root, request)
        tokens = sum(each.tokens for each in trained)
        train_loss = sum(each.train_loss * each.tokens for each in trained) / max(1, tokens)
        now = time.monotonic()
        keep = {self._counted, best.epoch if best else 0}
        directories = [files.directory(part.name) for part in self._parts]
        self._averages.made(epoch, Facts(train_loss, now - self._began), keep, directories)
        self._began = now
        if (before_s := self._exchange.averaged()) is not None:
            self._context.forecasts.averaged(job, before_s)
        self._averaged, self._holding = epoch, frozenset(holding)
        self._failures.averaged()
        for part in self._parts:
            part.handed_over, part.losses = None, 0
        self._wake()

    def _count(self) -> None:
        """Record an epoch that is trained, averaged and validated, and let the members go on."""
        epoch, loss = self._averaged, self._losses[self._averaged]
        facts = self._averages.facts(epoch)
        assert facts is not None  # noqa: S101 - it is averaged
        self._averages.note(epoch, structs.replace(facts, valid_loss=loss))
        self._counted = epoch
        best = self._best()
        self._recorder.epoch_done(
            reports.EpochDone(
                epoch, facts.train_loss, loss, facts.seconds, best_loss=best.loss if best else None
            )
        )
        for part in self._parts:
            if part.worker is not None:
                part.worker.tell(EpochCounts(epoch, loss))

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._changed.wait()

    def _wake(self) -> None:
        """Have all who wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()
