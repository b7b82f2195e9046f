"""Why a network's services and contracts cannot be set up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class KeptFileDamaged(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class DirectoryUnusable(Reason):
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class ServiceDidNotStart(Reason):
    service: str


@dataclass(frozen=True, slots=True)
class NoFreePort(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NoPort(Reason):
    detail: str


@dataclass(frozen=True, slots=True)
class NotInBlock(Reason):
    act: str
    limit_s: float


@dataclass(frozen=True, slots=True)
class NotDeployed(Reason):
    detail: str


@dataclass(frozen=True, slots=True)
class DeployFailed(Reason):
    tx_hash: str


@dataclass(frozen=True, slots=True)
class DeployerUsed(Reason):
    address: str


@dataclass(frozen=True, slots=True)
class DeployedOtherwise(Reason):
    term: str
    found: str
    expected: str
