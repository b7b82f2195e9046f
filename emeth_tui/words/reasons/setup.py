"""The sentences of notices/reasons/setup.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import setup

SENTENCES: Mapping[type[Notice], str] = {
    setup.FileNeeded: "a file is needed",
    setup.NotANumberOfGb: "{text}: must be a number of GB greater than 0",
    setup.DiskTooSmall: "the disk has {free_bytes} free: choose less",
    setup.PasswordEmpty: "a password is needed",
    setup.PasswordsNotTheSame: "the two passwords differ",
    setup.DeviceNeeded: "choose at least one device",
    setup.NotAChoice: "{value}: choose from {known}",
    setup.NoAnswerWithin: "{where}: no answer within {limit_s}",
}
