"""Whether a deposit may be staked now: the owner's limits, the fees ahead, the workers, the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from emeth_tui.clients.chain.client import Balances
from emeth_tui.engine.context import Context
from emeth_tui.errors import TransactionError
from emeth_tui.job import Job
from emeth_tui.model import JobState
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import market as why
from emeth_tui.protocol.contracts import ChainJob, JobStatus

# With room to spare: measured with this project's contracts, 46,000, 193,000, 126,000 and 82,000 units.
GAS_OF: Mapping[str, int] = {"approve": 80_000, "process": 250_000, "submit": 200_000, "decline": 200_000}
PRICE_RESERVE = 3  # how many times the present price the balance must be able to pay
TRANSACTIONS_REMEMBERED = 200
_CLAIM = ("approve", "process")
_LATER = ("submit", "decline")


async def stake_refusal(context: Context, job: Job) -> Reason | None:
    """Return why no deposit may be staked on a job now, None when it may. Raise NetworkError."""
    return (
        over_staked(context, job.deposit_wei, _others(context, job))
        or context.clock.why_wrong()
        or await no_worker_answers(context, job)
        or no_host_is_ready(context, job)
        or await short_of_funds(context, job)
    )


def over_staked(context: Context, deposit_wei: int, others: Iterable[Job]) -> Reason | None:
    """Return that a deposit beside those of `others` is over the owner's limit of what is staked at once."""
    limit_wei, staked_wei = context.settings.limits.max_staked_wei, sum(job.deposit_wei for job in others)
    if limit_wei is None or staked_wei + deposit_wei <= limit_wei:
        return None
    return why.OverStakeLimit(deposit_wei, staked_wei, limit_wei)


async def no_worker_answers(context: Context, job: Job) -> Reason | None:
    """Return that no worker is there for a job; each that does not answer is started again."""
    if job.epochs_done:
        return None  # it had one, and a claim that the chain took back is worth repeating
    await context.leases.call_roll()
    kept = context.leases.place_of(job.job_id)
    if context.leases.free or context.leases.resting or (kept is not None and kept.usable):
        return None
    return why.NoWorkerAnswers()


def no_host_is_ready(context: Context, job: Job) -> Reason | None:
    """Return what a host lacks, where no worker but those of such hosts could take a job now.

    A job whose own worker's host has come to lack something gets another one.
    """
    leases = context.leases
    kept = leases.place_of(job.job_id)
    if job.epochs_done or (kept is not None and context.far.claim_refusal(kept, job) is None):
        return None
    refusals = {worker: context.far.claim_refusal(worker, job) for worker in (*leases.free, *leases.resting)}
    if None in refusals.values():
        if kept is not None:
            leases.release(job.job_id)
            context.forecasts.keep_worker(job)
        return None
    return context.far.claim_refusal(kept, job) if kept is not None else next(iter(refusals.values()), None)


async def short_of_funds(context: Context, job: Job) -> Reason | None:
    """Return what the account lacks for the deposit, or for all jobs' transactions. Raise NetworkError."""
    balances = await context.chain.balances(context.address)
    free_wei = balances.emt_wei - await _promised_wei(context, job)
    if free_wei < job.deposit_wei:
        return why.ShortOfEmt(job.deposit_wei, max(0, free_wei))
    return await _short_of_native(context, job, balances)


async def _promised_wei(context: Context, job: Job) -> int:
    """Return the deposits that other jobs' claims will take. Raise NetworkError.

    A claim that is in a block has taken its deposit, though its job's step may not have seen that yet.
    """
    claiming = [one for one in _others(context, job) if one.state is JobState.CLAIMING]
    records = await context.chain.jobs([one.job_id for one in claiming])
    return sum(one.deposit_wei for one in claiming if _is_requested(records.get(one.job_id)))


def _is_requested(record: ChainJob | None) -> bool:
    return record is None or record.status is JobStatus.REQUESTED


async def _short_of_native(context: Context, job: Job, balances: Balances) -> Reason | None:
    limits, symbol = context.settings.limits, context.network.native_symbol
    if balances.native_wei < limits.min_native_wei:
        return why.UnderNativeLimit(balances.native_wei, limits.min_native_wei, symbol)
    try:
        price_wei = (await context.transactions.gas_price()).max_wei
    except TransactionError as error:
        return error.reason
    gas_of = _gas_of(context)
    job_wei = price_wei * sum(gas_of[act] for act in (*_CLAIM, *_LATER))
    if job_wei > limits.max_job_fee_wei:
        return why.JobOverFeeLimit(job_wei, limits.max_job_fee_wei, price_wei / 1e9, symbol)
    jobs = [*_others(context, job), job]
    needed_wei = PRICE_RESERVE * price_wei * sum(gas_of[act] for one in jobs for act in _ahead(one.state))
    if balances.native_wei < needed_wei:
        price_gwei, held_wei = price_wei / 1e9, balances.native_wei
        return why.ShortOfNative(needed_wei, held_wei, len(jobs), PRICE_RESERVE, price_gwei, symbol)
    return None


def _ahead(state: JobState) -> Iterable[str]:
    """Return the transactions that a job in a state may still need."""
    if state is JobState.CLAIMING:
        return (*_CLAIM, *_LATER)
    return () if state is JobState.SUBMITTED else _LATER


def _gas_of(context: Context) -> dict[str, int]:
    """Return the gas to allow for each act: ours, or more where the contract was seen to take more."""
    gas = dict(GAS_OF)
    for tx in context.store.journal.recent(TRANSACTIONS_REMEMBERED):
        if tx.purpose in gas:
            gas[tx.purpose] = max(gas[tx.purpose], tx.gas_used or 0)
    return gas


def _others(context: Context, job: Job) -> list[Job]:
    return [one for one in context.book.open_jobs() if one.job_id != job.job_id]
