"""What happens to the node as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.model import Asker, JobId, JobState, ServiceName, Severity
from emeth_tui.notices.notice import EventBody, Reason, Wei


@dataclass(frozen=True, slots=True)
class ServiceLost(EventBody):
    severity = Severity.WARNING

    service: ServiceName
    reason: Reason


@dataclass(frozen=True, slots=True)
class ServiceRestored(EventBody):
    service: ServiceName
    lasted_s: int


@dataclass(frozen=True, slots=True)
class DeviceDown(EventBody):
    severity = Severity.ERROR

    reason: Reason
    again_in_s: float


@dataclass(frozen=True, slots=True)
class WorkerSilent(EventBody):
    severity = Severity.WARNING

    worker: int
    device: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class DeviceWorks(EventBody):
    worker: int
    device: str


@dataclass(frozen=True, slots=True)
class EndpointChanged(EventBody):
    severity = Severity.WARNING

    where: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Leftovers(EventBody):
    severity = Severity.WARNING

    entries: int
    size_bytes: int
    directory: Path


@dataclass(frozen=True, slots=True)
class InternalError(EventBody):
    severity = Severity.ERROR

    part: str
    detail: str


@dataclass(frozen=True, slots=True)
class NotWritten(EventBody):
    """The disk is full, so that the node could not keep what it read or did; it tries again."""

    severity = Severity.ERROR

    reason: Reason


@dataclass(frozen=True, slots=True)
class StateLost(EventBody):
    severity = Severity.ERROR

    directory: Path


@dataclass(frozen=True, slots=True)
class StateRebuilt(EventBody):
    severity = Severity.WARNING

    directory: Path


@dataclass(frozen=True, slots=True)
class StateSetAside(EventBody):
    severity = Severity.WARNING

    path: Path


@dataclass(frozen=True, slots=True)
class StateNotRebuilt(EventBody):
    severity = Severity.ERROR

    reason: Reason


@dataclass(frozen=True, slots=True)
class CopyFailed(EventBody):
    severity = Severity.WARNING

    reason: Reason


@dataclass(frozen=True, slots=True)
class SettingChanged(EventBody):
    key: str
    before: str
    after: str
    by: Asker


@dataclass(frozen=True, slots=True)
class SettingWaits(EventBody):
    key: str
    before: str
    after: str
    by: Asker


@dataclass(frozen=True, slots=True)
class SettingsUnchanged(EventBody):
    by: Asker


@dataclass(frozen=True, slots=True)
class Withdrawn(EventBody):
    slot: int
    amount_wei: Wei
    own_gas: int
    total_gas: int
    balance_before_wei: Wei
    balance_after_wei: Wei
    by: Asker | None = None  # None when the node did it by itself


@dataclass(frozen=True, slots=True)
class WithdrawFailed(EventBody):
    severity = Severity.WARNING

    reason: Reason


@dataclass(frozen=True, slots=True)
class CommandFailed(EventBody):
    """A command was not carried out, and whoever gave it did not wait for the answer."""

    severity = Severity.WARNING

    command: str
    reason: Reason
    by: Asker


@dataclass(frozen=True, slots=True)
class ScreenAttached(EventBody):
    user: str
    pid: int


@dataclass(frozen=True, slots=True)
class ScreenDetached(EventBody):
    user: str
    pid: int


class ScreenLeft(EventBody):
    __slots__ = ()


class TerminalGone(EventBody):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ScreenBroke(EventBody):
    severity = Severity.WARNING


@dataclass(frozen=True, slots=True)
class Draining(EventBody):
    by: Asker


@dataclass(frozen=True, slots=True)
class Stopping(EventBody):
    by: Asker


class Stopped(EventBody):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
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
