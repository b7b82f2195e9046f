"""Why jobs on offer are not taken, and why claiming is paused."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.model import OPERATOR, Asker, JobState, Language, ServiceName
from emeth_tui.notices.notice import Reason, Wei


class WorkersBusy(Reason):
    pass


class DevicesHeld(Reason):
    pass


class NoOffers(Reason):
    pass


class DepositsKept(Reason):
    pass


class KeyUsedElsewhere(Reason):
    address: str
    transactions: int


class ClaimedElsewhere(Reason):
    job: str


class NoneTaken(Reason):
    offers: int
    reason: Reason


class ClaimingPaused(Reason):
    cause: Reason


class ClaimsDisabled(Reason):
    pass


class NodeDraining(Reason):
    pass


class NodeStopping(Reason):
    pass


class WantedJobsUnderWay(Reason):
    wanted: int


class ServiceDown(Reason):
    service: ServiceName


class PausedByOperator(Reason):
    by: Asker = OPERATOR


class FinishingFirst(Reason):
    by: Asker = OPERATOR


class ResultsRejected(Reason):
    results: int


class StateMoved(Reason):
    directory: Path


class StateDamaged(Reason):
    path: Path


class UnusableDatasets(Reason):
    datasets: int


class OperatorWasFaster(Reason):
    pass


class FeeTooLow(Reason):
    fee_wei: Wei
    limit_wei: Wei


class FeeTooHigh(Reason):
    fee_wei: Wei
    limit_wei: Wei


class DatasetTooSmall(Reason):
    dataset_bytes: int
    limit_bytes: int


class DatasetTooLarge(Reason):
    dataset_bytes: int
    limit_bytes: int


class NetTooLow(Reason):
    net_worth: float  # to be shown; it changes with each look
    limit: str
    currency: str


class NetUnknown(Reason):
    pass


class InvalidDeadline(Reason):
    pass


class MissesDeadline(Reason):
    missed_s: int
    needed: Reason


class MissesMargin(Reason):
    missed_s: int
    needed: Reason


class TimeMeasured(Reason):
    low_s: int
    high_s: int


class TimeByFormula(Reason):
    low_s: int
    high_s: int


class UnknownToChain(Reason):
    pass


class StatusOnChain(Reason):
    status: str


class DatasetUnavailable(Reason):
    cause: Reason


class ModelUnavailable(Reason):
    model: str


class ModelOnItsWay(Reason):
    model: str
    arrived_share: float


class KnownAlready(Reason):
    state: JobState


class ShortOfEmt(Reason):
    deposit_wei: Wei
    free_wei: Wei


class FeeNotAboveVerifiers(Reason):
    fee_wei: Wei
    verifier_fee_wei: Wei


class LanguageNotTaken(Reason):
    language: Language


class OverStakeLimit(Reason):
    deposit_wei: Wei
    staked_wei: Wei
    limit_wei: Wei


class LossLimitReached(Reason):
    lost_wei: Wei
    limit_wei: Wei


class UnderNativeLimit(Reason):
    balance_native_wei: int
    limit_native_wei: int
    symbol: str


class ShortOfNative(Reason):
    needed_native_wei: int
    balance_native_wei: int
    jobs: int
    factor: int
    price_gwei: float
    symbol: str


class JobOverFeeLimit(Reason):
    cost_native_wei: int
    limit_native_wei: int
    price_gwei: float
    symbol: str


class NoWorkerAnswers(Reason):
    pass


class ClockAhead(Reason):
    service: ServiceName
    difference_s: int
    limit_s: int


class ClockBehind(Reason):
    service: ServiceName
    difference_s: int
    limit_s: int


class NotClaimed(Reason):
    job: str
    reason: Reason


class ParametersTooLong(Reason):
    characters: int


class ParametersNotJson(Reason):
    pass


class ParametersNotObject(Reason):
    pass


class UnknownLanguage(Reason):
    pass


class InvalidEpochs(Reason):
    most: int


class InvalidDatasetName(Reason):
    pass


class InvalidJobId(Reason):
    text: str
