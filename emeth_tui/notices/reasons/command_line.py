"""Why a command from another shell is not done."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.model import JobState
from emeth_tui.notices.notice import Reason


class NoNodeRuns(Reason):
    directory: Path


class InvalidPrefix(Reason):
    text: str


class NoJobBegins(Reason):
    prefix: str
    remedy: Reason


class SeveralJobsBegin(Reason):
    prefix: str
    candidates: str


class JobOver(Reason):
    job: str
    state: JobState


class ListJobs(Reason):
    pass


class ListOpenJobs(Reason):
    pass


class ListMarket(Reason):
    pass


class NoSuchSetting(Reason):
    key: str
    hint: Reason


class NotConfirmedHere(Reason):
    command: str


class AnsweredNo(Reason):
    pass
