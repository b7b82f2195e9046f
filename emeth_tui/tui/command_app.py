"""An application that commands a node: every key that acts on jobs, claiming, money or the node's life."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from emeth_tui.engine.market.rules import Offer
from emeth_tui.model import Job, JobId
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui import commands
from emeth_tui.tui.dialogs.claim import claim_dialog
from emeth_tui.tui.dialogs.decline import decline_dialog
from emeth_tui.tui.dialogs.leave import Leave, leave_dialog
from emeth_tui.tui.frame import Frame
from emeth_tui.tui.node_app import NodeApp
from emeth_tui.tui.node_front import Ending
from emeth_tui.words.formats import emt
from emeth_tui.words.translation import _


class CommandApp(NodeApp):
    """Knows what each command asks first, says while it runs, and calls on the node."""

    def action_pause(self) -> None:
        """Pause the chosen job, or let it go on."""
        frame, job = self.frame, self.chosen_job
        if frame is None or self.refused(commands.pause_refusal(frame, job)) or job is None:
            return
        name = short(job.job_id)
        if job.paused:
            self.do(_("job {job} goes on …").format(job=name), lambda: self.node.resume_job(job.job_id))
        else:
            text = _("job {job} pauses at its next step …").format(job=name)
            self.do(text, lambda: self.node.pause_job(job.job_id))

    def action_claims(self) -> None:
        """Pause claiming, or take jobs again."""
        frame = self.frame
        if frame is None or self.refused(commands.claims_refusal(frame)):
            return
        if frame.snapshot.claims_paused:
            self.do(_("taking new jobs again …"), self.node.resume_claims)
        else:
            self.do(_("taking no new jobs …"), self.node.pause_claims)

    def action_finish(self) -> None:
        """Finish what is under way, then pause."""
        if self.frame is not None and not self.refused(commands.finish_refusal(self.frame)):
            self.do(_("finishing what is under way, then pausing …"), self.node.finish_then_pause)

    def action_decline(self) -> None:
        """Ask whether to decline the chosen job."""
        frame, job = self.frame, self.chosen_job
        if frame is not None and not self.refused(commands.decline_refusal(frame, job)) and job is not None:
            self._ask_decline(frame, [job])

    def action_decline_all(self) -> None:
        """Ask whether to decline every job that can be declined."""
        frame = self.frame
        if frame is None or self.refused(commands.view_refusal(frame)):
            return
        jobs = commands.declinable(frame)
        if jobs:
            self._ask_decline(frame, jobs)
        else:
            self.echo(_("no job can be declined now"), "warn")

    def _ask_decline(self, frame: Frame, jobs: Sequence[Job]) -> None:
        costs = [commands.decline_cost(frame, job) for job in jobs]

        def decide(yes: bool | None) -> None:
            if not yes:
                self.echo(_("nothing was declined"))
                return
            for job in jobs:
                text = _("declining job {job} …").format(job=short(job.job_id))
                self.start(text, partial(self._decline, job))

        self.push_screen(decline_dialog(frame, costs), decide)

    async def _decline(self, job: Job) -> str:
        await self.node.decline_job(job.job_id)
        return _("job {job} is declined").format(job=short(job.job_id))

    def ask_claim(self, offer: Offer | None) -> None:
        """Show all about an offer and ask whether to claim it."""
        frame = self.frame
        if frame is None or offer is None:
            self.echo(_("no job is chosen"), "warn")
            return
        job_id = offer.job.job_id

        def decide(yes: bool | None) -> None:
            if yes:
                text = _("claiming job {job} …").format(job=short(job_id))
                self.start(text, partial(self._claim, job_id))

        self.push_screen(claim_dialog(frame, offer), decide)

    async def _claim(self, job_id: JobId) -> str:
        await self.node.claim_job(job_id)
        return _("job {job} is taken in; its claim goes to the chain").format(job=short(job_id))

    def action_withdraw(self) -> None:
        """Withdraw the rewards of closed days."""
        if self.frame is not None and not self.refused(commands.withdraw_refusal(self.frame)):
            self.start(_("withdrawing, one transaction a day …"), self._withdraw)

    async def _withdraw(self) -> str:
        return _("{amount} withdrawn").format(amount=emt(await self.node.withdraw()))

    def action_quit_dialog(self) -> None:
        """Ask how to leave."""
        if self.screen.is_modal:
            return
        if self.options.read_only:
            self.exit(Ending.LEFT)
            return

        def decide(leave: Leave | None) -> None:
            if leave is Leave.HEADLESS:
                self.exit(Ending.LEFT)
            elif leave is Leave.STOP and self._node is None:
                self.exit(Ending.GIVEN_UP)
            elif leave is Leave.DRAIN:
                self.do(_("draining …"), self.node.drain)
            elif leave is Leave.STOP:
                self.do(_("saving every job …"), self.node.request_stop)

        self.push_screen(leave_dialog(self.frame), decide)
