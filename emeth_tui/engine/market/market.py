"""The market: which jobs are on offer, which of them we claim, and why a worker is idle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from emeth_tui.engine.context import Context
from emeth_tui.engine.cooperation.sharing import workers_wanted
from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.engine.market.findings import LOOKED_INTO_AT_ONCE, Findings
from emeth_tui.engine.market.listing import Listing
from emeth_tui.engine.market.losses import LossLimit
from emeth_tui.engine.market.net_floor import NetFloor
from emeth_tui.engine.market.prepare import Refusal, prepare_claim
from emeth_tui.engine.market.rules import ClaimRules, Offer, judge_listed
from emeth_tui.engine.market.stake import over_staked
from emeth_tui.engine.market.standstill import Standstill, StandstillClock
from emeth_tui.errors import InfoServerError, JobError, NetworkError, StorageError
from emeth_tui.job import Job
from emeth_tui.model import Asker, JobId, JobState, ServiceName
from emeth_tui.notices.events import market as events
from emeth_tui.notices.events.node import Draining
from emeth_tui.notices.notice import Reason, alike
from emeth_tui.notices.reasons import market as why
from emeth_tui.notices.reasons.pauses.hours import ClaimingHoursOver
from emeth_tui.protocol.info_api import ListedJob
from emeth_tui.protocol.job_ids import short
from emeth_tui.protocol.parameters import check_dataset_name, parse_parameters
from emeth_tui.store import key_values

# These hold at the moment, whatever the last look at the market found.
_KNOWN_AT_ONCE = (
    why.ClaimsDisabled,
    why.NodeDraining,
    why.ClaimingPaused,
    ClaimingHoursOver,
    why.WorkersBusy,
    why.DevicesHeld,
    why.NoWorkerAnswers,
    why.WantedJobsUnderWay,
)


T = TypeVar("T")
JUDGED_AT_ONCE = 25  # the event loop is for others as well


def no_floor() -> NetFloor | None:
    """Ask of no job that it leaves anything."""
    return None


class Market:
    """Looks for jobs and claims them. `on_claim` is called for each job added to the book."""

    def __init__(
        self,
        context: Context,
        *,
        workers: Callable[[], int],
        claims_wanted: int | None,
        on_claim: Callable[[JobId], None],
        net_floor: Callable[[], NetFloor | None] = no_floor,
    ) -> None:
        self._context = context
        self._workers = workers
        self._claims_wanted = claims_wanted
        self._on_claim = on_claim
        self._net_floor = net_floor
        self._verified = 0
        self._offers: tuple[Offer, ...] = ()
        self._listed = 0
        self._idle_reason: Reason | None = None
        self._told: list[Reason] = []  # why nothing is claimed, as an event of this run has said
        self._standstill = StandstillClock(context.clock.now_unix_s)
        self._held: Reason | None = None
        self._draining = False  # unlike a pause, for this run only
        self._findings = Findings(context)
        self._losses = LossLimit(context, pause=self.pause, resume=self._go_on)
        self._turn = asyncio.Lock()  # one job at a time: each is checked against what the last one took

    async def look(self) -> None:
        """Read the info server's list and claim a job for every free worker."""
        context = self._context
        self._losses.look(self.paused)
        try:
            listing = await self._read_list()
            context.health.works(ServiceName.INFO_SERVER)
        except InfoServerError as error:
            context.health.broken(ServiceName.INFO_SERVER, error, again_in_s=context.claim_interval_s)
            self._stand_idle(why.ServiceDown(ServiceName.INFO_SERVER))
            return
        best = listing.best()
        offers = await self._judge(best)
        self._listed = listing.total - (len(best) - len(offers))
        self._offers = await self._with_findings(offers)
        self._stand_idle(self._why_no_claims() or await self._claim_from(offers))
        self._offers = await self._with_findings(offers)

    def pause(self, reason: Reason) -> None:
        """Take no new jobs, across restarts, until `resume`."""
        self._context.store.key_values.set_reason(key_values.CLAIMS_PAUSED, reason)
        self._context.store.key_values.set(key_values.CLAIMS_PAUSED_AT, f"{self._context.clock.now_unix_s()}")
        self._told = [why.ClaimingPaused(reason)]
        self._context.events.publish(events.ClaimsPaused(reason))

    def hold(self, reason: Reason | None) -> None:
        """Take no new jobs while there is a reason, which passes by itself."""
        if reason is not None and reason != self._held:
            self._told = [why.ClaimingPaused(reason)]
            self._context.events.publish(events.ClaimsHeld(reason))
        self._held = reason

    def drain(self, by: Asker) -> None:
        """Take no new jobs in this run."""
        if not self._draining:
            self._draining = True
            self._told = [why.NodeDraining()]
            self._context.events.publish(Draining(by))

    def note_ended(self, job: Job) -> None:
        """Count a job that has ended: enough of them verified end the run."""
        self._verified += job.state is JobState.VERIFIED

    @property
    def draining(self) -> bool:
        return self._draining

    @property
    def is_done(self) -> bool:
        """Whether the requested number of jobs has been verified in this run."""
        return self._claims_wanted is not None and self._verified >= self._claims_wanted

    @property
    def offers(self) -> tuple[Offer, ...]:
        """The best offers of the last poll, judged, the best paid first."""
        return self._offers

    @property
    def listed(self) -> int:
        """How many jobs that are not ours the last poll listed; the offers are the best of them."""
        return self._listed

    @property
    def standstill(self) -> Standstill | None:
        """Why nothing is claimed now, None while a free worker waits for what the next look finds."""
        found = None if isinstance(self._idle_reason, _KNOWN_AT_ONCE) else self._idle_reason
        reason, paused = self._why_no_claims() or found, self.paused
        if paused is None or reason != why.ClaimingPaused(paused):
            return self._standstill.note(reason)
        paused_at = self._context.store.key_values.get(key_values.CLAIMS_PAUSED_AT)
        return self._standstill.note(reason, float(paused_at) if paused_at else None)

    def resume(self, by: Asker) -> None:
        """Take new jobs again, whatever the day has cost so far."""
        self._losses.accept()
        if self.paused is not None:
            self._go_on(by)

    def end_pause(self) -> None:
        """Take new jobs again, because the time is over for which claiming was paused."""
        self._go_on()

    def _go_on(self, by: Asker | None = None) -> None:
        self._context.store.key_values.set_reason(key_values.CLAIMS_PAUSED, None)
        disabled = None if self._context.settings.claims.enabled else why.ClaimsDisabled()
        body = events.PauseLifted(disabled, by) if disabled else events.ClaimsResumed(by)
        self._context.events.publish(body)

    @property
    def paused(self) -> Reason | None:
        """Why claiming is paused, None when it is not."""
        return self._context.store.key_values.get_reason(key_values.CLAIMS_PAUSED)

    @property
    def _rules(self) -> ClaimRules:
        context = self._context
        return ClaimRules.of(context.settings.claims, context.network, context.rates, self._net_floor())

    def _needed(self, job: ListedJob) -> Duration:
        context = self._context
        return context.forecasts.listed(
            job.dataset_bytes, job.param, context.model_for, context.batch_size_for
        )

    def _why_not_as_listed(self, job: ListedJob) -> Reason | None:
        """Return why parameters, model or the owner's limit rule a job out, if its listing shows that."""
        try:
            check_dataset_name(job.dataset)
            if job.param is None:
                return None
            language = parse_parameters(job.param).language
        except JobError as error:
            return error.reason
        context = self._context
        no_model = context.models.refusal(context.model_for(language))
        deposit_wei = context.rates.deposit_wei(job.fee_wei)
        return no_model or over_staked(context, deposit_wei, context.book.open_jobs())

    async def _read_list(self) -> Listing:
        """Read the info server's list; remember what is known of its jobs, and forget it of others."""
        listing = Listing(self._rules, self._context.clock.now_unix_s(), self._findings.wanting)
        with self._findings.forgetting_unlisted() as still_listed:
            async for entries in self._context.info.requested_jobs():
                listing.take(entries)
                still_listed(entries)
        return listing

    async def _judge(self, jobs: Iterable[ListedJob]) -> list[Offer]:
        """Judge the listed jobs that are not ours, by what the list says of them."""
        rules, now_unix_s = self._rules, self._context.clock.now_unix_s()
        open_to_us = [job for job in jobs if self._what_became_of(job.job_id) is None]
        offers: list[Offer] = []
        for some in _in_turns(open_to_us):
            offers += [
                replace(offer, refusal=offer.refusal or self._why_not_as_listed(offer.job))
                for offer in judge_listed(some, rules, now_unix_s, self._needed)
            ]
            await asyncio.sleep(0)
        return offers

    async def _with_findings(self, offers: Sequence[Offer]) -> tuple[Offer, ...]:
        """Return the offers that are not ours by now, with what has been found out about them."""
        refusal, rules = self._findings.refusal, self._rules
        judged: list[Offer] = []
        for some in _in_turns(offers):
            judged += [
                offer if offer.refusal else replace(offer, refusal=refusal(offer.job.job_id, rules))
                for offer in some
                if offer.job.job_id not in self._context.book
            ]
            await asyncio.sleep(0)
        return tuple(judged)

    def _stand_idle(self, reason: Reason | None) -> None:
        """Record why no job was taken; publish it once, and not again when only its numbers change."""
        quiet = reason is None or isinstance(reason, why.WorkersBusy) or reason in self._told
        if reason is not None and not quiet and not alike(reason, self._idle_reason):
            self._context.events.publish(events.Idle(reason))
        self._idle_reason = reason

    async def _claim_from(self, offers: Sequence[Offer]) -> Reason | None:
        """Claim the best offers, one at a time; return why workers stay free, None when none does."""
        unseen = self._findings.to_look_into(offer.job for offer in offers if not offer.refusal)
        reason: Reason = why.NoOffers()
        for offer in offers:
            refusal = await self._try_offer(offer, unseen)
            if nothing_more := self._why_no_claims():
                return nothing_more
            if refusal is None:
                continue
            reason = why.NoneTaken(self._listed, refusal.reason)
            if refusal.concerns_node:
                break
        return reason

    async def _try_offer(self, offer: Offer, unseen: list[ListedJob]) -> Refusal | None:
        """Claim an offer, after looking into it and the next ones if it is `unseen`."""
        job_id = offer.job.job_id
        if unseen[:1] == [offer.job]:
            batch, unseen[:LOOKED_INTO_AT_ONCE] = unseen[:LOOKED_INTO_AT_ONCE], []
            try:
                await self._findings.look_into(batch, self._rules)
            except NetworkError as error:
                return self._service_down(error)
        if reason := offer.refusal or self._findings.refusal(job_id, self._rules):
            return Refusal(reason)
        if not self._findings.knows(job_id):
            return None  # one look goes into so many and no more
        refusal = await self._try_claim(job_id)
        if refusal is not None and not refusal.concerns_node:
            self._findings.forget(job_id)  # it has changed since
        return refusal

    async def claim_by_hand(self, job_id: JobId, by: Asker) -> None:
        """Claim a job that the operator chose, even while claiming is paused or switched off.

        The operator may override the rules on fee, size and safety margin, but not what would surely lose
        the deposit. Raise JobError with the reason, NetworkError when the job cannot be confirmed now.
        """
        async with self._turn:
            refusal = self._why_not_by_hand(job_id) or await self._try_by_hand(job_id, by)
        if refusal:
            raise JobError(why.NotClaimed(short(job_id), refusal))

    async def _try_by_hand(self, job_id: JobId, by: Asker) -> Reason | None:
        rules, why_not = self._rules.by_hand(), lambda: self._why_not_by_hand(job_id)
        outcome = await prepare_claim(self._context, job_id, rules, why_not, by_hand=True)
        if isinstance(outcome, Refusal):
            return outcome.reason
        self._context.events.publish(events.Chosen(by), job_id=job_id)
        self._offers = tuple(offer for offer in self._offers if offer.job.job_id != job_id)
        self._on_claim(job_id)
        return None

    def _why_not_by_hand(self, job_id: JobId) -> Reason | None:
        if (state := self._what_became_of(job_id)) is not None:
            return why.KnownAlready(state)
        if self._draining:
            return why.NodeDraining()
        return self._no_worker_free()

    def _what_became_of(self, job_id: JobId) -> JobState | None:
        """Return the state of a job that was ever ours, None for others.

        One that was given up before a claim was signed is as any other: the reason may have passed.
        """
        known = self._context.book.known(job_id)
        if known is None:
            return None
        if known.state is JobState.LOST and not self._context.transactions.has_signed_claim(job_id):
            return None
        return known.state

    async def _try_claim(self, job_id: JobId) -> Refusal | None:
        async with self._turn:
            if self._what_became_of(job_id) is not None or self._why_no_claims():
                return Refusal(why.OperatorWasFaster())
            return await self._confirm_and_claim(job_id)

    async def _confirm_and_claim(self, job_id: JobId) -> Refusal | None:
        try:
            outcome = await prepare_claim(self._context, job_id, self._rules, self._why_no_claims)
        except NetworkError as error:
            return self._service_down(error)
        if isinstance(outcome, Job):
            self._on_claim(outcome.job_id)
            return None
        return outcome

    def _service_down(self, error: NetworkError) -> Refusal:
        service = ServiceName.STORAGE if isinstance(error, StorageError) else ServiceName.CHAIN
        self._context.health.broken(service, error, again_in_s=self._context.claim_interval_s)
        return Refusal(why.ServiceDown(service), concerns_node=True)

    def _why_no_claims(self) -> Reason | None:
        """Return why no job can be claimed now, whatever is on offer; None when one can."""
        if not self._context.settings.claims.enabled:
            return why.ClaimsDisabled()
        if self._draining:
            return why.NodeDraining()
        if not self._context.store.is_in_place:
            return why.ClaimingPaused(why.StateMoved(self._context.settings.state_dir))
        if paused := self.paused or self._held:
            return why.ClaimingPaused(paused)
        if closed := self._context.schedule.why_no_claims():
            return closed
        if busy := self._no_worker_free():
            return busy
        open_jobs = self._context.book.open_jobs()
        under_way = sum(not job.is_set_aside and not job.is_left_alone for job in open_jobs)
        if self._claims_wanted is not None and self._verified + under_way >= self._claims_wanted:
            return why.WantedJobsUnderWay(self._claims_wanted)
        return None

    def _no_worker_free(self) -> Reason | None:
        """Return why no worker is free: as many jobs run at once as there are workers (protocol.md §1)."""
        workers = self._workers()
        if not workers:
            return why.NoWorkerAnswers()
        jobs, out_of_reach = self._context.book.training_jobs(), self._context.leases.out_of_reach
        under_way = sum(workers_wanted(self._context, job, workers) for job in jobs)
        if under_way >= workers:
            return why.WorkersBusy()
        return why.DevicesHeld() if out_of_reach and under_way + len(out_of_reach) >= workers else None


def _in_turns(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), JUDGED_AT_ONCE):
        yield items[start : start + JUDGED_AT_ONCE]
