"""EmethCore's events: fetched range by range, decoded log by log, garbage skipped."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

from eth_utils.address import to_checksum_address
from typing_extensions import Unpack

from emeth_tui.clients.chain.abi import decode, event_topics
from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.clients.chain.rpc import Rpc
from emeth_tui.clients.chain.values import BadAnswer, hex_bytes, quantity
from emeth_tui.errors import JobError
from emeth_tui.foreign_text import one_line
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.network.rpc import LogsNotList
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import job_id_from_bytes

BLOCKS_A_REQUEST = 2_000  # what public endpoints commonly allow at once

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Logged:
    """Where on the chain an event stands."""

    block_number: int
    tx_hash: str
    log_index: int


@dataclass(frozen=True, slots=True)
class StatusChanged(_Logged):
    """A job went to another status; `node` is the node it is assigned to."""

    job_id: JobId
    node: str
    status: JobStatus


@dataclass(frozen=True, slots=True)
class RewardCredited(_Logged):
    """A node was credited gas in a slot."""

    node: str
    slot: int
    gas: int


@dataclass(frozen=True, slots=True)
class PenaltyTaken(_Logged):
    """A node lost a part of its deposit."""

    node: str
    slashed_wei: int


@dataclass(frozen=True, slots=True)
class JobRequested(_Logged):
    """A requester posted a job."""

    job_id: JobId
    owner: str
    fee_wei: int
    deadline_unix_s: int


@dataclass(frozen=True, slots=True)
class JobCanceled(_Logged):
    """A requester took a job back."""

    job_id: JobId


ChainEvent = StatusChanged | RewardCredited | PenaltyTaken | JobRequested | JobCanceled


async def read_events(rpc: Rpc, core_address: str, from_block: int, to_block: int) -> list[ChainEvent]:
    """Read the events of `from_block` to `to_block`, both in, in the chain's order.

    A range that the endpoint refuses is halved until it is one block. Raises ChainUnreachable or RpcRefusal.
    """
    events: list[ChainEvent] = []
    step = BLOCKS_A_REQUEST
    start = from_block
    while start <= to_block:
        end = min(start + step - 1, to_block)
        try:
            logs = await rpc.call("eth_getLogs", _filter(core_address, start, end))
        except RpcRefusal as refusal:
            if end == start:
                raise
            step = (end - start + 1) // 2
            _logger.info("%s; asking for %d blocks at a time", refusal, step)
            continue
        if not isinstance(logs, list):
            raise BadAnswer(LogsNotList(rpc.where))
        for log in logs:
            event = parse_log(log, core_address)
            if event is not None and start <= event.block_number <= end:
                events.append(event)
        start = end + 1
    return sorted(events, key=lambda event: (event.block_number, event.log_index))


def _filter(core_address: str, from_block: int, to_block: int) -> dict[str, object]:
    return {
        "address": core_address,
        "fromBlock": hex(from_block),
        "toBlock": hex(to_block),
        "topics": [list(event_topics())],
    }


def parse_log(log: object, core_address: str) -> ChainEvent | None:
    """Decode one log; None for what a reorganisation removed, what is not EmethCore's, and garbage."""
    if not isinstance(log, dict) or log.get("removed") is True or log.get("blockNumber") is None:
        return None
    if str(log.get("address")).lower() != core_address.lower():
        return None
    try:
        return _decoded(log)
    except (BadAnswer, ValueError, JobError) as error:
        _logger.warning("skipping a log that cannot be read: %s", one_line(error))
        return None


def _decoded(log: dict[str, Any]) -> ChainEvent | None:
    topics = log.get("topics")
    if not isinstance(topics, list) or not topics or str(topics[0]) not in event_topics():
        return None
    name, indexed_types, data_types = event_topics()[str(topics[0])]
    indexed = decode(indexed_types, b"".join(hex_bytes(topic) for topic in topics[1:]))
    plain = decode(data_types, hex_bytes(log.get("data")))
    place = _Place(
        block_number=quantity(log.get("blockNumber")),
        tx_hash="0x" + hex_bytes(log.get("transactionHash")).hex(),
        log_index=quantity(log.get("logIndex")),
    )
    make = _MAKERS.get(name)
    return make(*indexed, *plain, **place) if make else None


class _Place(TypedDict):
    block_number: int
    tx_hash: str
    log_index: int


def _status_changed(job_id: bytes, node: str, status: int, **place: Unpack[_Place]) -> StatusChanged:
    return StatusChanged(job_id_from_bytes(job_id), to_checksum_address(node), JobStatus(status), **place)


def _reward_credited(node: str, slot: int, gas: int, **place: Unpack[_Place]) -> RewardCredited:
    return RewardCredited(to_checksum_address(node), slot, gas, **place)


def _penalty_taken(node: str, slashed_wei: int, **place: Unpack[_Place]) -> PenaltyTaken:
    return PenaltyTaken(to_checksum_address(node), slashed_wei, **place)


def _job_requested(
    owner: str, job_id: bytes, fee_wei: int, deadline_unix_s: int, **place: Unpack[_Place]
) -> JobRequested:
    return JobRequested(
        job_id_from_bytes(job_id), to_checksum_address(owner), fee_wei, deadline_unix_s, **place
    )


def _job_canceled(job_id: bytes, **place: Unpack[_Place]) -> JobCanceled:
    return JobCanceled(job_id_from_bytes(job_id), **place)


_MAKERS: dict[str, Callable[..., ChainEvent]] = {
    "Status": _status_changed,
    "Reward": _reward_credited,
    "Penalty": _penalty_taken,
    "Request": _job_requested,
    "Cancel": _job_canceled,
}
