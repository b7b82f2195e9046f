"""What the RPC endpoints can do."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class ChainServed(Reason):
    where: str
    chain_id: int
    block: int
    age_s: float


@dataclass(frozen=True, slots=True)
class HeadOld(Reason):
    where: str
    block: int
    age_s: float


@dataclass(frozen=True, slots=True)
class EndpointAnswers(Reason):
    where: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class EndpointSlow(Reason):
    where: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class BatchesTaken(Reason):
    where: str


@dataclass(frozen=True, slots=True)
class BatchesRefused(Reason):
    where: str


@dataclass(frozen=True, slots=True)
class LogsAnswered(Reason):
    where: str
    blocks: int


@dataclass(frozen=True, slots=True)
class LogsRefused(Reason):
    where: str
    cause: Reason


@dataclass(frozen=True, slots=True)
class EndpointSenseless(Reason):
    where: str
    cause: Reason


class OnlyOneEndpoint(Reason):
    __slots__ = ()
