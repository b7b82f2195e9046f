"""What the hours of the schedule hold up, and what comes next. `until` and `at` are by the owner's clock."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class ClaimingHoursOver(Reason):
    until_unix_s: int
    until: str


@dataclass(frozen=True, slots=True)
class TrainingHoursOver(Reason):
    until_unix_s: int
    until: str


@dataclass(frozen=True, slots=True)
class ClaimingStops(Reason):
    at: str


@dataclass(frozen=True, slots=True)
class ClaimingStarts(Reason):
    at: str


@dataclass(frozen=True, slots=True)
class DeviceStops(Reason):
    device: str
    at: str


@dataclass(frozen=True, slots=True)
class DeviceStarts(Reason):
    device: str
    at: str


@dataclass(frozen=True, slots=True)
class JobGoesOn(Reason):
    job: str
    at: str
