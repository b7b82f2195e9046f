"""What the RPC endpoints can do."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class ChainServed(Reason):
    where: str
    chain_id: int
    block: int
    age_s: float


class HeadOld(Reason):
    where: str
    block: int
    age_s: float


class EndpointAnswers(Reason):
    where: str
    milliseconds: int


class EndpointSlow(Reason):
    where: str
    milliseconds: int


class BatchesTaken(Reason):
    where: str


class BatchesRefused(Reason):
    where: str


class LogsAnswered(Reason):
    where: str
    blocks: int


class LogsRefused(Reason):
    where: str
    cause: Reason


class EndpointSenseless(Reason):
    where: str
    cause: Reason


class OnlyOneEndpoint(Reason):
    pass
