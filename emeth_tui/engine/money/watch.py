"""Watch the chain: its head, our transactions, how our jobs end, the day's share so far, the balances."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emeth_tui.clients.chain.client import Balances
from emeth_tui.clients.chain.contract_events import ChainEvent, PenaltyTaken, RewardCredited, StatusChanged
from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.engine.context import Context
from emeth_tui.engine.market.policy import is_wanted
from emeth_tui.engine.money.earnings import slot_of
from emeth_tui.engine.money.key_watch import KeyWatch
from emeth_tui.engine.money.ledger import Ledger
from emeth_tui.engine.money.settle import Hooks, Settler
from emeth_tui.engine.money.witnesses import Witnesses
from emeth_tui.model import Head, JobId, ServiceName
from emeth_tui.notices.events.node import EndpointChanged
from emeth_tui.notices.notice import Reason
from emeth_tui.protocol.contracts import JobStatus, SlotShare

logger = logging.getLogger(__name__)

FULL_READ_EVERY_S = 60.0  # events show changes at once; this catches any that were missed


@dataclass(frozen=True, slots=True)
class ChainView:
    """The chain as last read: its head, our balances, today's share."""

    head: Head
    balances: Balances
    share: SlotShare


@dataclass(frozen=True, slots=True)
class NewsHooks:
    """What the node does about what a look finds besides the ends of jobs. It shows once: so each is called
    as soon as it is known, and whatever fails in the rest of the look takes nothing back.
    """

    foreign: Callable[[Reason], None]  # another program uses the account
    claimed: Callable[[Sequence[JobId]], None]  # assigned to us, and not under way here
    dropped: Callable[[], None]  # a block that was final is no longer in the chain


class Watcher:
    """Reads the chain step by step, looks after our transactions, and settles the jobs that ended there."""

    def __init__(self, context: Context, ledger: Ledger, hooks: Hooks, news: NewsHooks) -> None:
        self._context = context
        self._ledger = ledger
        self._witnesses = Witnesses(context.chain)
        self._settler = Settler(context, ledger, self._witnesses, hooks)
        self._news = news
        self._key_watch = KeyWatch(context, news.foreign)
        self._last_full_read_s = -math.inf  # monotonic
        self._read_until: Head | None = None
        self._undone = 0  # transactions of ours
        self._is_touched = False  # what was read may have changed our jobs, and they are not looked at yet
        self._turn = asyncio.Lock()  # a command may ask for a look while one is under way
        self._endpoint = context.chain.rpc.where
        self.view: ChainView | None = None

    @property
    def disagreement(self) -> Reason | None:
        """What two endpoints contradict each other about, None while they do not."""
        return self._witnesses.disagreement

    async def tick(self) -> None:
        """Read what is new since the last tick, and act on it. Raise ChainUnreachable."""
        async with self._turn:
            await self._tick()

    async def _tick(self) -> None:
        context = self._context
        head = await context.chain.head()
        went_back = self._read_until is not None and head.number < self._read_until.number
        now_s = context.clock.monotonic_s()
        if went_back or self._witnesses.is_due(now_s):
            head = await self._witnesses.leave_one_that_lags(head, now_s)
        self._report_endpoint()
        context.clock.saw_block(head.timestamp_unix_s)
        self._key_watch.look(await self.look_after_transactions())
        await self._read_blocks(head)
        undone, self._undone = self._undone, context.transactions.undone
        self._is_touched |= undone != self._undone
        if (
            self._is_touched
            or self._settler.waits
            or self.view is None
            or self._is_due(self.view.head, head, now_s)
        ):
            await self._settler.look(head)
            self.view = await self._read_view(head)
            self._is_touched = False
            self._last_full_read_s = now_s
        else:
            self.view = ChainView(head, self.view.balances, self.view.share)
        context.health.works(ServiceName.CHAIN)

    def _report_endpoint(self) -> None:
        """Report that another endpoint is in use now, and why."""
        rpc = self._context.chain.rpc
        if rpc.where != self._endpoint and rpc.left_because is not None:
            self._context.events.publish(EndpointChanged(rpc.where, rpc.left_because))
        self._endpoint = rpc.where

    async def look_after_transactions(self) -> int:
        """Look after what is not final; return the chain's next nonce of the account. Raise NetworkError."""
        return await self._context.transactions.tend(lambda tx: is_wanted(self._context, tx))

    async def refresh(self) -> ChainView:
        """Read head, balances and share now, after a change of our own."""
        self.view = await self._read_view(await self._context.chain.head())
        return self.view

    async def settle_now(self) -> None:
        """See what has ended without waiting for the next tick, asking twice. Raise ChainUnreachable."""
        async with self._turn:
            for _word in range(2):
                head = await self._context.chain.head()
                await self._read_blocks(head)
                await self._settler.look(head)
            await self.refresh()
            self._is_touched = False

    def _is_due(self, before: Head, head: Head, now_s: float) -> bool:
        """Whether everything is to be read again: a while has passed, or a day has begun."""
        is_new_day = slot_of(before.timestamp_unix_s) != slot_of(head.timestamp_unix_s)
        return is_new_day or now_s - self._last_full_read_s >= FULL_READ_EVERY_S

    async def _read_blocks(self, head: Head) -> None:
        """Book what is final, and see to the events of the blocks that are not, or were not read yet."""
        if head == self._read_until:
            return
        final_block = max(0, head.number - self._context.network.confirmations + 1)
        before = self._ledger.block
        start = final_block if before is None else min(before, final_block)
        events = await self._context.chain.events(start + 1, head.number)
        self._is_touched |= before is None or any(self._concerns_us(event) for event in events)
        if claimed := self._claimed_by_us(events):
            self._news.claimed(claimed)
        await self._ledger.book_until(final_block, self._note_dropped)
        self._read_until = head

    def _note_dropped(self) -> None:
        self._is_touched = True
        self._news.dropped()

    def _concerns_us(self, event: ChainEvent) -> bool:
        if isinstance(event, StatusChanged):
            return event.job_id in self._context.book
        if isinstance(event, (RewardCredited, PenaltyTaken)):
            return self._context.is_us(event.node)
        return False

    def _claimed_by_us(self, events: Sequence[ChainEvent]) -> tuple[JobId, ...]:
        """Return the jobs that these events assign to our account, and that are not under way here."""
        return tuple(
            event.job_id
            for event in events
            if isinstance(event, StatusChanged)
            and event.status is JobStatus.PROCESSING
            and self._context.is_us(event.node)
            and event.job_id not in self._context.book
        )

    async def _read_view(self, head: Head) -> ChainView:
        chain, address = self._context.chain, self._context.address
        slot = await chain.current_slot()
        (share,) = await chain.slot_shares(address, [slot])
        try:
            balances = await chain.balances(address, head.number)  # what the movements until there explain
        except RpcRefusal as refusal:
            logger.info("no balances at block %d, so the newest: %s", head.number, refusal)
            balances = await chain.balances(address)
        return ChainView(head, balances, share)
