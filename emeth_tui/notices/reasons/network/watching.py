"""What is said of an account that is read from the chain alone."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class FromChainAlone(Reason):
    pass


class ReadingBack(Reason):
    block: int
    first_block: int


class HistoryCut(Reason):
    block: int
