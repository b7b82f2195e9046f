"""What became of a check itself."""

from __future__ import annotations

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class CheckBroke(Reason):
    error: ForeignText
    place: str


class CheckHung(Reason):
    limit_s: float


class NotChecked(Reason):
    cause: Reason


class LeftOut(Reason):
    pass


class NoEndpointServes(Reason):
    chain_id: int


class NoAddress(Reason):
    pass


class NoNetwork(Reason):
    pass


class NoPassword(Reason):
    pass
