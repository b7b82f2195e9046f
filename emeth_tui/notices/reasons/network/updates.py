"""Why it is not known whether there is a newer release."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class IndexDown(Reason):
    cause: Reason


class NotReleasedThere(Reason):
    where: str


class IndexNotUnderstood(Reason):
    where: str
