"""Why a transaction could not be made, sent or confirmed."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class ContractRefuses(Reason):
    act: str
    said: str


@dataclass(frozen=True, slots=True)
class ContractRefusesSilently(Reason):
    act: str
