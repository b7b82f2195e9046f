"""Why a node does not start: what it needs and does not have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason, Wei


@dataclass(frozen=True, slots=True)
class NoVerificationKey(Reason):
    network: str
    variable: str


@dataclass(frozen=True, slots=True)
class OtherAccount(Reason):
    directory: Path
    account: str


@dataclass(frozen=True, slots=True)
class NoGasToken(Reason):
    address: str
    symbol: str


@dataclass(frozen=True, slots=True)
class NoEmt(Reason):
    address: str
    balance_wei: Wei
    smallest_wei: Wei


@dataclass(frozen=True, slots=True)
class NodeRuns(Reason):
    directory: Path
    pid: int


@dataclass(frozen=True, slots=True)
class TerminalCannotShow(Reason):
    term: str
