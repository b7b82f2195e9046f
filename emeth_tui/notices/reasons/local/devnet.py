"""Why the local network does not start or go on."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class DevnetRunsAlready(Reason):
    directory: Path


class DevnetExtraMissing(Reason):
    modules: str


class DevnetNotRunning(Reason):
    pass


class DevnetDidNotStart(Reason):
    last_line: ForeignText | Reason
    log: Path


class DevnetNotReady(Reason):
    limit_s: float
    log: Path


class ChainNotRunning(Reason):
    pass


class ChainRunsElsewhere(Reason):
    path: Path


class ChainFileForeign(Reason):
    path: Path


class ChainFileDamaged(Reason):
    path: Path
    at: int


class ChainFileUnopened(Reason):
    path: Path
    detail: ForeignText


class KeptOtherChain(Reason):
    chain_id: int
    expected_chain_id: int


class AnvilMissing(Reason):
    variable: str


class AnvilUnrunnable(Reason):
    binary: str
    detail: ForeignText


class AnvilDidNotStart(Reason):
    said: ForeignText | Reason


class AnvilEnded(Reason):
    said: ForeignText | Reason


class NothingSaid(Reason):
    pass


class AnvilRefused(Reason):
    address: str
    said: ForeignText
