"""Which jobs on offer to take, and why not the others: highest fee first among those that suit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.errors import JobError
from emeth_tui.model import format_token, token_to_wei
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.info_api import ListedJob
from emeth_tui.protocol.parameters import JobParameters, check_dataset_name, parse_parameters
from emeth_tui.settings import ClaimSettings, Network

MAX_UINT256 = 2**256 - 1
LATEST_UNIX_S = 2**40  # ours: the year 36812; what is later is a mistake or a trap


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What a job must be like to be taken. Fees in wei, sizes in bytes, times in seconds."""

    min_fee_wei: int
    max_fee_wei: int
    min_dataset_bytes: int
    max_dataset_bytes: int
    safety_margin_s: int

    @classmethod
    def of(cls, claims: ClaimSettings, network: Network) -> ClaimRules:
        """Take the operator's rules, with the network's safety margin where the operator set none."""
        margin = claims.safety_margin_s
        return cls(
            min_fee_wei=token_to_wei(claims.min_fee_emt),
            max_fee_wei=token_to_wei(claims.max_fee_emt),
            min_dataset_bytes=claims.min_dataset_bytes,
            max_dataset_bytes=claims.max_dataset_bytes,
            safety_margin_s=network.safety_margin_s if margin is None else margin,
        )

    def by_hand(self) -> ClaimRules:
        """Give what is left of them for a job that the operator chose: it must end before its deadline."""
        return ClaimRules(0, MAX_UINT256, 0, MAX_UINT256, safety_margin_s=0)


@dataclass(frozen=True, slots=True)
class Offer:
    """A job on the market as we judge it: `refusal` says why it is not taken, "" when it suits."""

    job: ListedJob
    needed: Duration
    refusal: str


def judge(
    *,
    fee_wei: int,
    dataset_bytes: int,
    deadline_unix_s: int,
    needed: Duration,
    rules: ClaimRules,
    now_unix_s: float,
) -> str:
    """Say why a job does not suit, or "" when it does: also if it takes as long as it may, it is in time."""
    if fee_wei < rules.min_fee_wei:
        return f"its fee of {format_token(fee_wei)} EMT is under {format_token(rules.min_fee_wei)}"
    if fee_wei > rules.max_fee_wei:
        return f"its fee of {format_token(fee_wei)} EMT is over {format_token(rules.max_fee_wei)}"
    if dataset_bytes < rules.min_dataset_bytes:
        return f"its dataset of {dataset_bytes:,} bytes is under {rules.min_dataset_bytes:,}"
    if dataset_bytes > rules.max_dataset_bytes:
        return f"its dataset of {dataset_bytes:,} bytes is over {rules.max_dataset_bytes:,}"
    if deadline_unix_s > LATEST_UNIX_S:
        return "its deadline is no date"
    missed_s = now_unix_s + needed.high_s + rules.safety_margin_s - deadline_unix_s
    if missed_s >= 0:
        missed = "deadline's safety margin" if rules.safety_margin_s else "deadline"
        source = "as measured here" if needed.measured else "by the reference's formula"
        return (
            f"it would miss its {missed} by {missed_s:,.0f} s: it needs {needed.low_s:,.0f} to "
            f"{needed.high_s:,.0f} s, {source}"
        )
    return ""


def judge_listed(
    jobs: Iterable[ListedJob],
    rules: ClaimRules,
    now_unix_s: float,
    needed: Callable[[ListedJob], Duration],
) -> list[Offer]:
    """Judge what the info server lists, highest fee first; jobs of the same fee, earliest deadline first."""
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
    )
    return Offer(job, needed, refusal)


def judge_on_chain(
    job: ChainJob,
    dataset_bytes: int,
    rules: ClaimRules,
    now_unix_s: float,
    needed: Callable[[JobParameters], Duration],
) -> str:
    """Judge a job by what the chain and the storage say of it, which is what counts."""
    if job.status is not JobStatus.REQUESTED:
        return f"it is {job.status.name.lower()} on the chain"
    try:
        parameters = parse_parameters(job.param)
        check_dataset_name(job.dataset)
    except JobError as error:
        return str(error)
    return judge(
        fee_wei=job.fee_wei,
        dataset_bytes=dataset_bytes,
        deadline_unix_s=job.deadline_unix_s,
        needed=needed(parameters),
        rules=rules,
        now_unix_s=now_unix_s,
    )
