"""How long a job takes, by this node's measurements, or by the reference's formula until there are any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from emeth_tui.engine.disk import FLOATS_PER_PARAMETER_IN_CHECKPOINT
from emeth_tui.engine.estimates.ranges import NOTHING, Range, exactly
from emeth_tui.job import Job
from emeth_tui.model import Language
from emeth_tui.protocol.architectures import parameter_count
from emeth_tui.protocol.contracts import estimated_gas
from emeth_tui.protocol.parameters import MIN_EPOCHS
from emeth_tui.store.measurements import Gauge, Quantity

POWER_CAPACITY_PER_WORKER = 27_300  # the reference client's figure (protocol.md §10)
BYTES_PER_FLOAT = 4
AT_HOST = " · "  # between a kind of device and the host that measured one
TEXT_QUANTITIES = frozenset({Quantity.TOKENS, Quantity.VALID_TOKENS})
# The reference's formula describes the slowest machine that the network allowed for; many are faster.
FORMULA_LOW, FORMULA_EXPECTED = 0.1, 0.5

# Guesses until there is a measurement, wide and cautious. Training has none: without its speed the
# formula is used.
ASSUMED: Mapping[Quantity, Range] = {
    Quantity.SAVING: Range(0.0, 0.01, 0.05),
    Quantity.LOADING: Range(0.0, 10.0, 60.0),
    Quantity.TOKENISING: Range(0.6e6, 1.2e6, 4.8e6),  # the reference's loader does about 1.2 MB/s
    Quantity.WRITING: Range(0.0, 5.0, 30.0),
    Quantity.DOWNLOAD: Range(1e6, 1e7, 1e8),
    Quantity.UPLOAD: Range(1e6, 1e7, 1e8),
    Quantity.SENDING: Range(1e6, 1e7, 1e8),
    Quantity.FETCHING: Range(1e6, 1e7, 1e8),
    Quantity.AVERAGING: Range(2e7, 1e8, 1e9),
}
ASSUMED_VALID_SHARE = 0.1  # of the text is validated on, at most (protocol.md §7)

Figures = Callable[[Gauge], Range | None]


class Phase(str, Enum):
    """What a job's time goes into."""

    DOWNLOAD = "download"
    SEND = "send"  # to a host
    TOKENISE = "tokenise"
    START = "start"
    TRAIN = "train"
    VALIDATE = "validate"
    SAVE = "save"
    WRITE = "write"
    FETCH = "fetch"  # from a host
    UPLOAD = "upload"


NEEDS_NO_DEVICE = frozenset({Phase.DOWNLOAD, Phase.UPLOAD})


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """How many seconds one phase takes."""

    phase: Phase
    seconds: Range


@dataclass(frozen=True, slots=True)
class Duration:
    """How long something takes, in seconds: low <= expected <= high.

    `measured` says whether it rests on this node's own measurements; `phases`, in order, are known only
    then. `energy_j` is what the device should take for it, None where nothing has measured that device.
    """

    low_s: float
    expected_s: float
    high_s: float
    measured: bool = True
    phases: tuple[PhaseTime, ...] = ()
    energy_j: float | None = None

    @property
    def span(self) -> Range:
        return Range(self.low_s, self.expected_s, self.high_s)

    @classmethod
    def of(cls, span: Range, *, measured: bool, phases: tuple[PhaseTime, ...] = ()) -> Duration:
        return cls(span.low, span.expected, span.high, measured, phases)


def on_device_s(work: Duration) -> float:
    """Return how long work is expected to keep a device: all but the transfers."""
    transfers = (one.seconds.expected for one in work.phases if one.phase in NEEDS_NO_DEVICE)
    return max(0.0, work.expected_s - sum(transfers))


@dataclass(frozen=True, slots=True)
class Task:
    """What a job's duration depends on."""

    dataset_bytes: int
    epochs: int
    language: Language
    model: str
    batch_size: int  # in blocks

    @classmethod
    def of(cls, job: Job) -> Task:
        return cls(job.dataset_bytes, job.epochs, job.language, job.model, job.batch_size)

    @property
    def result_bytes(self) -> int:
        """Estimate the result file's size: the weights, one float each."""
        return parameter_count(self.model) * BYTES_PER_FLOAT

    @property
    def checkpoint_bytes(self) -> int:
        """Estimate a checkpoint's size, which is sent where a job goes on at another host."""
        return FLOATS_PER_PARAMETER_IN_CHECKPOINT * self.result_bytes


@dataclass(frozen=True, slots=True)
class Remaining:
    """What remains of a task; epochs may be fractional. Tokens are None until they are counted."""

    download_bytes: float = 0.0
    tokenise_bytes: float = 0.0
    starts: float = 0.0
    epochs: float = 0.0
    validations: float = 0.0
    results: float = 0.0
    upload_bytes: float = 0.0
    send_bytes: float = 0.0  # to a host, where one trains it
    fetch_bytes: float = 0.0
    tokens: int | None = None
    valid_tokens: int | None = None

    @classmethod
    def all_of(cls, task: Task) -> Remaining:
        """Return the whole task as remaining."""
        return cls(
            download_bytes=task.dataset_bytes,
            tokenise_bytes=task.dataset_bytes,
            starts=1.0,
            epochs=task.epochs,
            validations=task.epochs,
            results=1.0,
            upload_bytes=task.result_bytes,
            send_bytes=task.dataset_bytes,
            fetch_bytes=task.result_bytes,
        )


def device_at(kind: str, host: str) -> str:
    """Name the place of a device's own measurements, for one of a host with the host."""
    return f"{kind}{AT_HOST}{host}" if host else kind


def gauge_for(quantity: Quantity, task: Task, *, device: str = "", host: str = "") -> Gauge:
    """Return the gauge of a quantity, with only what that quantity depends on.

    `device` is as `device_at` names it. What a text's tokens are depends on no device, but is a host's word
    where one has counted them.
    """
    if quantity in {Quantity.DOWNLOAD, Quantity.UPLOAD}:
        return Gauge(quantity, host)
    language = task.language.value
    if quantity in TEXT_QUANTITIES:
        _kind, at_host, counted_by = device.rpartition(AT_HOST)
        return Gauge(quantity, counted_by if at_host else "", task.model, language)
    if quantity is Quantity.TOKENISING:
        return Gauge(quantity, device, task.model, language)
    # On a GPU a step of few blocks takes as long as one of several times as many.
    return Gauge(quantity, device, task.model, batch=task.batch_size if quantity is Quantity.TRAINING else 0)


def shared_out(alone: Duration, task: Task, parts: int, averaging: Range) -> Duration:
    """Estimate a job that `parts` workers share out, none slower than the one that takes `alone`.

    Only the training gets shorter; at the end of each epoch all weights are averaged, at so many bytes a
    second.
    """
    averages = exactly(float(task.epochs * parts * task.result_bytes)).at_rate(averaging)
    if not alone.phases:
        return Duration.of(alone.span.times(1 / parts) + averages, measured=False)
    phases = tuple(
        PhaseTime(each.phase, each.seconds.times(1 / parts))
        if each.phase is Phase.TRAIN
        else PhaseTime(each.phase, each.seconds + averages)
        if each.phase is Phase.SAVE
        else each
        for each in alone.phases
    )
    total = NOTHING
    for each in phases:
        total += each.seconds
    return Duration.of(total, measured=alone.measured, phases=phases)


def shared_left(alone: Duration, share: float, averages: Range, starts: Range, rounds: int) -> Duration:
    """Estimate what is left of a job that is shared out, by what is left of it on one worker.

    Of that worker's training a part is a `share`. With fewer workers than parts there are more `rounds` than
    one in an epoch: parts are loaded, trained and validated in turn. `averages` is what all averages take
    that are left, `starts` what loading parts takes.
    """
    if not alone.phases:
        return Duration.of(alone.span.times(share * rounds) + averages, measured=False)
    times = {Phase.TRAIN: share * rounds, Phase.VALIDATE: rounds}
    more = {Phase.START: starts, Phase.SAVE: averages}
    phases = tuple(
        PhaseTime(each.phase, each.seconds.times(times.get(each.phase, 1)) + more.get(each.phase, NOTHING))
        for each in alone.phases
    )
    total = NOTHING
    for each in phases:
        total += each.seconds
    return Duration.of(total, measured=alone.measured, phases=phases)


def at_host(work: Duration, remaining: Remaining, host: str, figures: Figures) -> Duration:
    """Return how long work takes at a host: with the dataset's way there, and the result's home.

    Checkpoints come home while the training goes on: nothing waits for them.
    """
    transfers = tuple(
        PhaseTime(phase, exactly(size_bytes).at_rate(figures(Gauge(quantity, host)) or ASSUMED[quantity]))
        for phase, quantity, size_bytes in (
            (Phase.SEND, Quantity.SENDING, remaining.send_bytes),
            (Phase.FETCH, Quantity.FETCHING, remaining.fetch_bytes),
        )
    )
    total = work.span
    for each in transfers:
        total += each.seconds
    phases = (*work.phases, *transfers) if work.phases else ()
    return Duration.of(total, measured=work.measured, phases=phases)


def formula_s(dataset_bytes: int) -> float:
    """Estimate how long one worker needs for a job, by the reference's formula (protocol.md §10)."""
    return estimated_gas(dataset_bytes) * 1e6 / POWER_CAPACITY_PER_WORKER


def by_formula(task: Task, remaining: Remaining) -> Duration:
    """Estimate by the reference's formula, taken to be for the minimum of epochs: it is the high end."""
    high_s = formula_s(task.dataset_bytes) * remaining.epochs / MIN_EPOCHS
    return Duration(FORMULA_LOW * high_s, FORMULA_EXPECTED * high_s, high_s, measured=False)


def by_measurement(
    task: Task, remaining: Remaining, *, device: str, host: str, figures: Figures
) -> Duration | None:
    """Estimate by this node's own figures; None while this device's training speed is unknown."""
    phases = tuple(_phases(_Measured(task, device, host, figures), remaining))
    if not phases:
        return None
    total = NOTHING
    for phase in phases:
        total += phase.seconds
    return Duration.of(total, measured=True, phases=phases)


@dataclass(frozen=True, slots=True)
class _Measured:
    """The figures for one task on one device."""

    task: Task
    device: str
    host: str
    figures: Figures

    def figure(self, quantity: Quantity) -> Range | None:
        return self.figures(gauge_for(quantity, self.task, device=self.device, host=self.host))

    def known(self, quantity: Quantity) -> Range:
        return self.figure(quantity) or ASSUMED[quantity]

    def tokens(self, counted: int | None) -> Range | None:
        """Return the tokens of an epoch, counted or estimated."""
        if counted is not None:
            return exactly(counted)
        density = self.figure(Quantity.TOKENS)
        return None if density is None else density.times(self.task.dataset_bytes)

    def valid_tokens(self, counted: int | None, tokens: Range) -> Range:
        if counted is not None:
            return exactly(counted)
        density = self.figure(Quantity.VALID_TOKENS)
        return (
            tokens.times(ASSUMED_VALID_SHARE) if density is None else density.times(self.task.dataset_bytes)
        )


def _phases(known: _Measured, left: Remaining) -> Iterator[PhaseTime]:
    """Return each phase's time, or None while training is not measured."""
    rate, tokens = known.figure(Quantity.TRAINING), known.tokens(left.tokens)
    if left.epochs and (rate is None or tokens is None):
        return
    rate, tokens = rate or exactly(1.0), tokens or NOTHING
    train = tokens.times(left.epochs).at_rate(rate)
    valid = known.valid_tokens(left.valid_tokens, tokens).times(left.validations)
    yield PhaseTime(Phase.DOWNLOAD, exactly(left.download_bytes).at_rate(known.known(Quantity.DOWNLOAD)))
    yield PhaseTime(Phase.TOKENISE, exactly(left.tokenise_bytes).at_rate(known.known(Quantity.TOKENISING)))
    yield PhaseTime(Phase.START, known.known(Quantity.LOADING).times(left.starts))
    yield PhaseTime(Phase.TRAIN, train)
    yield PhaseTime(Phase.VALIDATE, valid.at_rate(known.figure(Quantity.VALIDATION) or rate))
    yield PhaseTime(Phase.SAVE, train.product(known.known(Quantity.SAVING)))
    yield PhaseTime(Phase.WRITE, known.known(Quantity.WRITING).times(left.results))
    yield PhaseTime(Phase.UPLOAD, exactly(left.upload_bytes).at_rate(known.known(Quantity.UPLOAD)))
