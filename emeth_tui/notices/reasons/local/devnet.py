"""Why the local network does not start or go on."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.notices.notice import Reason


class DevnetRunsAlready(Reason):
    directory: Path


class DevnetExtraMissing(Reason):
    modules: str


class DevnetNotRunning(Reason):
    pass


class DevnetDidNotStart(Reason):
    last_line: str
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
    detail: str


class KeptOtherChain(Reason):
    chain_id: int
    expected_chain_id: int


class AnvilMissing(Reason):
    variable: str


class AnvilUnrunnable(Reason):
    binary: str
    detail: str


class AnvilDidNotStart(Reason):
    said: str


class AnvilEnded(Reason):
    said: str


class AnvilRefused(Reason):
    address: str
    said: str
