"""Shows an account to a front end as a node is shown, from its chain alone (`tui.node_front.NodeFront`)."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from emeth_tui.engine.clock import ChainClock
from emeth_tui.engine.disk import DiskUsage
from emeth_tui.engine.events import RECENT_EVENTS, Subscription
from emeth_tui.engine.market.standstill import StandstillClock
from emeth_tui.engine.money.earnings import slot_of
from emeth_tui.engine.money.terms import at_risk_wei
from emeth_tui.engine.service_health import ServiceStatus
from emeth_tui.engine.view.snapshot import Deposits, Snapshot, TodaysShare
from emeth_tui.errors import ContractMissing, NetworkError, WrongChain
from emeth_tui.job import Job
from emeth_tui.model import JobState, ServiceName
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.node import ServiceLost, ServiceRestored
from emeth_tui.notices.notice import EventBody, Reason
from emeth_tui.notices.reasons.network.watching import HistoryCut, ReadingBack
from emeth_tui.protocol.contracts import slot_end_unix_s
from emeth_tui.settings import Network
from emeth_tui.watching.account import AccountReader
from emeth_tui.watching.no_commands import NoCommands
from emeth_tui.watching.records import AccountRecords

PAUSE_S = 0.05  # between two pieces of the past: an endpoint serves others as well
RETRY_S = 5.0
NO_DISK = DiskUsage(0, 0, 0, 0, ())


class AccountWatch(NoCommands):
    """An account of a network; `run` reads it again and again."""

    def __init__(self, network: Network, address: str) -> None:
        self._clock = ChainClock()
        self._reader = AccountReader(network, address, now=self._clock.now_unix_s)
        self._standstill = StandstillClock(self._clock.now_unix_s)
        self._service = ServiceStatus(ServiceName.CHAIN)
        self._streams: list[Subscription] = []
        self._announced: set[tuple[object, ...]] | None = None  # None before the past has been read
        self.records = AccountRecords(self._reader)
        self.attached_to = None

    async def run(self) -> NoReturn:
        """Read the chain until cancelled. Raise WrongChain or ContractMissing where it is another network."""
        try:
            while True:
                await self._look_and_rest()
        finally:
            await self.close()

    async def read_all(self) -> None:
        """Read the whole account, however long its past is. Raise NetworkError."""
        while not self._reader.is_complete:
            await self._reader.look()
        self._announce()

    async def close(self) -> None:
        """Close the connections."""
        await self._reader.close()

    async def _look_and_rest(self) -> None:
        await asyncio.sleep(await self.look())

    async def look(self) -> float:
        """Read what is new; return how long to wait before the next look, in seconds.

        Raise WrongChain or ContractMissing where it is another network.
        """
        try:
            await self._reader.look()
        except (WrongChain, ContractMissing):
            raise
        except NetworkError as error:
            self._note_trouble(error.reason)
            return RETRY_S
        self._note_answer()
        if self._reader.head is not None:
            self._clock.saw_block(self._reader.head.timestamp_unix_s)
        if not self._reader.is_complete:
            return PAUSE_S
        self._announce()
        return self._reader.network.poll_interval_s

    def _note_trouble(self, reason: Reason) -> None:
        now = self._clock.now_unix_s()
        since = self._service.broken_since_unix_s
        if since is None:
            self._offer(now, ServiceLost(ServiceName.CHAIN, reason))
        self._service = ServiceStatus(ServiceName.CHAIN, since or now, reason, now + RETRY_S)

    def _note_answer(self) -> None:
        now, since = self._clock.now_unix_s(), self._service.broken_since_unix_s
        if since is not None:
            self._offer(now, ServiceRestored(ServiceName.CHAIN, round(now - since)))
        self._service = ServiceStatus(ServiceName.CHAIN)

    def _offer(self, now_unix_s: float, body: EventBody) -> None:
        for stream in self._streams:
            stream.offer_event(Event(now_unix_s, body.severity, body, None))

    def _announce(self) -> None:
        """Pass on what happened since the whole past had been read."""
        happened = {(one.job_id, one.kind, one.at_unix_s): one for one in self._reader.events}
        if self._announced is not None:
            for key, event in happened.items():
                if key not in self._announced:
                    for stream in self._streams:
                        stream.offer_event(event)
        self._announced = set(happened)

    # ---- what a front end asks

    def subscribe(self) -> Subscription:
        """Return a stream of what happens once the past has been read."""
        stream = Subscription(self._streams.remove)
        self._streams.append(stream)
        return stream

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened to the account's jobs, oldest first."""
        return tuple(self._reader.events)

    @property
    def oldest_block(self) -> int:
        """The oldest block that has been read; 0 before the first."""
        return 0 if self._reader.history is None else self._reader.history.oldest_block

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job of the account that has been read, the newest claim first."""
        return tuple(self._reader.jobs)

    def snapshot(self) -> Snapshot:
        """Return what is known of the account now."""
        reader, network, now = self._reader, self._reader.network, self._clock.now_unix_s()
        open_jobs = tuple(job for job in reader.jobs if not job.state.is_final)
        ended_today = tuple(job for job in reader.jobs if _ended_today(job, now))
        return Snapshot(
            at_unix_s=now,
            network=network.name,
            chain_id=network.chain_id,
            native_symbol=network.native_symbol,
            address=reader.address,
            head=reader.head,
            rates=reader.rates,
            workers=(),
            gpus=(),
            jobs=open_jobs,
            forecasts=(),
            ended_today=ended_today,
            offers=(),
            listed=0,
            deposits=self._deposits(open_jobs, ended_today),
            disk=NO_DISK,
            today=self._today(),
            claims_paused=None,
            stopping="",
            standstill=self._standstill.note(self._what_is_missing()),
            services=(self._service,),
            events=tuple(reader.events[-RECENT_EVENTS:]),
            verification=network.verification,
            from_chain_alone=True,
        )

    def _what_is_missing(self) -> Reason | None:
        history = self._reader.history
        if history is None or self._reader.head is None:
            return None
        if history.is_cut:
            return HistoryCut(history.oldest_block)
        if not history.is_complete:
            return ReadingBack(history.oldest_block, self._reader.network.first_block)
        return None

    def _today(self) -> TodaysShare | None:
        money = self._reader.money
        if money is None:
            return None
        return TodaysShare(money.share, slot_end_unix_s(money.share.slot), money.waiting, money.days)

    def _deposits(self, open_jobs: tuple[Job, ...], ended_today: tuple[Job, ...]) -> Deposits | None:
        money = self._reader.money
        if money is None:
            return None
        locked = [job for job in open_jobs if job.seen_end is None]
        return Deposits(
            free_wei=money.balances.emt_wei,
            locked_wei=sum(job.deposit_wei for job in locked),
            at_risk_wei=sum(at_risk_wei(self._reader.rates, job) for job in locked),
            returned_today_wei=sum(
                job.deposit_wei for job in ended_today if job.state is JobState.VERIFIED and not job.lost_wei
            ),
            lost_today_wei=sum(job.lost_wei for job in ended_today),
            native_wei=money.balances.native_wei,
            native_per_transaction_wei=0,
        )


def _ended_today(job: Job, now_unix_s: float) -> bool:
    return job.ended_at_unix_s is not None and slot_of(job.ended_at_unix_s) == slot_of(now_unix_s)
