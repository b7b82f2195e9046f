"""What happens to an account that is read from the chain alone, beside what happens to its jobs."""

from __future__ import annotations

from emeth_tui.model import JobState, Severity
from emeth_tui.notices.notice import EventBody


class TakenBack(EventBody):
    severity = Severity.WARNING

    state: JobState
