"""Measure a job's transfers and training while it runs, and keep track of what remains.

Only work counts, as timed by the worker: neither a pause nor a killed process affects a measurement.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from emeth_tui.engine.estimates.durations import Remaining, Task, gauge_for
from emeth_tui.store.measurements import Gauge, Measurement, Quantity
from emeth_tui.training.reports import (
    EpochDone,
    Prepared,
    Progress,
    ResultWritten,
    Trained,
    Validating,
    WentBack,
    Work,
)

Clock = Callable[[], float]
LONGEST_GAP_S = 10.0  # in a transfer; one that stalls for longer says nothing about the speed
LEAST_TRANSFER_BYTES = 250_000  # with less, the time goes into requests, not into the transfer
KEEP_EVERY_S = 30.0  # of training: measurements are stored this often, and when the training ends
SAVING_EVERY_S = 900.0  # of training: checkpoints are rare, so their share is measured over longer
NO_WORK = Work()
SAMPLES = 32  # of the running job, newest
_SHORTEST_SAMPLE_S, _LONGEST_SAMPLE_S = 0.5, 10.0
_SAMPLE_SHARE = 1 / 8  # one sample is this share of the training so far, within those limits


class TransferMeter:
    """One download or upload. `fresh` is true when it is known to start from nothing."""

    def __init__(
        self, quantity: Quantity, host: str, *, fresh: bool = True, clock: Clock = time.monotonic
    ) -> None:
        self._gauge = Gauge(quantity, host)
        self._clock = clock
        self._first: int | None = 0 if fresh else None
        self._seconds = 0.0
        self._at = clock()
        self.done_bytes = 0

    def progress(self, done_bytes: int, _total_bytes: int) -> None:
        """Record how far the transfer is."""
        now = self._clock()
        if self._first is None or done_bytes < self._first:  # measured from here on, or begun anew
            self._first, self._seconds = done_bytes, 0.0
        else:
            self._seconds += min(LONGEST_GAP_S, now - self._at)
        self._at, self.done_bytes = now, done_bytes

    def finished(self, size_bytes: int) -> list[Measurement]:
        """Return the measurements of a complete transfer, if there was anything to measure."""
        self.progress(size_bytes, size_bytes)
        moved = size_bytes - (self._first or 0)
        if moved < LEAST_TRANSFER_BYTES or self._seconds <= 0.0:
            return []
        return [Measurement(self._gauge, moved, self._seconds)]


@dataclass(slots=True)
class _Counted:
    """What one process has done for the job, and how much of that is already measured."""

    loading_s: float | None = None  # until it is measured
    warm: Work | None = None  # after the first steps, with everything that a device does only once
    now: Work = NO_WORK
    sampled: Work = NO_WORK
    kept: Work = NO_WORK
    saving_kept: Work = NO_WORK

    def take(self, work: Work) -> None:
        if self.warm is None:
            self.warm = self.sampled = self.kept = work
        self.now = work

    @property
    def start_s(self) -> float | None:
        """The seconds that starting took, and by which the first steps were slower than the others."""
        if self.warm is None or self.loading_s is None:
            return None
        tokens = self.now.trained_tokens - self.warm.trained_tokens
        if tokens <= 0:
            return None
        s_per_token = (self.now.trained_s - self.warm.trained_s) / tokens
        return self.loading_s + max(0.0, self.warm.trained_s - self.warm.trained_tokens * s_per_token)


class TrainingMeter:
    """One job's training as its worker reports it. `take` and `close` return what to store."""

    def __init__(self, task: Task, device: str, clock: Clock = time.monotonic, *, parts: int = 1) -> None:
        self.task = task
        self._is_part = parts > 1  # what it says of the text is true of its part alone
        self._device = device
        self._clock = clock
        self._samples: dict[Quantity, deque[Measurement]] = {}
        self._prepared: Prepared | None = None
        self._counted = _Counted()
        self._epochs_done = 0
        self._within = 0.0  # of the running epoch is trained
        self._validated = 0.0  # of the running epoch's validation
        self._trained_at: float | None = None
        self._written = False

    def samples(self, quantity: Quantity) -> list[Measurement]:
        """Return this job's own recent measurements."""
        return list(self._samples.get(quantity, ()))

    def remaining(self) -> Remaining:
        """Return what remains of the job."""
        results = 0.0 if self._written else 1.0
        left = replace(Remaining.all_of(self.task), download_bytes=0.0, send_bytes=0.0, results=results)
        if self._prepared is None:
            return left
        epochs = self.task.epochs - self._epochs_done
        return replace(
            left,
            tokenise_bytes=0.0,
            starts=0.0,
            epochs=max(0.0, epochs - self._within),
            validations=max(0.0, epochs - self._validated),
            tokens=self._prepared.tokens,
            valid_tokens=self._prepared.valid_tokens,
        )

    def take(self, message: object) -> list[Measurement]:
        """Handle one message from the worker."""
        match message:
            case Prepared():
                return [*self.close(), *self._begin(message)]
            case WentBack():
                self._stand_at(message.epoch, self._share_of_steps(message.step))
            case Progress():
                self._stand_at(message.epoch - 1, message.step / max(1, message.steps))
                return self._work_done(message.work)
            case Validating():
                self._stand_at(message.epoch - 1, 1.0, message.fraction)
            case EpochDone():
                self._stand_at(message.epoch, 0.0)
                return self._work_done(message.work)
            case Trained():
                self._stand_at(message.epochs, 0.0)
                self._trained_at = self._clock()
                return self.close()
            case ResultWritten() if self._trained_at is not None:
                self._written = True
                return [self._measured(Quantity.WRITING, self._clock() - self._trained_at, 1.0)]
        return []

    def close(self) -> list[Measurement]:
        """Return what is not stored yet: this process does no more for the job."""
        kept = [*self._keep_start(), *self._keep_speeds(), *self._keep_saving()]
        self._counted = _Counted()
        return kept

    def _begin(self, prepared: Prepared) -> list[Measurement]:
        self._prepared = prepared
        self._counted.loading_s = prepared.loading_s
        self._stand_at(prepared.resumed_epoch, self._share_of_steps(prepared.resumed_step))
        if prepared.tokenised_s is None or self._is_part:  # the tokens were measured when they were made
            return []
        size_bytes = self.task.dataset_bytes
        measured = (
            (Quantity.TOKENISING, size_bytes, prepared.tokenised_s),
            (Quantity.TOKENS, prepared.tokens, size_bytes),
            (Quantity.VALID_TOKENS, prepared.valid_tokens, size_bytes),
        )
        return [self._measured(*one) for one in measured if one[1] > 0 and one[2] > 0]

    def _stand_at(self, epochs_done: int, within: float, validated: float = 0.0) -> None:
        self._epochs_done, self._within, self._validated = epochs_done, within, validated

    def _share_of_steps(self, step: int) -> float:
        return step / max(1, self._prepared.steps_per_epoch) if self._prepared else 0.0

    def _work_done(self, work: Work) -> list[Measurement]:
        if not work.trained_tokens:
            return []
        counted = self._counted
        counted.take(work)
        self._sample()
        if work.trained_s - counted.kept.trained_s < KEEP_EVERY_S:
            return []
        return [*self._keep_start(), *self._keep_speeds(), *self._keep_saving(SAVING_EVERY_S)]

    def _sample(self) -> None:
        """Sample the speed since the last sample, if that is long enough ago."""
        work, before = self._counted.now, self._counted.sampled
        wanted_s = min(_LONGEST_SAMPLE_S, max(_SHORTEST_SAMPLE_S, work.trained_s * _SAMPLE_SHARE))
        if work.trained_s - before.trained_s < wanted_s:
            return
        for one in self._speeds(before):
            self._samples.setdefault(one.gauge.quantity, deque(maxlen=SAMPLES)).append(one)
        saving = self._measured(Quantity.SAVING, work.saving_s, work.trained_s)
        self._samples[Quantity.SAVING] = deque([saving])
        self._counted.sampled = work

    def _speeds(self, before: Work) -> Iterator[Measurement]:
        now = self._counted.now
        trained = (now.trained_tokens - before.trained_tokens, now.trained_s - before.trained_s)
        validated = (now.validated_tokens - before.validated_tokens, now.validated_s - before.validated_s)
        for quantity, (tokens, seconds) in (
            (Quantity.TRAINING, trained),
            (Quantity.VALIDATION, validated),
        ):
            if tokens > 0 and seconds > 0:
                yield self._measured(quantity, tokens, seconds)

    def _keep_start(self) -> list[Measurement]:
        seconds = self._counted.start_s
        if seconds is None:
            return []
        self._counted.loading_s = None
        return [self._measured(Quantity.LOADING, seconds, 1.0)]

    def _keep_speeds(self) -> list[Measurement]:
        measured = list(self._speeds(self._counted.kept))
        self._counted.kept = self._counted.now
        return measured

    def _keep_saving(self, at_least_s: float = 0.0) -> list[Measurement]:
        now, before = self._counted.now, self._counted.saving_kept
        trained_s = now.trained_s - before.trained_s
        if trained_s <= at_least_s:
            return []
        self._counted.saving_kept = now
        return [self._measured(Quantity.SAVING, now.saving_s - before.saving_s, trained_s)]

    def _measured(self, quantity: Quantity, amount: float, per: float) -> Measurement:
        return Measurement(gauge_for(quantity, self.task, device=self._device), amount, per)
