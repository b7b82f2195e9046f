"""Make snapshots: the state of the engine's parts, put together for a front end."""

from __future__ import annotations

import time

from emeth_tui.engine.context import Context
from emeth_tui.engine.disk import DiskMeter
from emeth_tui.engine.hosts.hosts import Hosts
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.machine.sensors import Sensors
from emeth_tui.engine.market.market import Market
from emeth_tui.engine.market.net_floor import NetFloor
from emeth_tui.engine.money.rewards import Rewards
from emeth_tui.engine.money.terms import at_risk_wei
from emeth_tui.engine.money.watch import Watcher
from emeth_tui.engine.pauses.pauses import Pauses
from emeth_tui.engine.view.series import SeriesRecorder
from emeth_tui.engine.view.snapshot import Deposits, Forecast, Snapshot, TodaysShare
from emeth_tui.job import Job
from emeth_tui.model import JobState
from emeth_tui.protocol.contracts import slot_end_unix_s

RECENT_TRANSACTIONS = 20  # their mean cost shows how many more the native balance pays for


class SnapshotMaker:
    """Reads the engine's parts, and changes none of them."""

    def __init__(
        self,
        context: Context,
        leases: WorkerLeases,
        market: Market,
        rewards: Rewards,
        watcher: Watcher,
        pauses: Pauses,
        series: SeriesRecorder,
        sensors: Sensors,
        hosts: Hosts,
    ) -> None:
        self._context = context
        self._leases = leases
        self._market = market
        self._rewards = rewards
        self._watcher = watcher
        self._pauses = pauses
        self._series = series
        self._hosts = hosts
        self._disk = DiskMeter(context.disk)
        self._sensors = sensors

    async def sample(self) -> None:
        """Take the moment into the devices' series, whether anyone looks or not."""
        workers = [worker.view for worker in self._leases.workers]
        self._series.sample(time.monotonic(), workers, self._sensors.latest().gpus)

    def make(self, *, stopping: str) -> Snapshot:
        """Return a picture of the node as it is now, with what the node alone knows."""
        context = self._context
        now = context.clock.now_unix_s()
        view = self._watcher.view
        ended_today = context.book.ended_today()
        sample = self._sensors.latest()
        return Snapshot(
            at_unix_s=now,
            network=context.network.name,
            chain_id=context.network.chain_id,
            native_symbol=context.network.native_symbol,
            address=context.address,
            head=view.head if view else None,
            rates=context.rates,
            workers=tuple(worker.view for worker in self._leases.workers),
            gpus=sample.gpus,
            jobs=tuple(context.book.open_jobs()),
            forecasts=tuple(self._forecast(job, now) for job in context.book.training_jobs()),
            ended_today=ended_today,
            offers=self._market.offers,
            listed=self._market.listed,
            deposits=self._deposits(ended_today),
            disk=self._disk.latest(context.book.open_jobs()),
            today=self._today(),
            claims_paused=self._market.paused,
            stopping=stopping,
            standstill=self._market.standstill,
            services=context.health.all(),
            events=context.events.recent(),
            held=self._pauses.held,
            coming=self._pauses.coming(),
            time_zone=context.schedule.zone_name,
            prices=context.settings.rewards.prices,
            machine=sample.machine,
            hosts=self._hosts.views,
            verification=context.network.verification,
            temporary_state=context.temporary_state,
        )

    def net_floor(self) -> NetFloor | None:
        """Return the owner's floor under what a job must leave, by the day as it is; None without one."""
        settings, least = self._context.settings, self._context.settings.claims.min_net
        if least is None:
            return None
        return NetFloor(
            least,
            settings.rewards.prices,
            self._context.rates,
            self._today(),
            self._native_per_transaction_wei(),
        )

    def _forecast(self, job: Job, now_unix_s: float) -> Forecast:
        left = self._context.forecasts.left(job)
        return Forecast(job.job_id, left, job.deadline_unix_s - now_unix_s - left.high_s)

    def _today(self) -> TodaysShare | None:
        view = self._watcher.view
        if view is None:
            return None
        return TodaysShare(
            view.share, slot_end_unix_s(view.share.slot), self._rewards.waiting, self._rewards.days
        )

    def _deposits(self, ended_today: tuple[Job, ...]) -> Deposits | None:
        view = self._watcher.view
        if view is None:
            return None
        limits = self._context.settings.limits
        return Deposits(
            free_wei=view.balances.emt_wei,
            locked_wei=self._context.book.locked_wei(),
            at_risk_wei=sum(at_risk_wei(self._context.rates, job) for job in self._context.book.open_jobs()),
            returned_today_wei=sum(
                job.deposit_wei for job in ended_today if job.state is JobState.VERIFIED and not job.lost_wei
            ),
            lost_today_wei=sum(job.lost_wei for job in ended_today),
            native_wei=view.balances.native_wei,
            native_per_transaction_wei=self._native_per_transaction_wei(),
            staked_limit_wei=limits.max_staked_wei,
            lost_limit_wei=limits.max_lost_wei,
        )

    def _native_per_transaction_wei(self) -> int:
        recent = self._context.store.journal.recent(RECENT_TRANSACTIONS)
        fees_wei = [tx.fee_wei for tx in recent if tx.fee_wei]
        return sum(fees_wei) // len(fees_wei) if fees_wei else 0
