"""Why the chain or its contracts cannot be used."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class ChainDown(Reason):
    cause: Reason


@dataclass(frozen=True, slots=True)
class OtherChain(Reason):
    where: str
    chain_id: int
    expected_chain_id: int


@dataclass(frozen=True, slots=True)
class CoreMissing(Reason):
    address: str
    chain_id: int
    where: str


@dataclass(frozen=True, slots=True)
class EndpointBehind(Reason):
    where: str
    blocks: int


@dataclass(frozen=True, slots=True)
class EndpointsDisagree(Reason):
    job: str
    where: str
    status: str
    other: str
    other_status: str


@dataclass(frozen=True, slots=True)
class CoreWithoutToken(Reason):
    address: str
    chain_id: int
    where: str


@dataclass(frozen=True, slots=True)
class CoreWithoutRates(Reason):
    address: str
    detail: str
    chain_id: int
    where: str


@dataclass(frozen=True, slots=True)
class TokenMissing(Reason):
    token: str
    chain_id: int
    where: str


@dataclass(frozen=True, slots=True)
class OtherToken(Reason):
    token: str
    core: str
    core_token: str
