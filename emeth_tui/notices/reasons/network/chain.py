"""Why the chain or its contracts cannot be used."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class ChainDown(Reason):
    cause: Reason


class OtherChain(Reason):
    where: str
    chain_id: int
    expected_chain_id: int


class CoreMissing(Reason):
    address: str
    chain_id: int
    where: str


class EndpointBehind(Reason):
    where: str
    blocks: int


class EndpointsDisagree(Reason):
    job: str
    where: str
    status: str
    other: str
    other_status: str


class CoreWithoutToken(Reason):
    address: str
    chain_id: int
    where: str


class CoreWithoutRates(Reason):
    address: str
    detail: Reason
    chain_id: int
    where: str


class TokenMissing(Reason):
    token: str
    chain_id: int
    where: str


class OtherToken(Reason):
    token: str
    core: str
    core_token: str
