"""What the info server, the storage and this machine's clock do."""

from __future__ import annotations

from emeth_tui.foreign_text import ForeignText
from emeth_tui.model import ServiceName
from emeth_tui.notices.notice import Reason


class JobsListed(Reason):
    where: str
    jobs: int
    milliseconds: int


class SignatureTaken(Reason):
    where: str


class SignatureUndecided(Reason):
    where: str
    status: int
    said: ForeignText | Reason


class SignatureRefused(Reason):
    where: str
    status: int
    said: ForeignText | Reason


class ClockAgrees(Reason):
    service: ServiceName


class ClockNotCompared(Reason):
    pass
