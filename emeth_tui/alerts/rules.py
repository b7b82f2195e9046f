"""Which topic an event belongs to: by its kind, and where its reason decides, by that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from emeth_tui.model import AlertTopic, Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events import alerts, devices, host, job, market, node, schedule
from emeth_tui.notices.notice import EventBody, Reason
from emeth_tui.notices.reasons import disk
from emeth_tui.notices.reasons import market as why
from emeth_tui.notices.reasons.network import chain
from emeth_tui.notices.reasons.pauses.by_hand import PausedUntil

_T = AlertTopic
TOPICS: Mapping[type[EventBody], AlertTopic] = {
    job.RunningLate: _T.JOB_AT_RISK,
    job.SubmissionHeld: _T.JOB_AT_RISK,
    job.JobStuck: _T.JOB_AT_RISK,
    job.SetAside: _T.JOB_AT_RISK,
    job.GivingBack: _T.JOB_AT_RISK,
    job.OrphanHeld: _T.JOB_AT_RISK,
    job.OrphanLeft: _T.JOB_AT_RISK,
    schedule.PausedAtRisk: _T.JOB_AT_RISK,
    schedule.GivenBackBeforePause: _T.JOB_AT_RISK,
    job.Failed: _T.VERIFICATION_FAILED,
    job.Timeout: _T.VERIFICATION_FAILED,
    job.Lost: _T.VERIFICATION_FAILED,
    job.FinalEndUndone: _T.VERIFICATION_FAILED,
    job.VerifiedAtLoss: _T.DEPOSIT_KEPT,
    job.DepositKept: _T.DEPOSIT_KEPT,
    schedule.DeviceHeld: _T.DEVICE_HELD,
    node.DeviceDown: _T.DEVICE_LOST,
    node.WorkerSilent: _T.DEVICE_LOST,
    devices.GpuLost: _T.DEVICE_LOST,
    devices.GpuReportsError: _T.DEVICE_LOST,
    devices.GpuSlowed: _T.DEVICE_LOST,
    host.HostAway: _T.DEVICE_LOST,
    node.EndpointChanged: _T.ENDPOINT,
    node.ServiceLost: _T.ENDPOINT,
    market.RateDiffers: _T.ENDPOINT,
    market.VerifierFeeDiffers: _T.ENDPOINT,
    node.NotWritten: _T.DISK,
    node.CopyFailed: _T.DISK,
    node.StateLost: _T.DISK,
    node.StateNotRebuilt: _T.DISK,
    node.WithdrawFailed: _T.TROUBLE,
    node.DayClosed: _T.DAY_RESULT,
}
# Events that say why nothing is claimed: their reasons decide.
CLAIMING = (market.ClaimsPaused, market.ClaimsHeld, market.PauseLifted, market.Idle)
_REASONS: Mapping[type[Reason], AlertTopic] = {
    chain.EndpointsDisagree: _T.ENDPOINT,
    chain.EndpointBehind: _T.ENDPOINT,
    why.ServiceDown: _T.ENDPOINT,
    why.ShortOfEmt: _T.BALANCE_LOW,
    why.UnderNativeLimit: _T.BALANCE_LOW,
    why.ShortOfNative: _T.BALANCE_LOW,
    disk.CacheFull: _T.DISK,
    disk.FileSystemFull: _T.DISK,
    disk.CacheUnusable: _T.DISK,
    disk.NoRoomToWrite: _T.DISK,
    disk.DatabaseFull: _T.DISK,
    why.NoWorkerAnswers: _T.DEVICE_LOST,
    why.ClockAhead: _T.CLAIMING_STOPPED,
    why.ClockBehind: _T.CLAIMING_STOPPED,
    why.LossLimitReached: _T.CLAIMING_STOPPED,
}
_BY_HAND = (why.PausedByOperator, why.FinishingFirst, PausedUntil)  # whoever did it knows
_DELIVERY = (alerts.AlertsNotDelivered, alerts.AlertsDelivered)  # an alert about alerts would go in circles


def topic_of(event: Event) -> AlertTopic | None:
    """Return the topic of an event, None where nobody needs to hear of it."""
    body = event.body
    if isinstance(body, _DELIVERY):
        return None
    if isinstance(body, CLAIMING):
        return _topic_of_standstill(body)
    topic = TOPICS.get(type(body))
    return _T.TROUBLE if topic is None and event.severity is Severity.ERROR else topic


def _topic_of_standstill(
    body: market.ClaimsPaused | market.ClaimsHeld | market.PauseLifted | market.Idle,
) -> AlertTopic | None:
    reasons = tuple(_nested(body.reason))
    for reason in reasons:
        if isinstance(reason, _BY_HAND):
            return None
        if (topic := _REASONS.get(type(reason))) is not None:
            return topic
    return _T.CLAIMING_STOPPED if isinstance(body, (market.ClaimsPaused, market.ClaimsHeld)) else None


def _nested(reason: Reason) -> Iterator[Reason]:
    """Yield a reason and those in it that explain it."""
    current: object = reason
    while isinstance(current, Reason):
        yield current
        current = getattr(current, "reason", None) or getattr(current, "cause", None)
