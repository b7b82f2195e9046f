"""Why the local network does not start or go on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class DevnetRunsAlready(Reason):
    directory: Path


@dataclass(frozen=True, slots=True)
class DevnetExtraMissing(Reason):
    modules: str


@dataclass(frozen=True, slots=True)
class DevnetNotRunning(Reason):
    pass


@dataclass(frozen=True, slots=True)
class DevnetDidNotStart(Reason):
    last_line: str
    log: Path


@dataclass(frozen=True, slots=True)
class DevnetNotReady(Reason):
    limit_s: float
    log: Path


@dataclass(frozen=True, slots=True)
class ChainNotRunning(Reason):
    pass


@dataclass(frozen=True, slots=True)
class ChainRunsElsewhere(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class ChainFileForeign(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class ChainFileDamaged(Reason):
    path: Path
    at: int


@dataclass(frozen=True, slots=True)
class ChainFileUnopened(Reason):
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class KeptOtherChain(Reason):
    chain_id: int
    expected_chain_id: int


@dataclass(frozen=True, slots=True)
class AnvilMissing(Reason):
    variable: str


@dataclass(frozen=True, slots=True)
class AnvilUnrunnable(Reason):
    binary: str
    detail: str


@dataclass(frozen=True, slots=True)
class AnvilDidNotStart(Reason):
    said: str


@dataclass(frozen=True, slots=True)
class AnvilEnded(Reason):
    said: str


@dataclass(frozen=True, slots=True)
class AnvilRefused(Reason):
    address: str
    said: str
