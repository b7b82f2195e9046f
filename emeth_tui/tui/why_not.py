"""Why an action cannot be done now, or None: pure functions of the frame and of what the keys act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from emeth_tui.model import JobState, ServiceName
from emeth_tui.notices.reasons import screen
from emeth_tui.protocol.job_ids import short
from emeth_tui.settings import Origin

if TYPE_CHECKING:
    from emeth_tui.engine.hosts.view import HostView
    from emeth_tui.engine.market.rules import Offer
    from emeth_tui.engine.settings_editor import Setting
    from emeth_tui.engine.view.following import FollowedJob
    from emeth_tui.job import Job
    from emeth_tui.notices.notice import Reason
    from emeth_tui.tui.frame import Frame


class Target(Struct, frozen=True):
    """What the keys act on: what is chosen on the screen on top."""

    job: Job | None = None
    opens: str | None = None  # the job, or the panel, whose page Enter opens
    offer: Offer | None = None
    host: HostView | None = None
    setting: Setting | None = None
    request: FollowedJob | None = None
    row_count: int = 0  # of the rows shown, which an export would write


def read_only(frame: Frame, _target: Target) -> Reason | None:
    """A screen for those who only look gives no commands."""
    if reason := needs_node(frame, _target):
        return reason
    return screen.ReadOnlyScreen() if frame.read_only else None


def needs_node(frame: Frame, _target: Target) -> Reason | None:
    """What only a node knows is not to be seen from the chain alone."""
    if not frame.snapshot.from_chain_alone:
        return None
    from emeth_tui.notices.reasons.network.watching import FromChainAlone

    return FromChainAlone()


def pause_job(frame: Frame, target: Target) -> Reason | None:
    if reason := read_only(frame, target):
        return reason
    if target.job is None:
        return screen.NoJobChosen()
    if target.job.state.is_final:
        return screen.JobHasEnded()
    if target.job.state is JobState.SUBMITTED:
        return screen.NothingToPause()
    return _stopping(frame)


def pause_claims(frame: Frame, target: Target) -> Reason | None:
    if reason := read_only(frame, target):
        return reason
    if frame.snapshot.stopping == "draining":
        return screen.TakesNoNewJobs()
    if frame.snapshot.claims_paused is None and (disabled := claims_disabled(frame)):
        return disabled
    return _stopping(frame)


def claims_disabled(frame: Frame) -> Reason | None:
    """The settings may have switched claiming off: then it neither goes on nor can it be paused."""
    from emeth_tui.notices.reasons.market import ClaimsDisabled

    standstill = frame.snapshot.standstill
    return standstill.reason if standstill and isinstance(standstill.reason, ClaimsDisabled) else None


def finish_then_pause(frame: Frame, target: Target) -> Reason | None:
    if reason := pause_claims(frame, target):
        return reason
    return screen.ClaimingAlreadyPaused() if frame.snapshot.claims_paused else None


def decline_job(frame: Frame, target: Target) -> Reason | None:
    if reason := read_only(frame, target):
        return reason
    if target.job is None:
        return screen.NoJobChosen()
    if target.job.state.is_final:
        return screen.JobHasEnded()
    if target.job.state is JobState.CLAIMING:
        return screen.NothingToDecline()
    if target.job.state is JobState.SUBMITTED:
        return screen.TooLateToDecline()
    return _stopping(frame) or _chain_lost(frame)


def decline_all(frame: Frame, target: Target) -> Reason | None:
    if reason := read_only(frame, target):
        return reason
    return None if declinable(frame) else screen.NoJobToDecline()


def declinable(frame: Frame) -> list[Job]:
    """Return the jobs that can be declined now."""
    return [job for job in frame.snapshot.jobs if not decline_job(frame, Target(job=job))]


def claim(frame: Frame, target: Target) -> Reason | None:
    """Why an offer cannot be claimed by hand; the node checks again, and more closely."""
    from emeth_tui.notices.reasons.market import ShortOfEmt, WorkersBusy

    if reason := read_only(frame, target):
        return reason
    offer, snapshot = target.offer, frame.snapshot
    if offer is None:
        return screen.NoJobChosen()
    if snapshot.stopping == "draining":
        return screen.TakesNoNewJobs()
    under_way = [job for job in snapshot.jobs if job.state is not JobState.SUBMITTED]
    if len(under_way) >= len(snapshot.workers):
        return WorkersBusy()
    if offer.job.deadline_unix_s - frame.now <= offer.needed.high_s:
        return screen.EndsAfterDeadline()
    deposit_wei = snapshot.rates.deposit_wei(offer.job.fee_wei)
    if snapshot.deposits is not None and snapshot.deposits.free_wei < deposit_wei:
        return ShortOfEmt(deposit_wei, snapshot.deposits.free_wei)
    return _stopping(frame) or _chain_lost(frame)


def request_job(frame: Frame, target: Target) -> Reason | None:
    return read_only(frame, target) or _stopping(frame) or _chain_lost(frame)


def cancel_request(frame: Frame, target: Target) -> Reason | None:
    from emeth_tui.notices.reasons.network.requesting import RequestNotOpen

    if reason := read_only(frame, target):
        return reason
    if target.request is None:
        return screen.NothingChosen()
    if target.request.state not in {"requested", "unfinished"}:
        return RequestNotOpen(short(target.request.request.job_id), target.request.state)
    return _stopping(frame) or _chain_lost(frame)


def open_result(frame: Frame, target: Target) -> Reason | None:
    """Why the result of a request can be neither fetched nor compared."""
    from emeth_tui.notices.reasons.network.requesting import NoResultYet

    if reason := read_only(frame, target):
        return reason
    if target.request is None:
        return screen.NothingChosen()
    if not target.request.is_verified:
        return NoResultYet(short(target.request.request.job_id), target.request.state)
    return _stopping(frame) or _chain_lost(frame)


def withdraw(frame: Frame, target: Target) -> Reason | None:
    if reason := read_only(frame, target):
        return reason
    today = frame.snapshot.today
    if today is None:
        return screen.ChainNotReadYet()
    if not today.waiting:
        return screen.NoRewardToWithdraw()
    return _stopping(frame) or _chain_lost(frame)


def open_details(frame: Frame, target: Target) -> Reason | None:
    if target.opens == "disk" and (reason := needs_node(frame, target)):
        return reason
    return screen.NoJobChosen() if target.opens is None else None


def open_row(_frame: Frame, target: Target) -> Reason | None:
    return None if target.row_count else screen.NothingChosen()


def export(_frame: Frame, target: Target) -> Reason | None:
    return None if target.row_count else screen.NothingToExport()


def drain_host(frame: Frame, target: Target) -> Reason | None:
    if reason := read_only(frame, target):
        return reason
    return None if target.host else screen.NothingChosen()


def change_setting(frame: Frame, target: Target) -> Reason | None:
    if target.setting is None:
        return screen.NothingChosen()
    if reason := read_only(frame, target):
        return reason
    if target.setting.origin is Origin.OPTION:
        return screen.SetByOption()
    if target.setting.origin is Origin.ENVIRONMENT:
        return screen.SetByEnvironment()
    return None if target.setting.at_run_time else screen.ChangeNeedsRestart()


def drain(frame: Frame | None) -> Reason | None:
    if frame is None:
        return screen.NodeStarting()
    if frame.snapshot.stopping == "draining":
        return screen.AlreadyDraining()
    return stop(frame)


def stop(frame: Frame | None) -> Reason | None:
    """A node that has not started yet can be given up at any time."""
    return screen.AlreadyStopping() if frame and frame.snapshot.stopping == "stopping" else None


def _stopping(frame: Frame) -> Reason | None:
    if frame.snapshot.stopping != "stopping":
        return None
    from emeth_tui.notices.reasons.market import NodeStopping

    return NodeStopping()


def _chain_lost(frame: Frame) -> Reason | None:
    down = {service.name for service in frame.snapshot.services if service.broken_since_unix_s is not None}
    if ServiceName.CHAIN not in down:
        return None
    from emeth_tui.notices.reasons.market import ServiceDown

    return ServiceDown(ServiceName.CHAIN)
