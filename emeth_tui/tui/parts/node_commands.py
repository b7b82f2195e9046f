"""The commands on jobs, claiming, money and the node's life: what each asks first, and what it calls.

Whether one can be done now is checked before, by the table of actions. A dialog is loaded when it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from textual.screen import Screen

from emeth_tui.protocol.job_ids import short
from emeth_tui.tui import why_not
from emeth_tui.tui.host import Host
from emeth_tui.tui.node_front import Ending
from emeth_tui.words.formats import emt
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.job import Job
    from emeth_tui.model import JobId
    from emeth_tui.tui.dialogs.leave import Leave
    from emeth_tui.tui.dialogs.pause import PauseLength
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.why_not import Target


class CommandingHost(Host, Protocol):
    """What commands need besides: what they act on, a place to ask, a way out."""

    @property
    def target(self) -> Target: ...
    def push_screen(self, screen: Screen[Any], callback: Callable[[Any], None]) -> object: ...
    def exit(self, result: Ending) -> None: ...


class NodeCommands:
    """Commands the node that the host shows."""

    def __init__(self, host: CommandingHost) -> None:
        self._host = host

    def pause_job(self) -> None:
        """Ask for how long to pause the chosen job, or resume it."""
        frame, job, node = self._host.frame, self._host.target.job, self._host.node
        if frame is None or job is None:
            return
        name, job_id = short(job.job_id), job.job_id
        if job.paused:
            self._host.runner.run(_("job {job} resumes …").format(job=name), partial(node.resume_job, job_id))
            return
        text = _("job {job} pauses at its next step …").format(job=name)

        def decide(length: PauseLength | None) -> None:
            if length is not None:
                pause = partial(node.pause_job, job_id, for_s=length.for_s, until=length.until)
                self._host.runner.run(text, pause)

        from emeth_tui.tui.dialogs.pause import pause_job_dialog

        self._host.push_screen(pause_job_dialog(frame, job, name), decide)

    def pause_claims(self) -> None:
        """Ask for how long to pause claiming, or take jobs again."""
        frame, node = self._host.frame, self._host.node
        if frame is None:
            return
        if frame.snapshot.claims_paused:
            disabled = why_not.claims_disabled(frame)
            text = _("no longer paused: {reason}").format(reason=text_of(disabled)) if disabled else ""
            self._host.runner.run(text or _("taking new jobs again …"), node.resume_claims)
            return

        def decide(length: PauseLength | None) -> None:
            if length is not None:
                pause = partial(node.pause_claims, for_s=length.for_s, until=length.until)
                self._host.runner.run(_("taking no new jobs …"), pause)

        from emeth_tui.tui.dialogs.pause import pause_claims_dialog

        self._host.push_screen(pause_claims_dialog(frame), decide)

    def finish_then_pause(self) -> None:
        """Finish what is under way, then pause."""
        text = _("finishing what is under way, then pausing …")
        self._host.runner.run(text, self._host.node.finish_then_pause)

    def decline_job(self) -> None:
        """Ask whether to decline the chosen job."""
        frame, job = self._host.frame, self._host.target.job
        if frame is not None and job is not None:
            self._ask_decline(frame, [job])

    def decline_all(self) -> None:
        """Ask whether to decline every job that can be declined."""
        frame = self._host.frame
        if frame is not None:
            self._ask_decline(frame, why_not.declinable(frame))

    def _ask_decline(self, frame: Frame, jobs: Sequence[Job]) -> None:
        from emeth_tui.listings.costs import decline_cost
        from emeth_tui.tui.dialogs.decline import Decline, decline_dialog

        costs = [decline_cost(frame.snapshot, job) for job in jobs]

        def decide(answer: Decline | None) -> None:
            if answer is None or answer is Decline.KEEP:
                self._host.note.show(_("nothing was declined"))
                return
            if answer is Decline.DECLINE_AND_PAUSE:
                text = _("pausing claiming, then declining …")
                self._host.runner.start(text, partial(self._pause_then_decline, jobs))
                return
            for job in jobs:
                text = _("declining job {job} …").format(job=short(job.job_id))
                self._host.runner.start(text, partial(self._decline, job))

        self._host.push_screen(decline_dialog(frame, costs), decide)

    async def _pause_then_decline(self, jobs: Sequence[Job]) -> str:
        """In this order: no other job may take their place."""
        await self._host.node.pause_claims()
        return "; ".join([await self._decline(job) for job in jobs])

    async def _decline(self, job: Job) -> str:
        await self._host.node.decline_job(job.job_id)
        return _("job {job} is declined").format(job=short(job.job_id))

    def claim(self) -> None:
        """Show all about the chosen offer and ask whether to claim it."""
        from emeth_tui.tui.dialogs.claim import claim_dialog

        frame, offer = self._host.frame, self._host.target.offer
        if frame is None or offer is None:
            self._host.note.show(_("no job is chosen"), "warn")
            return
        job_id = offer.job.job_id

        def decide(yes: bool | None) -> None:
            if yes:
                text = _("claiming job {job} …").format(job=short(job_id))
                self._host.runner.start(text, partial(self._claim, job_id))

        self._host.push_screen(claim_dialog(frame, offer), decide)

    async def _claim(self, job_id: JobId) -> str:
        await self._host.node.claim_job(job_id)
        return _("job {job} is accepted; its claim goes to the chain").format(job=short(job_id))

    def withdraw(self) -> None:
        """Withdraw the rewards of closed days."""
        self._host.runner.start(_("withdrawing, one transaction a day …"), self._withdraw)

    async def _withdraw(self) -> str:
        return _("{amount} withdrawn").format(amount=emt(await self._host.node.withdraw()))

    def drain_host(self) -> None:
        """Ask whether to drain the chosen host, or to undo that."""
        from emeth_tui.tui.dialogs.drain_host import drain_host_dialog

        frame, host = self._host.frame, self._host.target.host
        if frame is None or host is None:
            return
        if host.draining:
            text = _("host {name} is to get new jobs again …")
        else:
            text = _("host {name} is to finish what it has …")

        def decide(yes: bool | None) -> None:
            if yes:
                drain = partial(self._host.node.drain_host, host.name, undo=host.draining)
                self._host.runner.run(text.format(name=host.name), drain)

        self._host.push_screen(drain_host_dialog(frame, host), decide)

    def leave(self) -> None:
        """Ask how to leave; a screen that cannot end the node just closes."""
        from emeth_tui.tui.dialogs.leave import leave_dialog

        options = self._host.options
        if options.read_only or (options.attached and self._host.frame is None):
            self._host.exit(Ending.LEFT)
        else:
            self._host.push_screen(leave_dialog(self._host.frame), self._leave)

    def _leave(self, how: Leave | None) -> None:
        from emeth_tui.tui.dialogs.leave import Leave

        if how is Leave.HEADLESS:
            self._host.exit(Ending.LEFT)
        elif how is Leave.STOP and self._host.frame is None:
            self._host.exit(Ending.GIVEN_UP)
        elif how is Leave.DRAIN:
            self._host.runner.run(_("draining …"), self._host.node.drain)
        elif how is Leave.STOP:
            self._host.runner.run(_("saving every job …"), self._host.node.request_stop)
