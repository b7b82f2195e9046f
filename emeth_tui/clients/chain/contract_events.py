"""EmethCore's events: fetched range by range, decoded log by log, garbage skipped."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emeth_tui.clients.chain.contracts import Contracts, read_event
from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.clients.chain.values import BadAnswer
from emeth_tui.errors import JobError
from emeth_tui.foreign_text import one_line
from emeth_tui.model import JobId
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


async def read_events(contracts: Contracts, from_block: int, to_block: int) -> list[ChainEvent]:
    """Read EmethCore's events of `from_block` to `to_block`, both in, in the chain's order.

    A range that the endpoint refuses is halved until it is one block. Raise ChainUnreachable or RpcRefusal.
    """
    events: list[ChainEvent] = []
    step = BLOCKS_A_REQUEST
    start = from_block
    while start <= to_block:
        end = min(start + step - 1, to_block)
        try:
            logs = await contracts.w3.eth.get_logs(_filter(contracts, start, end))
        except RpcRefusal as refusal:
            if end == start:
                raise
            step = (end - start + 1) // 2
            _logger.info("%s; asking for %d blocks at a time", refusal, step)
            continue
        found = (parse_log(log, contracts) for log in logs)
        events += [event for event in found if event is not None and start <= event.block_number <= end]
        start = end + 1
    return sorted(events, key=lambda event: (event.block_number, event.log_index))


def _filter(contracts: Contracts, from_block: int, to_block: int) -> Any:
    return {
        "address": contracts.core.address,
        "fromBlock": from_block,
        "toBlock": to_block,
        "topics": [list(contracts.events)],
    }


def parse_log(log: Any, contracts: Contracts) -> ChainEvent | None:
    """Decode a log, checked already; None for what is not EmethCore's, and for garbage."""
    if log["address"].lower() != contracts.core.address.lower() or not log["topics"]:
        return None
    event = contracts.events.get("0x" + bytes(log["topics"][0]).hex())
    maker = _MAKERS.get(event.event_name) if event is not None else None
    if event is None or maker is None:
        return None
    try:
        place = {
            "block_number": log["blockNumber"],
            "tx_hash": "0x" + bytes(log["transactionHash"]).hex(),
            "log_index": log["logIndex"],
        }
        return maker(read_event(event, log)["args"], place)
    except (BadAnswer, ValueError, JobError) as error:
        _logger.warning("skipping a log that cannot be read: %s", one_line(error))
        return None


_Fields = dict[str, Any]


def _status_changed(fields: _Fields, place: _Fields) -> StatusChanged:
    status = JobStatus(fields["status"])
    return StatusChanged(
        job_id=job_id_from_bytes(fields["jobId"]), node=fields["nodeAddress"], status=status, **place
    )


def _reward_credited(fields: _Fields, place: _Fields) -> RewardCredited:
    return RewardCredited(node=fields["nodeAddress"], slot=fields["slot"], gas=fields["gas"], **place)


def _penalty_taken(fields: _Fields, place: _Fields) -> PenaltyTaken:
    return PenaltyTaken(node=fields["nodeAddress"], slashed_wei=fields["slashed"], **place)


def _job_requested(fields: _Fields, place: _Fields) -> JobRequested:
    return JobRequested(
        job_id=job_id_from_bytes(fields["jobId"]),
        owner=fields["owner"],
        fee_wei=fields["fee"],
        deadline_unix_s=fields["deadline"],
        **place,
    )


def _job_canceled(fields: _Fields, place: _Fields) -> JobCanceled:
    return JobCanceled(job_id=job_id_from_bytes(fields["jobId"]), **place)


_MAKERS: dict[str, Callable[[_Fields, _Fields], ChainEvent]] = {
    "Status": _status_changed,
    "Reward": _reward_credited,
    "Penalty": _penalty_taken,
    "Request": _job_requested,
    "Cancel": _job_canceled,
}
