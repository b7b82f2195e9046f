"""The sentences of notices/reasons/pauses/hours.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.pauses import hours

SENTENCES: Mapping[type[Notice], str] = {
    hours.ClaimingHoursOver: "no jobs are taken at this hour, until {until} (schedule.claims)",
    hours.TrainingHoursOver: "not its hours, until {until}",
    hours.ClaimingStops: "claiming stops at {at}",
    hours.ClaimingStarts: "claiming starts at {at}",
    hours.DeviceStops: "{device} rests from {at}",
    hours.DeviceStarts: "{device} trains from {at}",
    hours.JobGoesOn: "job {job} goes on at {at}",
}
