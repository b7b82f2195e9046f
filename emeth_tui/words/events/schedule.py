"""The sentences of notices/events/schedule.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.events import schedule
from emeth_tui.notices.notice import Notice

SENTENCES: Mapping[type[Notice], str] = {
    schedule.DeviceHeld: "{device} is held: {reason}",
    schedule.DeviceLetGo: "{device} trains again",
    schedule.FinishesFirst: (
        "not paused but finished first: paused, it may need {needed_s}, and its deadline is in {deadline_s}"
    ),
    schedule.GivenBackBeforePause: (
        "given back instead of paused: paused, it may need {needed_s}, and its deadline is in {deadline_s}; "
        "declining costs {penalty_wei}, a timeout {timeout_wei}"
    ),
    schedule.PausedAtRisk: (
        "paused, it may need {needed_s}, and its deadline is in {deadline_s}: resume it soon, or decline it "
        "for {penalty_wei}; a timeout costs {timeout_wei}"
    ),
}

REMEDIES: Mapping[type[Notice], str] = {
    schedule.FinishesFirst: (
        "nothing; to have such jobs rest all the same, set schedule.job_at_risk to `hold`"
    ),
    schedule.GivenBackBeforePause: (
        "nothing; to train such jobs to their end, set schedule.job_at_risk to `finish`"
    ),
    schedule.PausedAtRisk: (
        "`emeth-tui resume ID`, or widen the hours or the rule that holds its device, in time; else "
        "`emeth-tui decline ID` gives it back"
    ),
}
