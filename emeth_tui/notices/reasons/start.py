"""Why a node does not start: what it needs and does not have."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.notices.notice import Reason, Wei


class NoVerificationKey(Reason):
    network: str
    variable: str


class OtherAccount(Reason):
    directory: Path
    account: str


class NoGasToken(Reason):
    address: str
    symbol: str


class NoEmt(Reason):
    address: str
    balance_wei: Wei
    smallest_wei: Wei


class NodeRuns(Reason):
    directory: Path
    pid: int


class PythonLacks(Reason):
    version: str
    module: str


class TerminalCannotShow(Reason):
    term: str
