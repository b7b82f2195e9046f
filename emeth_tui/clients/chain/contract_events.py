"""EmethCore's events: fetched range by range, decoded log by log, garbage skipped."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emeth_tui.clients.chain.contracts import Contract, Contracts, read_event
from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.clients.chain.values import BadAnswer
from emeth_tui.errors import JobError
from emeth_tui.foreign_text import one_line
from emeth_tui.model import JobId
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import job_id_from_bytes

BLOCKS_A_REQUEST = 2_000  # what public endpoints commonly allow at once

_Fields = dict[str, Any]

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


@dataclass(frozen=True, slots=True)
class Transfer(_Logged):
    """EMT that moved from one account to another (ERC-20's `Transfer`), in wei."""

    sender: str
    recipient: str
    amount_wei: int


ChainEvent = StatusChanged | RewardCredited | PenaltyTaken | JobRequested | JobCanceled


async def read_events(contracts: Contracts, from_block: int, to_block: int) -> list[ChainEvent]:
    """Read EmethCore's events of `from_block` to `to_block`, both in, in the chain's order.

    A range that the endpoint refuses is halved until it is one block. Raise ChainUnreachable or RpcRefusal.
    """
    found = await _read_logs(contracts, from_block, to_block, contracts.core, [list(contracts.events)])
    events = (parse_log(log, contracts) for log in found)
    return sorted((event for event in events if event is not None), key=_place)


async def read_transfers(
    contracts: Contracts, address: str, from_block: int, to_block: int
) -> list[Transfer]:
    """Read the EMT that an account sent and received in a range of blocks, both ends in, in order.

    Raise ChainUnreachable or RpcRefusal.
    """
    account = "0x" + address[2:].lower().rjust(64, "0")
    topic = contracts.transfer.topic
    found: dict[tuple[int, int], Transfer] = {}  # what it sent to itself comes twice
    for topics in ([topic, account], [topic, None, account]):
        for log in await _read_logs(contracts, from_block, to_block, contracts.token, topics):
            if (transfer := _transfer(log, contracts)) is not None:
                found[_place(transfer)] = transfer
    return [found[place] for place in sorted(found)]


async def _read_logs(
    contracts: Contracts, from_block: int, to_block: int, contract: Contract, topics: list[Any]
) -> list[Any]:
    """Read a contract's logs; a range that the endpoint refuses is halved until it is one block."""
    logs: list[Any] = []
    step = BLOCKS_A_REQUEST
    start = from_block
    while start <= to_block:
        end = min(start + step - 1, to_block)
        wanted: Any = {"address": contract.address, "fromBlock": start, "toBlock": end, "topics": topics}
        try:
            found = await contracts.w3.eth.get_logs(wanted)
        except RpcRefusal as refusal:
            if end == start:
                raise
            step = (end - start + 1) // 2
            _logger.info("%s; asking for %d blocks at a time", refusal, step)
            continue
        logs += [log for log in found if start <= log["blockNumber"] <= end]
        start = end + 1
    return logs


def _place(logged: _Logged) -> tuple[int, int]:
    return logged.block_number, logged.log_index


def _transfer(log: Any, contracts: Contracts) -> Transfer | None:
    if log["address"].lower() != contracts.token.address.lower():
        return None
    try:
        fields = read_event(contracts.transfer, log)["args"]
    except BadAnswer as error:
        _logger.warning("skipping a log that cannot be read: %s", one_line(error))
        return None
    sender, recipient, amount = fields.values()
    return Transfer(sender=sender, recipient=recipient, amount_wei=amount, **_where(log))


def _where(log: Any) -> _Fields:
    return {
        "block_number": log["blockNumber"],
        "tx_hash": "0x" + bytes(log["transactionHash"]).hex(),
        "log_index": log["logIndex"],
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
        return maker(read_event(event, log)["args"], _where(log))
    except (BadAnswer, ValueError, JobError) as error:
        _logger.warning("skipping a log that cannot be read: %s", one_line(error))
        return None


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
