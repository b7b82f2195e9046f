"""The rewards of closed days: what can be withdrawn, and its withdrawal."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

from emeth_tui.engine.context import Context
from emeth_tui.errors import TransactionError
from emeth_tui.model import SECONDS_PER_DAY, Asker, JobState
from emeth_tui.notices.events.node import DayClosed, WithdrawFailed, Withdrawn
from emeth_tui.notices.reasons.network.transactions import NoRewardOfDay
from emeth_tui.protocol.contracts import SlotShare
from emeth_tui.store.key_values import DAYS_REPORTED

MOST_DAYS_REPORTED = 31  # of those that closed while the node was down
READ_AGAIN_EVERY_S = 60.0  # what waits: no log shows a withdrawal that was mined late, or by another program


class Rewards:
    """Finds and withdraws the rewards of closed slots."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._checked_slot: int | None = None
        self._read_at_s = 0.0  # monotonic
        self._failed_slot: int | None = None  # the day on which withdrawing by itself failed last
        self._waiting: tuple[SlotShare, ...] = ()
        self._days: tuple[SlotShare, ...] = ()
        self._turn = asyncio.Lock()

    @property
    def waiting(self) -> tuple[SlotShare, ...]:
        """The closed days whose reward has not been withdrawn yet."""
        return self._waiting

    @property
    def days(self) -> tuple[SlotShare, ...]:
        """Every closed day on which the account earned gas, oldest first."""
        return self._days

    async def look(self, current_slot: int) -> None:
        """Find closed slots that hold a reward for us; on the same day only what waits is read again.

        While a withdrawal is under way nothing is: what it is about to change is not read in between.
        """
        if self._turn.locked():
            return
        if current_slot == self._checked_slot:
            await self._look_again()
            return
        context = self._context
        closed = [slot for slot in await context.chain.node_slots(context.address) if slot < current_slot]
        shares = await context.chain.slot_shares(context.address, closed) if closed else []
        self._waiting = tuple(share for share in shares if share.own_balance)
        self._days = tuple(sorted(shares, key=lambda share: share.slot))
        self._checked_slot = current_slot
        self._read_at_s = context.clock.monotonic_s()
        self._report_closed_days(current_slot)

    async def _look_again(self) -> None:
        """See whether what waits has been withdrawn."""
        context, now_s = self._context, self._context.clock.monotonic_s()
        if not self._waiting or now_s - self._read_at_s < READ_AGAIN_EVERY_S:
            return
        slots = [share.slot for share in self._waiting]
        for share in await context.chain.slot_shares(context.address, slots):
            if not share.own_balance:
                self._note_withdrawn(share.slot)
        self._read_at_s = now_s

    def _report_closed_days(self, current_slot: int) -> None:
        """Publish each day's result that has not been: also of those that closed while the node was down."""
        key_values = self._context.store.key_values
        reported = int(key_values.get(DAYS_REPORTED) or current_slot)
        if reported > current_slot + 1:  # by an answer that was wrong: what lags is a day behind at most
            reported = current_slot
        for slot in range(max(reported, current_slot - MOST_DAYS_REPORTED), current_slot):
            self._report_day(slot)
        # An endpoint that lags may show the day before once more.
        key_values.set(DAYS_REPORTED, str(max(reported, current_slot)))

    def _report_day(self, slot: int) -> None:
        """Publish what a day brought, if there was anything."""
        share = next((share for share in self._days if share.slot == slot), SlotShare(slot, 0, 0, 0, 0))
        since = self._context.store.jobs.ended_since(slot * SECONDS_PER_DAY)
        ended = [job for job in since if (job.ended_at_unix_s or 0) < (slot + 1) * SECONDS_PER_DAY]
        if not ended and not share.own_gas:
            return
        self._context.events.publish(
            DayClosed(
                slot=slot,
                verified=sum(job.state is JobState.VERIFIED for job in ended),
                ended=len(ended),
                earned_wei=sum(job.earned_wei for job in ended),
                lost_wei=sum(job.lost_wei for job in ended),
                own_gas=share.own_gas,
                total_gas=share.total_gas,
                reward_wei=share.own_reward_wei,
            )
        )

    async def withdraw_if_possible(self) -> None:
        """Withdraw what is waiting. Publish a failure, and leave that day to the `withdraw` command.

        Raise NetworkError.
        """
        if not self._waiting or self._failed_slot == self._checked_slot:
            return
        try:
            await self.withdraw()
        except TransactionError as error:
            self._context.events.publish(WithdrawFailed(error.reason))
            self._failed_slot = self._checked_slot

    async def withdraw(self, slots: Collection[int] = (), by: Asker | None = None) -> int:
        """Withdraw waiting slots, all or those chosen, one transaction each; return the wei of EMT received.

        Raise TransactionError or NetworkError when one cannot be withdrawn; those before it are received.
        """
        async with self._turn:
            waiting = {share.slot for share in self._waiting}
            for slot in slots:
                if slot not in waiting:
                    raise TransactionError(NoRewardOfDay(slot))
            return await self._withdraw(slots or waiting, by)

    def _note_withdrawn(self, slot: int) -> None:
        self._waiting = tuple(share for share in self._waiting if share.slot != slot)
        self._days = tuple(
            replace(share, own_balance=0) if share.slot == slot else share for share in self._days
        )

    async def _withdraw(self, slots: Collection[int], by: Asker | None) -> int:
        total_wei = 0
        for share in [share for share in self._waiting if share.slot in slots]:
            before = await self._context.chain.balances(self._context.address)
            await self._context.transactions.withdraw(share.slot)
            after = await self._context.chain.balances(self._context.address)
            self._note_withdrawn(share.slot)
            total_wei += share.withdrawable_wei
            self._context.events.publish(
                Withdrawn(
                    slot=share.slot,
                    amount_wei=share.withdrawable_wei,
                    own_gas=share.own_gas,
                    total_gas=share.total_gas,
                    balance_before_wei=before.emt_wei,
                    balance_after_wei=after.emt_wei,
                    by=by,
                )
            )
        return total_wei
