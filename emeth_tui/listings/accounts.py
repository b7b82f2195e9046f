"""An account that is read from the chain alone, as a record for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.engine.money.earnings import days_of
from emeth_tui.listings import making, records
from emeth_tui.listings.texts import iso

if TYPE_CHECKING:
    from emeth_tui.watching.watch import AccountWatch


def account_record(watch: AccountWatch) -> records.AccountRecord:
    """Make the record of an account that has been read."""
    snapshot = watch.snapshot()
    head, deposits, today = snapshot.head, snapshot.deposits, snapshot.today
    assert head is not None  # noqa: S101 - it has been read, and so have they
    assert deposits is not None  # noqa: S101
    assert today is not None  # noqa: S101
    return records.AccountRecord(
        at=iso(snapshot.at_unix_s),
        network=snapshot.network,
        chain_id=snapshot.chain_id,
        address=snapshot.address,
        block=head.number,
        block_at=iso(head.timestamp_unix_s),
        oldest_block=watch.oldest_block,
        free_wei=str(deposits.free_wei),
        locked_wei=str(deposits.locked_wei),
        at_risk_wei=str(deposits.at_risk_wei),
        native_wei=str(deposits.native_wei),
        gas_today=today.share.own_gas,
        estimated_reward_wei=str(today.share.own_reward_wei),
        waiting_rewards_wei=str(sum(share.withdrawable_wei for share in today.waiting)),
        jobs=[making.job(job) for job in watch.jobs],
        days=[making.day(day) for day in days_of(watch.jobs, today.days, today.share)],
        events=[making.event(event) for event in watch.events],
    )
