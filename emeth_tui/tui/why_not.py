"""Why an action cannot be done now: pure functions of the frame and of what the keys act on; "" if it can."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.engine.market.rules import Offer
from emeth_tui.engine.settings_editor import Setting
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState, format_token
from emeth_tui.settings import Origin
from emeth_tui.tui.frame import Frame
from emeth_tui.words.translation import _


@dataclass(frozen=True, slots=True)
class Target:
    """What the keys act on: what is chosen on the screen on top."""

    job: Job | None = None
    opens: JobId | None = None  # the job whose page Enter opens on the dashboard
    offer: Offer | None = None
    setting: Setting | None = None
    row_count: int = 0  # of the rows shown, which an export would write


def read_only(frame: Frame, _target: Target) -> str:
    """A node in another process takes no commands from here."""
    if frame.viewed_pid is None:
        return ""
    return _("read-only view: the node runs as process {pid}").format(pid=frame.viewed_pid)


def pause_job(frame: Frame, target: Target) -> str:
    if reason := read_only(frame, target):
        return reason
    if target.job is None:
        return _("no job is chosen")
    if target.job.state.is_final:
        return _("this job has ended")
    if target.job.state is JobState.SUBMITTED:
        return _("this job is submitted: there is nothing left to pause")
    return _stopping(frame)


def pause_claims(frame: Frame, target: Target) -> str:
    if reason := read_only(frame, target):
        return reason
    if frame.snapshot.stopping == "draining":
        return _("the node is draining and takes no new jobs")
    return _stopping(frame)


def finish_then_pause(frame: Frame, target: Target) -> str:
    if reason := pause_claims(frame, target):
        return reason
    return _("claiming is paused already") if frame.snapshot.claims_paused else ""


def decline_job(frame: Frame, target: Target) -> str:
    if reason := read_only(frame, target):
        return reason
    if target.job is None:
        return _("no job is chosen")
    if target.job.state.is_final:
        return _("this job has ended")
    if target.job.state is JobState.CLAIMING:
        return _("this job is not claimed yet: there is nothing to decline")
    if target.job.state is JobState.SUBMITTED:
        return _("this job is submitted: it can no longer be declined")
    return _stopping(frame) or _chain_lost(frame)


def decline_all(frame: Frame, target: Target) -> str:
    if reason := read_only(frame, target):
        return reason
    return "" if declinable(frame) else _("no job can be declined now")


def declinable(frame: Frame) -> list[Job]:
    """List the jobs that can be declined now."""
    return [job for job in frame.snapshot.jobs if not decline_job(frame, Target(job=job))]


def claim(frame: Frame, target: Target) -> str:
    """Why an offer cannot be claimed by hand; the node looks again, and more closely."""
    if reason := read_only(frame, target):
        return reason
    offer, snapshot = target.offer, frame.snapshot
    if offer is None:
        return _("no job is chosen")
    if snapshot.stopping == "draining":
        return _("the node is draining and takes no new jobs")
    under_way = [job for job in snapshot.jobs if job.state is not JobState.SUBMITTED]
    if len(under_way) >= len(snapshot.workers):
        return _("every worker has a job")
    if offer.job.deadline_unix_s - frame.now <= offer.needed.high_s:
        return _("it would not be done before its deadline")
    deposit_wei = snapshot.rates.deposit_wei(offer.job.fee_wei)
    if snapshot.deposits is not None and snapshot.deposits.free_wei < deposit_wei:
        return _("its deposit is {deposit} EMT and {free} are free").format(
            deposit=format_token(deposit_wei), free=format_token(snapshot.deposits.free_wei)
        )
    return _stopping(frame) or _chain_lost(frame)


def withdraw(frame: Frame, target: Target) -> str:
    if reason := read_only(frame, target):
        return reason
    today = frame.snapshot.today
    if today is None:
        return _("the chain has not been read yet")
    if not today.waiting:
        return _("no closed day holds a reward of ours")
    return _stopping(frame) or _chain_lost(frame)


def open_details(_frame: Frame, target: Target) -> str:
    return "" if target.opens is not None else _("no job is chosen")


def open_row(_frame: Frame, target: Target) -> str:
    return "" if target.row_count else _("nothing is chosen")


def export(_frame: Frame, target: Target) -> str:
    return "" if target.row_count else _("there is nothing to write")


def change_setting(frame: Frame, target: Target) -> str:
    if target.setting is None:
        return _("nothing is chosen")
    if reason := read_only(frame, target):
        return reason
    if target.setting.origin in {Origin.OPTION, Origin.ENVIRONMENT}:
        origin = origin_name(target.setting.origin)
        return _("set by this run's {origin}, which overrides the file").format(origin=origin)
    if not target.setting.at_run_time:
        return _("needs a restart: change it in the file, then start again")
    return ""


def origin_name(origin: Origin) -> str:
    """Return the name of where a setting's value comes from."""
    return {
        Origin.DEFAULT: _("default"),
        Origin.FILE: _("file"),
        Origin.RUN: _("this run"),
        Origin.ENVIRONMENT: _("environment"),
        Origin.OPTION: _("command line"),
    }[origin]


def _stopping(frame: Frame) -> str:
    return _("the node is stopping") if frame.snapshot.stopping == "stopping" else ""


def _chain_lost(frame: Frame) -> str:
    lost = any(link.name == "chain" and link.broken_since_unix_s is not None for link in frame.snapshot.links)
    return _("the chain does not answer") if lost else ""
