"""Why the info server's list cannot be used."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class InfoServerDown(Reason):
    cause: Reason


class NotJobList(Reason):
    where: str


class AppealRefused(Reason):
    job_id: str
    status: int


class NotJobJson(Reason):
    where: str
