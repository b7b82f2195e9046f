"""What the info server, the storage and this machine's clock do."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.model import ServiceName
from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class JobsListed(Reason):
    where: str
    jobs: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class SignatureTaken(Reason):
    where: str


@dataclass(frozen=True, slots=True)
class SignatureUndecided(Reason):
    where: str
    status: int
    said: str


@dataclass(frozen=True, slots=True)
class SignatureRefused(Reason):
    where: str
    status: int
    said: str


@dataclass(frozen=True, slots=True)
class ClockAgrees(Reason):
    service: ServiceName


class ClockNotCompared(Reason):
    __slots__ = ()
