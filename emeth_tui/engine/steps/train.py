"""The training: a job on a worker, one link of the hash chain per epoch."""

from __future__ import annotations

from emeth_tui.engine.context import Context
from emeth_tui.engine.events import JobProgress
from emeth_tui.errors import TrainingError, WorkerError
from emeth_tui.job import Job, part_id
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events import job as events
from emeth_tui.notices.notice import EventBody, Reason, from_data
from emeth_tui.notices.reasons.job import EpochsDisagree
from emeth_tui.protocol.hash_chain import links_from_digest
from emeth_tui.store.jobs import EpochRecord
from emeth_tui.training.reports import (
    BackToBest,
    Diverged,
    EpochDone,
    OutOfMemory,
    Prepared,
    Progress,
    Skipped,
    TrainRequest,
    Untrained,
    WentBack,
)
from emeth_tui.workers.job_files import JobFileMissing, JobFiles
from emeth_tui.workers.supervisor import TrainedResult, Worker


async def train(context: Context, job_id: JobId, worker: Worker) -> None:
    """Train a job on a worker until its result file is written, and advance the job to UPLOADING.

    Where the job's files are gone, it goes back to DOWNLOADING. Raise TrainingError or DatasetError when the
    job cannot be trained, WorkerError when the worker fails. When cancelled, the worker has written a
    checkpoint before this returns.
    """
    job = context.book.get(job_id)
    files = context.far.files_of(worker, context.disk.files)
    try:
        await files.put_dataset(job_id)
        await files.put_checkpoint(job_id)
    except JobFileMissing:
        context.book.advance(job_id, JobState.DOWNLOADING)
        return
    context.far.begins(files.directory(job_id), worker)
    request = request_for(context, job, worker.host)
    recorder = Recorder(context, job_id)
    context.forecasts.training(job, worker)
    result: TrainedResult | None = None
    try:
        result = await worker.train(request, hash_for=recorder.result_hash, on_message=recorder.take)
    except (WorkerError, TrainingError):
        if await has_dataset(context.disk.files, job_id):
            raise
        context.book.advance(job_id, JobState.DOWNLOADING)  # its files were removed under the worker
        return
    finally:
        context.forecasts.left_training(job_id)
        if result is None:
            await files.bring_checkpoint(job_id)
    await take_result(context, job_id, files, result)


async def take_result(context: Context, job_id: JobId, files: JobFiles, result: TrainedResult) -> None:
    """Advance a trained job to UPLOADING once its result is at home; else it is trained again."""
    try:
        await files.bring_result(job_id)
    except JobFileMissing:
        return  # it was removed: it is trained again, from what there is
    context.book.advance(job_id, JobState.UPLOADING, valid_loss=result.valid_loss)
    trained = events.Trained(result.epochs, result.valid_loss, result.size_bytes)
    context.events.publish(trained, job_id=job_id)


def request_for(context: Context, job: Job, host: str, part: int = 1) -> TrainRequest:
    """Return what a worker of a host ("" here) is asked for: to train a job, or one of its parts."""
    training = context.settings.training
    name = part_id(job.job_id, part)
    return TrainRequest(
        job_id=name,
        language=job.language.value,
        epochs=job.epochs,
        directory=name,
        model=job.model,
        seed=job.seed,
        batch_size=job.batch_size,
        learning_rate=training.learning_rate,
        replay=context.network.verification == "replay",
        checkpoint_moments=training.moments_on_hosts or not host,
        release_on_pause=training.release_on_pause,
        checkpoint_bytes_a_day=training.checkpoint_gb_a_day * 1e9,
        part=part,
        parts=job.parts,
        averaging=job.averaging,
    )


async def has_dataset(files: JobFiles, job_id: JobId) -> bool:
    """Whether a job's dataset is still there."""
    try:
        await files.put_dataset(job_id)
    except JobFileMissing:
        return False
    return True


class Recorder:
    """Records a worker's reports on one job, and computes the links of its hash chain.

    The verification key stays here: the worker sends the dataset's digest and receives the last link.
    """

    def __init__(self, context: Context, job_id: JobId) -> None:
        self._context = context
        self._job_id = job_id

    def take(self, message: object) -> None:
        """Handle one message from the worker."""
        self._context.forecasts.heard(self._job_id, message)
        if isinstance(message, Prepared):
            self.prepared(message)
        elif isinstance(message, Progress):
            self._context.events.progress(JobProgress(self._job_id, message))
        elif isinstance(message, Untrained):
            self._context.book.update(self._job_id, start_loss=message.valid_loss)
        elif isinstance(message, EpochDone):
            self.epoch_done(message)
        elif isinstance(message, BackToBest):
            self._publish(events.BackToBest(message.epoch, message.best_epoch, message.best_loss))
        elif isinstance(message, WentBack):
            self._context.book.update(self._job_id, epochs_done=message.epoch)
        elif isinstance(message, (Diverged, Skipped, OutOfMemory)):
            self.trouble(message)

    def result_hash(self, dataset_digest: str, epochs: int) -> str:
        """Return the last link if these epochs were really trained. Raise TrainingError otherwise."""
        job = self._context.book.get(self._job_id)
        if epochs != job.epochs_done or dataset_digest != job.dataset_digest:
            raise TrainingError(EpochsDisagree(epochs, job.epochs_done))
        return self._links(dataset_digest, epochs)[-1]

    def prepared(self, message: Prepared) -> None:
        """Record that the training begins, or goes on."""
        job = self._context.book.get(self._job_id)
        changes = {"dataset_digest": message.dataset_digest, "epochs_done": message.resumed_epoch}
        if job.state is JobState.TRAINING:
            self._context.book.update(self._job_id, **changes)
        else:
            self._context.book.advance(self._job_id, JobState.TRAINING, **changes)
        training = events.Training(job.epochs, message.tokens, message.resumed_epoch)
        self._publish(training)

    def epoch_done(self, message: EpochDone) -> None:
        """Record an epoch, with its link of the hash chain."""
        context, job_id = self._context, self._job_id
        job = context.book.update(
            job_id,
            epochs_done=message.epoch,
            valid_loss=message.valid_loss,
            best_loss=message.best_loss,
        )
        link = self._links(job.dataset_digest, message.epoch)[-1]
        context.store.jobs.add_epoch(
            job_id,
            EpochRecord(message.epoch, message.train_loss, message.valid_loss, message.seconds, link),
        )
        done = events.EpochDone(
            epoch=message.epoch,
            epochs=job.epochs,
            seconds=round(message.seconds, 3),
            train_loss=message.train_loss,
            valid_loss=message.valid_loss,
        )
        self._publish(done)

    def trouble(self, message: Diverged | Skipped | OutOfMemory) -> None:
        """Publish what went wrong in the training and is mended there."""
        match message:
            case Diverged(epoch=epoch, reason=reason):
                self._publish(events.Diverged(epoch, from_data(Reason, reason)))
            case Skipped(steps=steps):
                self._publish(events.StepsSkipped(steps))
            case OutOfMemory(micro_batch=blocks):
                self._publish(events.OutOfMemory(blocks))

    def _publish(self, body: EventBody) -> None:
        self._context.events.publish(body, job_id=self._job_id)

    def _links(self, dataset_digest: str, epochs: int) -> list[str]:
        key = self._context.network.verification_key.get_secret_value()
        return links_from_digest(dataset_digest, key, epochs)
