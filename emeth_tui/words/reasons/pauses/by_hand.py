"""The sentences of notices/reasons/pauses/by_hand.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.pauses import by_hand

SENTENCES: Mapping[type[Notice], str] = {
    by_hand.PausedUntil: "until {until}, by {by}",
    by_hand.PauseTooRisky: (
        "job {job} is not paused but finished first: paused, it may need {needed_s}, and its deadline is in "
        "{deadline_s} (schedule.job_at_risk)"
    ),
    by_hand.GivenBackInstead: (
        "job {job} is not paused but given back: paused, it may need {needed_s}, and its deadline is in "
        "{deadline_s} (schedule.job_at_risk)"
    ),
    by_hand.NotATimeOfDay: "{text}: a time of day is 00:00 to 23:59",
}
