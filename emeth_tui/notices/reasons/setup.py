"""Why an answer of the first settings is not accepted."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class FileNeeded(Reason):
    pass


class NotANumberOfGb(Reason):
    text: str


class DiskTooSmall(Reason):
    free_bytes: int


class PasswordEmpty(Reason):
    pass


class PasswordsNotTheSame(Reason):
    pass


class DeviceNeeded(Reason):
    pass


class NotAChoice(Reason):
    value: str
    known: str


class NoAnswerWithin(Reason):
    where: str
    limit_s: int
