"""What the hours of the schedule hold up, and what comes next. `until` and `at` are by the owner's clock."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class ClaimingHoursOver(Reason):
    until_unix_s: int
    until: str


class TrainingHoursOver(Reason):
    until_unix_s: int
    until: str


class ClaimingStops(Reason):
    at: str


class ClaimingStarts(Reason):
    at: str


class DeviceStops(Reason):
    device: str
    at: str


class DeviceStarts(Reason):
    device: str
    at: str


class JobGoesOn(Reason):
    job: str
    at: str
