"""Why jobs on offer are not taken, and why claiming is paused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.model import OPERATOR, Asker, JobState, Language, ServiceName
from emeth_tui.notices.notice import Reason, Wei


class WorkersBusy(Reason):
    __slots__ = ()


class DevicesHeld(Reason):
    __slots__ = ()


class NoOffers(Reason):
    __slots__ = ()


class DepositsKept(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class KeyUsedElsewhere(Reason):
    address: str
    transactions: int


@dataclass(frozen=True, slots=True)
class ClaimedElsewhere(Reason):
    job: str


@dataclass(frozen=True, slots=True)
class NoneTaken(Reason):
    offers: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class ClaimingPaused(Reason):
    cause: Reason


class ClaimsDisabled(Reason):
    __slots__ = ()


class NodeDraining(Reason):
    __slots__ = ()


class NodeStopping(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class WantedJobsUnderWay(Reason):
    wanted: int


@dataclass(frozen=True, slots=True)
class ServiceDown(Reason):
    service: ServiceName


@dataclass(frozen=True, slots=True)
class PausedByOperator(Reason):
    by: Asker = OPERATOR


@dataclass(frozen=True, slots=True)
class FinishingFirst(Reason):
    by: Asker = OPERATOR


@dataclass(frozen=True, slots=True)
class ResultsRejected(Reason):
    results: int


@dataclass(frozen=True, slots=True)
class StateMoved(Reason):
    directory: Path


@dataclass(frozen=True, slots=True)
class StateDamaged(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class UnusableDatasets(Reason):
    datasets: int


class OperatorWasFaster(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FeeTooLow(Reason):
    fee_wei: Wei
    limit_wei: Wei


@dataclass(frozen=True, slots=True)
class FeeTooHigh(Reason):
    fee_wei: Wei
    limit_wei: Wei


@dataclass(frozen=True, slots=True)
class DatasetTooSmall(Reason):
    dataset_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class DatasetTooLarge(Reason):
    dataset_bytes: int
    limit_bytes: int


class InvalidDeadline(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class MissesDeadline(Reason):
    missed_s: int
    needed: Reason


@dataclass(frozen=True, slots=True)
class MissesMargin(Reason):
    missed_s: int
    needed: Reason


@dataclass(frozen=True, slots=True)
class TimeMeasured(Reason):
    low_s: int
    high_s: int


@dataclass(frozen=True, slots=True)
class TimeByFormula(Reason):
    low_s: int
    high_s: int


class UnknownToChain(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class StatusOnChain(Reason):
    status: str


@dataclass(frozen=True, slots=True)
class DatasetUnavailable(Reason):
    cause: Reason


@dataclass(frozen=True, slots=True)
class ModelUnavailable(Reason):
    model: str


@dataclass(frozen=True, slots=True)
class ModelOnItsWay(Reason):
    model: str
    arrived_share: float


@dataclass(frozen=True, slots=True)
class KnownAlready(Reason):
    state: JobState


@dataclass(frozen=True, slots=True)
class ShortOfEmt(Reason):
    deposit_wei: Wei
    free_wei: Wei


@dataclass(frozen=True, slots=True)
class FeeNotAboveVerifiers(Reason):
    fee_wei: Wei
    verifier_fee_wei: Wei


@dataclass(frozen=True, slots=True)
class LanguageNotTaken(Reason):
    language: Language


@dataclass(frozen=True, slots=True)
class OverStakeLimit(Reason):
    deposit_wei: Wei
    staked_wei: Wei
    limit_wei: Wei


@dataclass(frozen=True, slots=True)
class LossLimitReached(Reason):
    lost_wei: Wei
    limit_wei: Wei


@dataclass(frozen=True, slots=True)
class UnderNativeLimit(Reason):
    balance_native_wei: int
    limit_native_wei: int
    symbol: str


@dataclass(frozen=True, slots=True)
class ShortOfNative(Reason):
    needed_native_wei: int
    balance_native_wei: int
    jobs: int
    factor: int
    price_gwei: float
    symbol: str


@dataclass(frozen=True, slots=True)
class JobOverFeeLimit(Reason):
    cost_native_wei: int
    limit_native_wei: int
    price_gwei: float
    symbol: str


class NoWorkerAnswers(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ClockAhead(Reason):
    service: ServiceName
    difference_s: int
    limit_s: int


@dataclass(frozen=True, slots=True)
class ClockBehind(Reason):
    service: ServiceName
    difference_s: int
    limit_s: int


@dataclass(frozen=True, slots=True)
class NotClaimed(Reason):
    job: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class ParametersTooLong(Reason):
    characters: int


class ParametersNotJson(Reason):
    __slots__ = ()


class ParametersNotObject(Reason):
    __slots__ = ()


class UnknownLanguage(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class InvalidEpochs(Reason):
    most: int


class InvalidDatasetName(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class InvalidJobId(Reason):
    text: str
