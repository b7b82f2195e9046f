"""The master loop: keeps every worker busy and every job moving until it is asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import anyio

from emeth_tui.backoff import Backoff
from emeth_tui.engine import deliveries, rejections
from emeth_tui.engine.context import Context
from emeth_tui.engine.energy.meter import KEEP_EVERY_S
from emeth_tui.engine.estimates.lateness import Lateness
from emeth_tui.engine.gpus.reports import GpuReports
from emeth_tui.engine.hosts.hosts import LOOK_EVERY_S as HOSTS_EVERY_S
from emeth_tui.engine.hosts.hosts import Hosts
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.loops import Loops
from emeth_tui.engine.machine.sensors import Sensors
from emeth_tui.engine.market.market import Market
from emeth_tui.engine.market.model_readiness import RETRY_S
from emeth_tui.engine.market.net_floor import NetFloor
from emeth_tui.engine.market.orphans import Orphans
from emeth_tui.engine.market.policy import settle_sent
from emeth_tui.engine.money.ledger import Ledger
from emeth_tui.engine.money.rewards import Rewards
from emeth_tui.engine.money.settle import Hooks
from emeth_tui.engine.money.summary import RunAccount, Summary
from emeth_tui.engine.money.watch import NewsHooks, Watcher
from emeth_tui.engine.pauses import pauses
from emeth_tui.engine.pauses.rules import DeviceRules
from emeth_tui.engine.requester.node_requests import NodeRequests
from emeth_tui.engine.settings_editor import SettingChange, SettingsEditor
from emeth_tui.engine.state_keeper import COPY_EVERY_S, LOOK_EVERY_S, StateKeeper
from emeth_tui.engine.steps.job_tasks import JobTasks
from emeth_tui.engine.steps.pipeline import RETRIES
from emeth_tui.engine.steps.set_aside import SetAsideJobs
from emeth_tui.engine.steps.waiting import WaitingJobs
from emeth_tui.engine.view.records import NodeRecords
from emeth_tui.engine.view.series import SAMPLE_EVERY_S, SeriesRecorder
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.engine.view.snapshot_maker import SnapshotMaker
from emeth_tui.errors import EmethError, JobError, NetworkError, WorkerError
from emeth_tui.job import Job
from emeth_tui.model import OPERATOR, SECONDS_PER_DAY, Asker, JobId, JobState, ServiceName, Severity
from emeth_tui.notices.events import job as job_events
from emeth_tui.notices.events import node as events
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import market as why
from emeth_tui.notices.reasons.job import DeclineFailed, NotDeclinable, NotUnderWay
from emeth_tui.notices.reasons.pauses.by_hand import PausedUntil
from emeth_tui.notices.reasons.worker import WorkerNotRemovable
from emeth_tui.protocol.job_ids import short
from emeth_tui.settings import Settings
from emeth_tui.store.movements import Movement
from emeth_tui.workers.supervisor import DeviceStarted, PoolEvent, WorkerPool

FAILURES_UNTIL_PAUSE = 2  # rejected results in a row: something is wrong here, and each costs a deposit
SETTLE_AT_START_S = 8.0  # a job waits for whatever takes longer itself
READ_AT_END_S = 2.0
REMOVE_GRACE_S = 5.0
_BY_HAND = (PausedUntil, why.PausedByOperator, why.FinishingFirst)


class Node:
    """A running node. Front ends use `snapshot()`, `subscribe()` and the commands, nothing else."""

    attached_to = None  # a front end in this process is not attached to another

    def __init__(
        self,
        context: Context,
        leases: WorkerLeases,
        pool: WorkerPool,
        hosts: Hosts,
        settings_editor: SettingsEditor,
        *,
        exit_after_jobs: int | None = None,
        retry: Backoff = RETRIES,
    ) -> None:
        self._context = context
        self._leases, self._pool, self._hosts = leases, pool, hosts
        pool.subscribe(self._device_changed)
        self._settings_editor = settings_editor
        self._tasks = JobTasks(context, leases, retry, self._task_done)
        self._market = Market(
            context,
            workers=lambda: len(leases.usable),
            claims_wanted=exit_after_jobs,
            on_claim=self._tasks.start,
            net_floor=self._net_floor,
        )
        self._sensors = self._make_sensors()
        self._pauses = self._make_pauses()
        self._state = StateKeeper(context, self._market.pause)
        ledger = Ledger(context.chain, context.store, context.address)
        self._rewards = Rewards(context)
        self._series = SeriesRecorder()
        self.records = NodeRecords(context, settings_editor, self._series)
        self._orphans = Orphans(context, ledger, self._tasks.start, self._market.pause)
        self._watcher = Watcher(context, ledger, self._hooks(), self._news_hooks())
        self._snapshots = self._make_snapshots()
        self._account = RunAccount(context, ledger)
        self._set_aside = SetAsideJobs(context, self._market.pause)
        self._lateness = Lateness(context)
        self._waiting = WaitingJobs(context, leases, self._tasks)
        self._rejections = rejections.Rejections(context)
        self._deliveries = deliveries.Deliveries(context)
        self._requests = requests = NodeRequests(context, self._watcher.refresh)
        self.estimate_request, self.request_job = requests.estimate, requests.request
        self.cancel_request = requests.cancel
        self.fetch_result, self.compare_result = requests.fetch, requests.compare
        self._stop = asyncio.Event()
        self._watch_now = asyncio.Event()
        self._discover_now = asyncio.Event()
        self._models_now = asyncio.Event()
        self._failures_in_a_row = 0
        self._loops = Loops(context.events)
        self.subscribe = context.events.subscribe

    def _make_sensors(self) -> Sensors:
        sensors = Sensors(lambda: [worker.view for worker in self._leases.workers if not worker.host])
        sensors.subscribe(GpuReports(self._context.events).take)
        sensors.subscribe(self._context.energy.take)
        return sensors

    def _make_pauses(self) -> pauses.Pauses:
        context = self._context
        return pauses.Pauses(
            context,
            self._tasks,
            DeviceRules(lambda: context.settings.rules.hold, self._sensors, context.schedule.local),
            decline=self._decline_for_pause,
            end_claims_pause=self._end_claims_pause,
        )

    def _make_snapshots(self) -> SnapshotMaker:
        return SnapshotMaker(
            self._context,
            self._leases,
            self._market,
            self._rewards,
            self._watcher,
            self._pauses,
            self._series,
            self._sensors,
            self._hosts,
        )

    def _net_floor(self) -> NetFloor | None:
        return self._snapshots.net_floor()

    def _hooks(self) -> Hooks:
        return Hooks(
            ended=self._job_ended,
            stopped=self._tasks.stop,
            restarted=self._tasks.restart,
            deposits_kept=lambda: self._market.pause(why.DepositsKept()),
        )

    def _news_hooks(self) -> NewsHooks:
        return NewsHooks(
            foreign=self._market.pause,
            claimed=lambda ids: self._orphans.expect(ids, claimed_now=True),
            dropped=self._expect_undone,
        )

    def _expect_undone(self) -> None:
        """Look again at what ended lately: the chain has dropped blocks that were final."""
        since = self._context.clock.now_unix_s() - SECONDS_PER_DAY
        ended = self._context.store.jobs.ended_since(since)
        self._orphans.expect([job.job_id for job in ended], claimed_now=False)

    # -- running

    async def run(self) -> Summary:
        """Work until asked to stop, or until the requested number of jobs is verified; return the summary.

        Raise NetworkError when the chain does not answer at the start.
        """
        await self.catch_up()
        self._account.open(await self._watcher.refresh())
        await self._take_up_orphans()
        await self._pauses.look()  # no job begins on a device that is to be held
        await self._hosts.open(self._tasks)
        self._resume_open_jobs()
        start = self._loops.start
        loops = [
            start(self._pauses.look, lambda: pauses.LOOK_EVERY_S),
            start(self._state.look, lambda: LOOK_EVERY_S),
            start(self._context.energy.keep, lambda: KEEP_EVERY_S),
            start(self._state.keep_copy, lambda: COPY_EVERY_S, self._state.copy_now),
            start(self._watch, self._watch_interval_s, self._watch_now),
            start(self._withdraw, self._watch_interval_s),
            start(self._deliveries.look, lambda: deliveries.LOOK_EVERY_S),
            start(self._rejections.look, lambda: rejections.LOOK_EVERY_S, self._rejections.look_now),
            start(self._look_at_market, self._claim_interval_s, self._discover_now),
            start(self._look_after_models, lambda: RETRY_S, self._models_now),
            start(self._snapshots.sample, lambda: SAMPLE_EVERY_S),
            start(self._look_after_hosts, lambda: HOSTS_EVERY_S),
        ]
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([*loops, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._requests.close()
            await _cancel([*loops, stopping])
            await self._pause_tasks()
            await self._sensors.read_once_more(READ_AT_END_S)  # for what devices took since the last time
            await self._context.energy.close()
        for loop in loops:
            if not loop.cancelled() and (error := loop.exception()):
                raise error
        return await self._summary()

    def begin_to_stop(self, by: Asker) -> None:
        """Stop claiming, save every job, and let `run` return."""
        if not self._stop.is_set():
            self._context.events.publish(events.Stopping(by))
        self._stop.set()

    async def catch_up(self) -> None:
        """Settle what the last run sent and what ended while the node was down. Raise NetworkError."""
        with anyio.move_on_after(SETTLE_AT_START_S):
            await settle_sent(self._context)
        await self._watcher.tick()
        self._context.disk.files.delete_where(self._context.book.has_ended)

    def _resume_open_jobs(self) -> None:
        for job in self._context.book.open_jobs():
            has_work = job.state is not JobState.SUBMITTED and job.seen_end is None
            if has_work and not job.is_set_aside:
                if not job.is_left_alone:
                    self._context.events.publish(job_events.Resumed(job.state), job_id=job.job_id)
                self._tasks.start(job.job_id)  # one that was adopted just now has its task

    async def let_go(self) -> None:
        """Stop what a node at rest has begun nevertheless, because the chain undid a step of a job."""
        await self._tasks.cancel_all()

    async def _pause_tasks(self) -> None:
        """Stop every job's task; a worker in training has written a checkpoint when this returns."""
        await self._tasks.cancel_all()
        self._context.events.publish(events.Stopped())

    async def _look_at_market(self) -> None:
        self._look_after_set_aside()  # they may be a reason to take no more
        await self._market.look()

    def _look_after_set_aside(self) -> None:
        for job_id in self._set_aside.look():
            self._tasks.start(job_id)

    def _watch_interval_s(self) -> float:
        return self._context.network.poll_interval_s

    def _claim_interval_s(self) -> float:
        return self._context.claim_interval_s

    # -- the loops' work

    async def _watch(self) -> None:
        self._lateness.look()
        await self._waiting.look()
        self._look_after_set_aside()
        try:
            await self._watcher.tick()
            self._market.hold(self._watcher.disagreement)
            await self._take_up_orphans()
            view = self._watcher.view
            if view is not None:
                await self._rewards.look(view.share.slot)
        except NetworkError as error:
            self._chain_broken(error)
        if self._market.draining and not self._context.book.training_jobs():
            self._stop.set()
        if self._market.is_done:
            self._stop.set()

    async def _withdraw(self) -> None:
        """Withdraw by itself: apart from the watch, which goes on while that waits for blocks."""
        try:
            if self._context.settings.rewards.auto_withdraw:
                await self._rewards.withdraw_if_possible()
        except NetworkError as error:
            self._chain_broken(error)

    def _chain_broken(self, error: NetworkError) -> None:
        again_in_s = self._context.network.poll_interval_s
        self._context.health.broken(ServiceName.CHAIN, error, again_in_s=again_in_s)

    async def _take_up_orphans(self) -> None:
        if await self._orphans.look():
            await self._watcher.settle_now()

    async def _look_after_models(self) -> None:
        if await self._context.models.look():
            self._discover_now.set()

    async def _look_after_hosts(self) -> None:
        await self._hosts.look(self._tasks)

    def _device_changed(self, event: PoolEvent) -> None:
        if isinstance(event, DeviceStarted):
            self._discover_now.set()

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._watch_now.set()
        self._discover_now.set()
        if not task.cancelled() and (error := task.exception()):
            self._loops.report_internal_error(task.get_name(), error)

    def _job_ended(self, job: Job) -> None:
        self._account.note_ended(job)
        self._market.note_ended(job)
        # Until its task is done, its worker may still be writing there.
        self._tasks.end(job.job_id, then=self._clear_up)
        self._discover_now.set()
        if job.state is JobState.VERIFIED:
            self._set_aside.start_over()
        if job.state is JobState.FAILED:
            self._rejections.note(job.job_id)
        self._failures_in_a_row = self._failures_in_a_row + 1 if job.state is JobState.FAILED else 0
        if self._failures_in_a_row >= FAILURES_UNTIL_PAUSE:
            self._market.pause(why.ResultsRejected(self._failures_in_a_row))

    def _clear_up(self, job_id: JobId) -> None:
        self._context.disk.files.delete(job_id)
        self._context.storage.forget_upload(job_id)

    # -- for front ends

    @property
    def settings(self) -> Settings:
        """The settings in effect now; do not keep a reference."""
        return self._context.settings

    def snapshot(self) -> Snapshot:
        """Return a picture of the node as it is now."""
        return self._snapshots.make(stopping=self._stopping)

    @property
    def _stopping(self) -> str:
        if self._stop.is_set():
            return "stopping"
        return "draining" if self._market.draining else ""

    # -- commands: each leaves an event that says `by` whom

    async def pause_job(
        self, job_id: JobId, *, for_s: int | None = None, until: str = "", by: Asker = OPERATOR
    ) -> str:
        """Hold a job at its next step boundary, across restarts; return until when, "" for an open end.

        It goes on after `for_s`, or at a time of day; else when it is resumed. Raise JobError when it has
        ended or is submitted, or would miss its deadline; SettingsError for an invalid time of day.
        """
        job, end = self._open_job(job_id), self._context.schedule.pause_end(for_s, until)
        self._pauses.pause_job(job, end, by)
        return "" if end is None else self._context.schedule.local(end)

    async def resume_job(self, job_id: JobId, *, by: Asker = OPERATOR) -> None:
        """Let a held job go on; one that was set aside is tried once more. Raise JobError."""
        self._pauses.resume_job(self._open_job(job_id), by)

    async def pause_claims(self, *, for_s: int | None = None, until: str = "", by: Asker = OPERATOR) -> str:
        """Take no new jobs, across restarts, for a time or until `resume_claims`; return until when.

        Raise SettingsError for an invalid time of day.
        """
        end = self._context.schedule.pause_end(for_s, until)
        paused = self._market.paused
        # What only somebody may lift must not end by itself.
        if end is not None and (paused is None or isinstance(paused, _BY_HAND)):
            shown = self._context.schedule.local(end)
            self._market.pause(PausedUntil(round(end), shown, by))
            return shown
        if not isinstance(paused, why.PausedByOperator):
            self._market.pause(why.PausedByOperator(by))
        return ""

    async def resume_claims(self, *, by: Asker = OPERATOR) -> None:
        """Take new jobs again."""
        self._failures_in_a_row = 0
        self._set_aside.start_over()
        self._market.resume(by)
        self._discover_now.set()

    async def finish_then_pause(self, *, by: Asker = OPERATOR) -> None:
        """Let the jobs under way finish, and take no new ones until `resume_claims`."""
        if not isinstance(self._market.paused, why.FinishingFirst):
            self._market.pause(why.FinishingFirst(by))

    async def drain(self, *, by: Asker = OPERATOR) -> None:
        """Take no new jobs in this run, and end it when those under way are submitted."""
        self._market.drain(by)
        self._watch_now.set()

    async def drain_host(self, name: str, *, undo: bool = False, by: Asker = OPERATOR) -> None:
        """Let a host finish the jobs that it has and give it no new ones; with `undo`, give it jobs again.

        Raise HostError when there is no such host.
        """
        await self._hosts.drain(name, not undo, by)
        self._discover_now.set()

    async def request_stop(self, *, by: Asker = OPERATOR) -> None:
        """Begin to stop; the node has ended when `run` returns."""
        self.begin_to_stop(by)

    def add_device(self, device: str) -> None:
        """Train on another device as well, as soon as it has started."""
        self._leases.add(self._pool.add(device))

    async def remove_device(self, index: int) -> None:
        """Stop training on worker `index`; its job, if any, is saved and continues on another.

        Raise WorkerError when there is no such worker, or it is the last one.
        """
        worker = next((one for one in self._leases.workers if one.index == index), None)
        if worker is None or len(self._leases.workers) == 1:
            raise WorkerError(WorkerNotRemovable(index))
        job_id = self._leases.remove(worker)
        if job_id is not None and await self._tasks.cancel(job_id):
            self._tasks.start(job_id)
        await self._pool.remove(worker, REMOVE_GRACE_S)

    async def claim_job(self, job_id: JobId, *, by: Asker = OPERATOR) -> None:
        """Claim a job that the operator chose from the market; its outcome comes as events.

        Raise JobError with the reason when it cannot be claimed, NetworkError when a service does not answer.
        """
        if self._stop.is_set():
            raise JobError(why.NotClaimed(short(job_id), why.NodeStopping()))
        await self._market.claim_by_hand(job_id, by)

    async def _decline_for_pause(self, job_id: JobId) -> None:
        await self.decline_job(job_id, by=None)

    def _end_claims_pause(self) -> None:
        self._market.end_pause()
        self._discover_now.set()

    async def decline_job(self, job_id: JobId, *, by: Asker | None = OPERATOR) -> None:
        """Give a job back, which costs the decline penalty and frees the rest of its deposit.

        Raise JobError when the job cannot be declined (any more); its training then goes on.
        """
        job = self._open_job(job_id)
        if job.state in {JobState.CLAIMING, JobState.SUBMITTED} or job.seen_end is not None:
            raise JobError(NotDeclinable(short(job_id), job.seen_end or job.state))
        self._context.events.publish(job_events.Declining(by), job_id=job_id)
        was_at_work = await self._tasks.cancel(job_id)
        try:
            await self._context.transactions.decline(job_id)
        except EmethError as error:
            if was_at_work and job_id in self._context.book:
                self._tasks.start(job_id)
            raise JobError(DeclineFailed(short(job_id), error.reason)) from error
        await self._watcher.settle_now()

    async def withdraw(self, slots: Collection[int] = (), *, by: Asker = OPERATOR) -> int:
        """Withdraw the rewards of closed days, all or those chosen, and return the wei of EMT.

        Raise EmethError.
        """
        view = await self._watcher.refresh()
        await self._rewards.look(view.share.slot)
        return await self._rewards.withdraw(slots, by)

    async def change_setting(self, key: str, text: str, *, by: Asker = OPERATOR) -> Sequence[SettingChange]:
        """Write a setting to the settings file and apply it; "" restores the default.

        Raise SettingsError when the value is wrong, or the setting cannot change while the node runs.
        """
        return self._act_on(await self._settings_editor.change(key, text, by))

    async def reload_settings(self, *, by: Asker = OPERATOR) -> Sequence[SettingChange]:
        """Reload the settings file and apply what can change. Raise SettingsError, with nothing changed."""
        return self._act_on(await self._settings_editor.reload(by))

    def note_failed(self, command: str, reason: Reason, by: Asker) -> None:
        """Publish that a command was not carried out whose asker has gone."""
        self._context.events.publish(events.CommandFailed(command, reason, by))

    def note_screen(self, by: Asker, *, attached: bool) -> None:
        """Publish that a screen in another process has come or gone."""
        kind = events.ScreenAttached if attached else events.ScreenDetached
        self._context.events.publish(kind(by.user, by.pid or 0))

    def _act_on(self, changes: Sequence[SettingChange]) -> Sequence[SettingChange]:
        self._discover_now.set()
        self._models_now.set()
        return changes

    def _open_job(self, job_id: JobId) -> Job:
        if job_id not in self._context.book:
            raise JobError(NotUnderWay(short(job_id)))
        return self._context.book.get(job_id)

    async def _summary(self) -> Summary:
        view = self._watcher.view
        unread: Sequence[Movement] = ()
        # An unreachable chain must not delay the shutdown.
        with contextlib.suppress(NetworkError), anyio.move_on_after(READ_AT_END_S):
            newest = await self._watcher.refresh()
            view, unread = newest, await self._account.unread(newest)  # the one with the other, or neither
        with contextlib.suppress(NetworkError), anyio.move_on_after(READ_AT_END_S):
            await self._watcher.look_after_transactions()  # for what they cost
        assert view is not None  # noqa: S101 - `run` begins with reading one
        summary = self._account.summary(view, unread)
        severity = Severity.INFO if summary.adds_up else Severity.WARNING
        self._context.events.publish(summary.as_event(), severity=severity)
        return summary


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
