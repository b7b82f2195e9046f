"""The work between claim and upload: download, then train on a worker, a link of the hash chain an epoch."""

from __future__ import annotations

import dataclasses

from emeth_tui.engine.context import Context
from emeth_tui.engine.events import JobProgress
from emeth_tui.errors import TrainingError
from emeth_tui.model import JobId, JobState, Severity
from emeth_tui.protocol.hash_chain import links_from_digest
from emeth_tui.store.jobs import EpochRecord
from emeth_tui.store.measurements import Quantity
from emeth_tui.training.reports import (
    DATASET_NAME,
    Diverged,
    EpochDone,
    OutOfMemory,
    Prepared,
    Progress,
    Skipped,
    TrainRequest,
    WentBack,
)
from emeth_tui.workers.supervisor import Worker


async def download(context: Context, job_id: JobId) -> None:
    """Fetch a job's dataset into its directory, going on where an earlier try broke off."""
    job = context.book.get(job_id)
    if job.state is not JobState.DOWNLOADING:
        job = context.book.advance(job_id, JobState.DOWNLOADING)
    path = context.disk.job_dir(job_id) / DATASET_NAME
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    meter = context.forecasts.transfer(job_id, Quantity.DOWNLOAD, fresh=not any(path.parent.iterdir()))
    size_bytes = await context.storage.download(
        job_id, job.dataset, path, max_bytes=job.dataset_bytes, on_progress=meter.progress
    )
    context.forecasts.transferred(job_id, size_bytes)
    context.book.advance(job_id, JobState.PREPARING)
    context.events.publish(
        "downloaded", f"dataset downloaded, {size_bytes:,} bytes", job_id=job_id, size_bytes=size_bytes
    )


async def train(context: Context, job_id: JobId, worker: Worker) -> None:
    """Train a job on a worker until its result file is written; the job is UPLOADING afterwards.

    Raises TrainingError or DatasetError when the job cannot be trained, WorkerError when the worker cannot go
    on. When cancelled, the worker has written a checkpoint before this returns.
    """
    job = context.book.get(job_id)
    work_dir = context.disk.job_dir(job_id)
    if not (work_dir / DATASET_NAME).is_file():
        context.book.advance(job_id, JobState.DOWNLOADING)
        return
    training = context.settings.training
    request = TrainRequest(
        job_id=job_id,
        language=job.language.value,
        epochs=job.epochs,
        directory=job_id,
        model=job.model,
        seed=job.seed,
        batch_size=None if training.batch_size == "auto" else training.batch_size,
        learning_rate=training.learning_rate,
        release_on_pause=training.release_on_pause,
    )
    scribe = _Scribe(context, job_id)
    context.forecasts.training(job, worker)
    try:
        result = await worker.train(request, hash_for=scribe.result_hash, on_message=scribe.take)
    finally:
        context.forecasts.left_training(job_id)
    context.book.advance(job_id, JobState.UPLOADING, valid_loss=result.valid_loss)
    context.events.publish(
        "trained",
        f"trained: {result.epochs} epochs, validation loss {result.valid_loss:.3f}",
        job_id=job_id,
        epochs=result.epochs,
        valid_loss=result.valid_loss,
        size_bytes=result.size_bytes,
    )


class _Scribe:
    """Writes down what a worker reports of one job, and makes the links of its hash chain.

    The verification key stays here: the worker reports the dataset's digest and gets the last link back.
    """

    def __init__(self, context: Context, job_id: JobId) -> None:
        self._context = context
        self._job_id = job_id

    def take(self, message: object) -> None:
        """Take in one message of the worker."""
        self._context.forecasts.heard(self._job_id, message)
        if isinstance(message, Prepared):
            self._prepared(message)
        elif isinstance(message, Progress):
            self._context.events.progress(JobProgress(self._job_id, message))
        elif isinstance(message, EpochDone):
            self._epoch_done(message)
        elif isinstance(message, WentBack):
            self._context.book.update(self._job_id, epochs_done=message.epoch)
        elif isinstance(message, (Diverged, Skipped, OutOfMemory)):
            self._trouble(message)

    def result_hash(self, dataset_digest: str, epochs: int) -> str:
        """Give the last link for the epochs that were really trained. Raises TrainingError otherwise."""
        job = self._context.book.get(self._job_id)
        if epochs != job.epochs_done or dataset_digest != job.dataset_digest:
            raise TrainingError(
                f"job {self._job_id}: its worker reports {epochs} epochs, {job.epochs_done} were seen: "
                "no result is made of that"
            )
        return self._links(dataset_digest, epochs)[-1]

    def _prepared(self, message: Prepared) -> None:
        job = self._context.book.get(self._job_id)
        changes = {"dataset_digest": message.dataset_digest, "epochs_done": message.resumed_epoch}
        if job.state is JobState.TRAINING:
            self._context.book.update(self._job_id, **changes)
        else:
            self._context.book.advance(self._job_id, JobState.TRAINING, **changes)
        going_on = f", going on after epoch {message.resumed_epoch}" if message.resumed_epoch else ""
        self._context.events.publish(
            "training",
            f"training: {job.epochs} epochs over {message.tokens:,} tokens{going_on}",
            job_id=self._job_id,
            epochs=job.epochs,
            tokens=message.tokens,
            resumed_epoch=message.resumed_epoch,
        )

    def _epoch_done(self, message: EpochDone) -> None:
        context, job_id = self._context, self._job_id
        job = context.book.update(job_id, epochs_done=message.epoch, valid_loss=message.valid_loss)
        link = self._links(job.dataset_digest, message.epoch)[-1]
        context.store.jobs.add_epoch(
            job_id,
            EpochRecord(message.epoch, message.train_loss, message.valid_loss, message.seconds, link),
        )
        context.events.publish(
            "epoch_done",
            f"epoch {message.epoch} of {job.epochs} done in {message.seconds:.1f} s, "
            f"validation loss {message.valid_loss:.3f}",
            job_id=job_id,
            epoch=message.epoch,
            epochs=job.epochs,
            seconds=round(message.seconds, 3),
            train_loss=message.train_loss,
            valid_loss=message.valid_loss,
        )

    def _trouble(self, message: Diverged | Skipped | OutOfMemory) -> None:
        match message:
            case Diverged(reason=reason):
                kind = "diverged"
                text = f"{reason}; going back to the last good checkpoint with a lower learning rate"
            case Skipped(steps=steps):
                kind = "steps_skipped"
                text = f"{steps} steps gave no finite numbers and were not applied; learning rate lowered"
            case OutOfMemory(micro_batch=blocks):
                kind = "out_of_memory"
                text = f"the device ran out of memory; going on with at most {blocks} blocks at once"
        self._context.events.publish(
            kind, text, severity=Severity.WARNING, job_id=self._job_id, **dataclasses.asdict(message)
        )

    def _links(self, dataset_digest: str, epochs: int) -> list[str]:
        key = self._context.network.verification_key.get_secret_value()
        return links_from_digest(dataset_digest, key, epochs)
