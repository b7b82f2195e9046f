"""What happens to the node as a whole."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.model import Asker, JobId, JobState, ServiceName, Severity
from emeth_tui.notices.notice import EventBody, Reason, Wei


class ServiceLost(EventBody):
    severity = Severity.WARNING

    service: ServiceName
    reason: Reason


class ServiceRestored(EventBody):
    service: ServiceName
    lasted_s: int


class DeviceDown(EventBody):
    severity = Severity.ERROR

    reason: Reason
    again_in_s: float


class WorkerSilent(EventBody):
    severity = Severity.WARNING

    worker: int
    device: str
    reason: Reason


class DeviceWorks(EventBody):
    worker: int
    device: str


class EndpointChanged(EventBody):
    severity = Severity.WARNING

    where: str
    reason: Reason


class Leftovers(EventBody):
    severity = Severity.WARNING

    entries: int
    size_bytes: int
    directory: Path


class InternalError(EventBody):
    severity = Severity.ERROR

    part: str
    detail: ForeignText


class NotWritten(EventBody):
    """The disk is full, so that the node could not keep what it read or did; it tries again."""

    severity = Severity.ERROR

    reason: Reason


class StateLost(EventBody):
    severity = Severity.ERROR

    directory: Path


class StateRebuilt(EventBody):
    severity = Severity.WARNING

    directory: Path


class StateSetAside(EventBody):
    severity = Severity.WARNING

    path: Path


class StateNotRebuilt(EventBody):
    severity = Severity.ERROR

    reason: Reason


class CopyFailed(EventBody):
    severity = Severity.WARNING

    reason: Reason


class SettingChanged(EventBody):
    key: str
    before: str
    after: str
    by: Asker


class SettingWaits(EventBody):
    key: str
    before: str
    after: str
    by: Asker


class SettingsUnchanged(EventBody):
    by: Asker


class Withdrawn(EventBody):
    slot: int
    amount_wei: Wei
    own_gas: int
    total_gas: int
    balance_before_wei: Wei
    balance_after_wei: Wei
    by: Asker | None = None  # None when the node did it by itself


class WithdrawFailed(EventBody):
    severity = Severity.WARNING

    reason: Reason


class DayClosed(EventBody):
    """A day of the network's is over: what the jobs came to that ended on it, and its reward."""

    slot: int
    verified: int
    ended: int
    earned_wei: Wei
    lost_wei: Wei
    own_gas: int
    total_gas: int
    reward_wei: Wei


class CommandFailed(EventBody):
    """A command was not carried out, and whoever gave it did not wait for the answer."""

    severity = Severity.WARNING

    command: str
    reason: Reason
    by: Asker


class ScreenAttached(EventBody):
    user: str
    pid: int


class ScreenDetached(EventBody):
    user: str
    pid: int


class ScreenLeft(EventBody):
    pass


class TerminalGone(EventBody):
    pass


class ScreenBroke(EventBody):
    severity = Severity.WARNING


class Draining(EventBody):
    by: Asker


class Stopping(EventBody):
    by: Asker


class Stopped(EventBody):
    pass


class Summary(EventBody):
    verified: int
    jobs: dict[JobId, JobState]
    epochs: int
    gas: int
    slot: int
    slot_own_gas: int
    slot_total_gas: int
    slot_reward_wei: Wei
    emt_before_wei: Wei
    emt_after_wei: Wei
    earned_wei: Wei
    lost_wei: Wei
    withdrawn_wei: Wei
    others: dict[str, Wei]  # EMT that came or went and is none of the node's work, by transaction
    unexplained_wei: Wei
    adds_up: bool
    requested_wei: Wei = 0  # of jobs that the account requested: below 0 for their fees
