"""What happens to the machines that train for the node."""

from __future__ import annotations

from emeth_tui.model import Asker, Severity
from emeth_tui.notices.notice import EventBody, Reason


class HostJoined(EventBody):
    host: str
    devices: str


class HostDiffers(EventBody):
    severity = Severity.WARNING

    host: str
    what: str
    theirs: str
    ours: str


class HostModelReady(EventBody):
    host: str
    model: str


class HostModelTrouble(EventBody):
    """A host cannot get a model that jobs may need: it gets no job of it."""

    severity = Severity.WARNING

    host: str
    model: str
    reason: Reason


class HostAway(EventBody):
    severity = Severity.WARNING

    host: str
    reason: Reason


class HostBack(EventBody):
    host: str
    lasted_s: int


class HostRemoved(EventBody):
    host: str


class HostDrains(EventBody):
    host: str
    by: Asker


class HostTakesJobs(EventBody):
    host: str
    by: Asker


class HostRefused(EventBody):
    severity = Severity.WARNING

    host: str
    reason: Reason


class HostsLeftOut(EventBody):
    severity = Severity.WARNING

    network: str


class HostsNotRead(EventBody):
    severity = Severity.ERROR

    reason: Reason


class JobMoved(EventBody):
    """A job leaves a host that is away: it goes on elsewhere, from the checkpoint that is at home."""

    severity = Severity.WARNING

    host: str
    away_s: int
