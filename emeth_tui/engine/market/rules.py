"""Which jobs on offer to claim, highest fee first, and why not the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.errors import JobError
from emeth_tui.model import Language, token_to_wei
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import market as why
from emeth_tui.protocol.contracts import ChainJob, JobStatus, Rates
from emeth_tui.protocol.info_api import ListedJob
from emeth_tui.protocol.parameters import JobParameters, check_dataset_name, parse_parameters
from emeth_tui.settings import ClaimSettings, Network

MAX_UINT256 = 2**256 - 1
LATEST_UNIX_S = 2**40  # ours: the year 36812; anything later is a mistake or a trap


class Floor(Protocol):
    """A floor under what a job should leave."""

    def refusal(self, fee_wei: int, dataset_bytes: int, needed: Duration) -> Reason | None:
        """Return why a job is below it, None when it is not."""


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """The conditions for claiming a job. Fees in wei, sizes in bytes, times in seconds."""

    min_fee_wei: int
    max_fee_wei: int
    min_dataset_bytes: int
    max_dataset_bytes: int
    safety_margin_s: int
    verifier_fee_wei: int
    above_verifiers: bool = True  # at the verifier's fee a job pays its share of the day's reward alone
    languages: Collection[str] = tuple(Language)
    net: Floor | None = None

    @classmethod
    def of(
        cls, claims: ClaimSettings, network: Network, rates: Rates, net: Floor | None = None
    ) -> ClaimRules:
        """Return the operator's rules, with the network's safety margin where the operator set none."""
        margin = claims.safety_margin_s
        return cls(
            min_fee_wei=token_to_wei(claims.min_fee_emt),
            max_fee_wei=token_to_wei(claims.max_fee_emt),
            min_dataset_bytes=claims.min_dataset_bytes,
            max_dataset_bytes=claims.max_dataset_bytes,
            safety_margin_s=network.safety_margin_s if margin is None else margin,
            verifier_fee_wei=rates.verifier_fee_wei,
            languages=tuple(claims.languages),
            net=net,
        )

    def by_hand(self) -> ClaimRules:
        """Return the rules for a job that the operator chose: it must end in time, and can be verified."""
        return ClaimRules(
            min_fee_wei=0,
            max_fee_wei=MAX_UINT256,
            min_dataset_bytes=0,
            max_dataset_bytes=MAX_UINT256,
            safety_margin_s=0,
            verifier_fee_wei=self.verifier_fee_wei,
            above_verifiers=False,
        )

    @property
    def least_fee_wei(self) -> int:
        """The lowest fee of which the verifier's leaves something; below it, `verify` fails."""
        return self.verifier_fee_wei + self.above_verifiers


@dataclass(frozen=True, slots=True)
class Offer:
    """A listed job as we judge it: `refusal` is why it is not claimed, None when it is suitable."""

    job: ListedJob
    needed: Duration
    refusal: Reason | None


def judge(
    *,
    fee_wei: int,
    dataset_bytes: int,
    deadline_unix_s: int,
    needed: Duration,
    rules: ClaimRules,
    now_unix_s: float,
    language: Language | None,
) -> Reason | None:
    """Return why a job is unsuitable, None when it is suitable: even its slowest forecast ends in time.

    A `language` that is not known yet is no reason.
    """
    if language is not None and language not in rules.languages:
        return why.LanguageNotTaken(language)
    if fee_wei < rules.least_fee_wei:
        return why.FeeNotAboveVerifiers(fee_wei, rules.verifier_fee_wei)
    if fee_wei < rules.min_fee_wei:
        return why.FeeTooLow(fee_wei, rules.min_fee_wei)
    if fee_wei > rules.max_fee_wei:
        return why.FeeTooHigh(fee_wei, rules.max_fee_wei)
    if dataset_bytes < rules.min_dataset_bytes:
        return why.DatasetTooSmall(dataset_bytes, rules.min_dataset_bytes)
    if dataset_bytes > rules.max_dataset_bytes:
        return why.DatasetTooLarge(dataset_bytes, rules.max_dataset_bytes)
    if deadline_unix_s > LATEST_UNIX_S:
        return why.InvalidDeadline()
    missed_s = now_unix_s + needed.high_s + rules.safety_margin_s - deadline_unix_s
    if missed_s >= 0:
        source = why.TimeMeasured if needed.measured else why.TimeByFormula
        missed = why.MissesMargin if rules.safety_margin_s else why.MissesDeadline
        return missed(round(missed_s), source(round(needed.low_s), round(needed.high_s)))
    return rules.net.refusal(fee_wei, dataset_bytes, needed) if rules.net else None


def judge_listed(
    jobs: Iterable[ListedJob],
    rules: ClaimRules,
    now_unix_s: float,
    needed: Callable[[ListedJob], Duration],
) -> list[Offer]:
    """Judge the info server's list; highest fee first, then earliest deadline."""
    by_fee = sorted(jobs, key=lambda job: (-job.fee_wei, job.deadline_unix_s, job.job_id))
    return [
        _judge_one(job, needed(job), rules, now_unix_s) for job in by_fee if job.status == JobStatus.REQUESTED
    ]


def _judge_one(job: ListedJob, needed: Duration, rules: ClaimRules, now_unix_s: float) -> Offer:
    refusal = judge(
        fee_wei=job.fee_wei,
        dataset_bytes=job.dataset_bytes,
        deadline_unix_s=job.deadline_unix_s,
        needed=needed,
        rules=rules,
        now_unix_s=now_unix_s,
        language=listed_language(job),
    )
    return Offer(job, needed, refusal)


def listed_language(job: ListedJob) -> Language | None:
    """Return the language of a listed job, None when its parameters are missing or wrong."""
    try:
        return parse_parameters(job.param or "").language
    except JobError:
        return None  # the chain's copy is what counts


def judge_on_chain(
    job: ChainJob,
    dataset_bytes: int,
    rules: ClaimRules,
    now_unix_s: float,
    needed: Callable[[JobParameters], Duration],
) -> Reason | None:
    """Judge a job by the chain's record and the storage, which are authoritative."""
    if job.status is not JobStatus.REQUESTED:
        return why.StatusOnChain(job.status.name.lower())
    try:
        parameters = parse_parameters(job.param)
        check_dataset_name(job.dataset)
    except JobError as error:
        return error.reason
    return judge(
        fee_wei=job.fee_wei,
        dataset_bytes=dataset_bytes,
        deadline_unix_s=job.deadline_unix_s,
        needed=needed(parameters),
        rules=rules,
        now_unix_s=now_unix_s,
        language=parameters.language,
    )
