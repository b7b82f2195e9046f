"""Whether a job chosen earlier should still be claimed, by the current rules and the current forecast."""

from __future__ import annotations

from emeth_tui.engine.context import Context
from emeth_tui.engine.market.rules import ClaimRules, judge
from emeth_tui.job import Job
from emeth_tui.model import JournaledTransaction
from emeth_tui.notices.notice import Reason


def rules_for(context: Context, job: Job) -> ClaimRules:
    """Return the rules under which a job was chosen; one that has been trained on is only to be in time."""
    return _rules(context).by_hand() if job.by_hand or job.epochs_done else _rules(context)


def margin_for(context: Context, job: Job) -> int:
    """Return the seconds before its deadline by which a job of ours is to be submitted, however far it is.

    The operator chose a job by hand without a margin.
    """
    return 0 if job.by_hand else _rules(context).safety_margin_s


def _rules(context: Context) -> ClaimRules:
    return ClaimRules.of(context.settings.claims, context.network, context.rates)


def claim_refusal(context: Context, job: Job) -> Reason | None:
    """Return why a job chosen earlier should no longer be claimed, None when it should."""
    if job.is_set_aside:
        return job.error
    return judge(
        fee_wei=job.fee_wei,
        dataset_bytes=job.dataset_bytes,
        deadline_unix_s=job.deadline_unix_s,
        needed=context.forecasts.left(job),
        rules=rules_for(context, job),
        now_unix_s=context.clock.now_unix_s(),
        language=job.language,
    )


async def settle_sent(context: Context, job: Job | None = None) -> None:
    """Wait for transactions signed earlier, a job's or all; rebroadcast the same bytes if necessary.

    One that the chain does not know is sent only if still useful: a claim only if its job can finish in time.
    """
    await context.transactions.settle_pending(
        job.job_id if job else None, wanted=lambda tx: is_wanted(context, tx)
    )


def is_wanted(context: Context, tx: JournaledTransaction) -> bool:
    """Whether a transaction that the chain does not know is worth sending again.

    A claim may be no longer, and a request is only while it is made (`RequestsUnderWay`).
    """
    known = None if tx.job_id is None else context.book.known(tx.job_id)
    if known is None or tx.purpose not in {"approve", "process"}:
        return context.requester.aim.wants(tx)
    return known.seen_end is None and claim_refusal(context, known) is None
