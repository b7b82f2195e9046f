"""Reads an account from its chain: balances, shares, rewards, and the jobs that its history names."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emeth_tui.clients.chain.client import Balances, ChainClient
from emeth_tui.engine.money.ledger import is_same_account
from emeth_tui.engine.money.settle import ENDS
from emeth_tui.job import Job
from emeth_tui.model import Head, JobId, JobState
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.watching import TakenBack
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, ChainJob, JobStatus, Rates, SlotShare
from emeth_tui.settings import Network
from emeth_tui.watching.history import History
from emeth_tui.watching.jobs import Past, events_of, jobs_of

FULL_READ_EVERY_S = 60.0  # of what logs do not show, such as a withdrawal
MOST_READ = 1_000  # records of jobs read at a time, the newest first
MOST_TAKEN_BACK = 100  # events kept of what a reorganisation undid

_STATES = {JobStatus.PROCESSING: JobState.CLAIMED, JobStatus.SUBMITTED: JobState.SUBMITTED, **ENDS}
_Step = tuple[JobId, JobStatus]  # a job takes each once


@dataclass(frozen=True, slots=True)
class Money:
    """What the account holds, and its shares of days; `days` are closed, `waiting` those not withdrawn."""

    balances: Balances
    share: SlotShare
    waiting: tuple[SlotShare, ...]
    days: tuple[SlotShare, ...]


class AccountReader:
    """What has been read of an account so far. Each `look` reads a bounded piece of what is missing."""

    def __init__(
        self,
        network: Network,
        address: str,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.network = network
        self.address = address
        self.chain: ChainClient | None = None
        self.head: Head | None = None
        self.rates: Rates = ROUND_3_2_RATES
        self.money: Money | None = None
        self.jobs: Sequence[Job] = ()  # the newest claim first
        self.events: Sequence[Event] = ()  # oldest first
        self.history: History | None = None
        self._now = now
        self._monotonic = monotonic
        self._read_in_full_at: float | None = None
        self._lagged = False
        self._records: dict[JobId, ChainJob] = {}
        self._settled: set[JobId] = set()
        self._steps: frozenset[_Step] = frozenset()
        self._was_current = False
        self._drops = 0
        self._taken_back: deque[Event] = deque(maxlen=MOST_TAKEN_BACK)

    @property
    def is_complete(self) -> bool:
        """Whether everything has been read, up to the newest block."""
        return self.history is not None and self.history.is_complete and self.money is not None

    async def close(self) -> None:
        """Close the connections."""
        if self.chain is not None:
            await self.chain.close()

    async def look(self) -> None:
        """Read what is new, and a piece of what is old.

        Raise WrongChain or ContractMissing where this is no such network, else NetworkError.
        """
        chain = self.chain or await self._connect()
        history = self.history = self.history or History(chain, self.address)
        head = await chain.head()
        if self._is_behind(head):
            return
        is_due = self._is_due()
        is_new = head != self.head
        if is_new or is_due:
            await history.follow(head)
        if not history.is_complete:
            await history.go_back()
        await self._read_records(chain, history, all_open=is_due)
        if is_new or is_due or self.money is None:
            self.money = await self._read_money(chain, is_due=is_due)
        self.head = head
        if is_due:
            self._read_in_full_at = self._monotonic()
        self._make(history)

    async def _connect(self) -> ChainClient:
        chain = await ChainClient.connect(self.network)
        try:
            self.rates = await chain.rates()
        except BaseException:
            await chain.close()
            raise
        self.chain = chain
        return chain

    def _is_due(self) -> bool:
        at = self._read_in_full_at
        return at is None or self._monotonic() - at >= FULL_READ_EVERY_S

    def _is_behind(self, head: Head) -> bool:
        """Whether a block is older than the one before: an endpoint that lags is believed the second time."""
        behind = self.head is not None and head.number < self.head.number
        self._lagged = behind and not self._lagged
        return self._lagged

    async def _read_records(self, chain: ChainClient, history: History, *, all_open: bool) -> None:
        """Read the records of jobs that are new or took a step, or of all that are open."""
        changes = history.changes()
        steps = frozenset((one.event.job_id, one.event.status) for one in changes)
        if history.drops != self._drops:
            self._drops = history.drops
            self._settled.clear()
        moved = {job_id for job_id, _status in steps ^ self._steps}
        newest_first = dict.fromkeys(change.event.job_id for change in reversed(changes))
        wanted = [
            job_id for job_id in newest_first if job_id not in self._settled and (all_open or job_id in moved)
        ][:MOST_READ]
        found = await chain.jobs(wanted) if wanted else {}
        for job_id in (*wanted, *(moved - newest_first.keys())):
            record = found.get(job_id)
            if record is not None and is_same_account(record.node, self.address):
                self._records[job_id] = record
            else:
                self._records.pop(job_id, None)
        self._note_taken_back(history, steps)
        self._steps = steps

    def _note_taken_back(self, history: History, steps: frozenset[_Step]) -> None:
        if self._was_current and history.is_current:
            for job_id, status in sorted(self._steps - steps):
                if status in _STATES:
                    body = TakenBack(_STATES[status])
                    self._taken_back.append(Event(self._now(), body.severity, body, job_id))
        self._was_current = history.is_current

    async def _read_money(self, chain: ChainClient, *, is_due: bool) -> Money:
        slot = await chain.current_slot()
        (share,) = await chain.slot_shares(self.address, [slot])
        balances = await chain.balances(self.address)
        known = self.money
        if known is None or known.share.slot != slot:
            closed = [one for one in await chain.node_slots(self.address) if one < slot]
            days = await chain.slot_shares(self.address, closed) if closed else []
        elif is_due and known.waiting:
            again = await chain.slot_shares(self.address, [one.slot for one in known.waiting])
            days = [*{one.slot: one for one in (*known.days, *again)}.values()]
        else:
            days = list(known.days)
        days.sort(key=lambda one: one.slot)
        return Money(balances, share, tuple(one for one in days if one.own_balance), tuple(days))

    def _make(self, history: History) -> None:
        past = Past(self.rates, self.network, history.final_block, history.changes(), history.movements())
        self.jobs = jobs_of(self._records.values(), past)
        self._settled = {job.job_id for job in self.jobs if job.state.is_final}
        happened = [*events_of(self.jobs, past), *self._taken_back]
        self.events = sorted(happened, key=lambda event: event.at_unix_s)
