"""Reading the chain: the head, jobs, balances, slots, rates. Transactions have a module of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from eth_utils.address import is_same_address, to_checksum_address

from emeth_tui.clients.chain.abi import Call, make_call, read_result
from emeth_tui.clients.chain.contract_events import ChainEvent, read_events
from emeth_tui.clients.chain.json_rpc import Request, RpcRefusal
from emeth_tui.clients.chain.rpc import RPC_RETRY, Rpc
from emeth_tui.clients.chain.values import BadAnswer, hex_bytes, quantity
from emeth_tui.clients.http.connections import new_http_client
from emeth_tui.clients.http.retry import Retry
from emeth_tui.clients.http.transport import Transport
from emeth_tui.errors import ContractMissing, NetworkError
from emeth_tui.foreign_text import one_line
from emeth_tui.model import Head, JobId
from emeth_tui.notices.reasons.network.chain import (
    CoreMissing,
    CoreWithoutRates,
    CoreWithoutToken,
    OtherToken,
    TokenMissing,
)
from emeth_tui.notices.reasons.network.rpc import NoNewestBlock, UnknownStatus
from emeth_tui.protocol.contracts import ChainJob, JobStatus, Rates, SlotShare
from emeth_tui.protocol.job_ids import job_id_bytes
from emeth_tui.settings import Network

MAX_NODE_SLOTS = 20 * 366  # rewards end after 20 years (protocol.md §2): a longer list is a lie
_UNLIMITED_GAS = 2**256 - 1

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Balances:
    """What an account holds: EMT, the native token, and how much EMT EmethCore may take from it."""

    emt_wei: int
    native_wei: int
    allowance_wei: int


class ChainClient:
    """One network's chain, read through its RPC endpoint."""

    def __init__(self, network: Network, transport: Transport) -> None:
        self.network = network
        self.rpc = Rpc(network.rpc_urls, transport, chain_id=network.chain_id)
        self._connections = transport.client
        self.core_address = to_checksum_address(network.core_address)
        self.token_address = to_checksum_address(network.token_address)

    @classmethod
    async def connect(cls, network: Network, *, retry: Retry = RPC_RETRY) -> ChainClient:
        """Open the endpoints and check that they serve this network's chain and contracts.

        Raise ChainUnreachable, WrongChain or ContractMissing.
        """
        client = cls(network, Transport(new_http_client(), retry))
        try:
            await client._check_contracts()
        except BaseException:
            await client.close()
            raise
        return client

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.aclose()

    async def head(self) -> Head:
        """Read the newest block."""
        block = await self.rpc.call("eth_getBlockByNumber", "latest", False)
        return parse_head(block)

    async def rates(self) -> Rates:
        """Read what the contract charges. Raises ContractMissing when it cannot say."""
        names = ("DEPOSIT_RATE", "TIMEOUT_PENALTY_RATE", "DECLINE_PENALTY_RATE", "FAILED_PENALTY_RATE")
        results = await self._read([self.core(name) for name in (*names, "VERIFIER_FEE")])
        try:
            deposit, timeout, decline, failed, verifier_fee = [int(result()[0]) for result in results]
        except NetworkError as error:
            raise ContractMissing(
                CoreWithoutRates(self.core_address, str(error), self.network.chain_id, self.rpc.where)
            ) from error
        return Rates(deposit, timeout, decline, failed, verifier_fee, await self._max_slot_gas())

    async def jobs(self, ids: Sequence[JobId]) -> dict[JobId, ChainJob]:
        """Read jobs' records. Ids that the chain does not know are absent, and so are garbage records.

        A record is read in one batch, not in one block: the calls may straddle a new one.
        """
        calls: list[Call] = []
        for job_id in ids:
            key = job_id_bytes(job_id)
            calls += [self.core("jobs", key), self.core("jobDetails", key), self.core("jobAssigns", key)]
        results = await self._read(calls)
        jobs: dict[JobId, ChainJob] = {}
        for index, job_id in enumerate(ids):
            base, details, assign = results[3 * index : 3 * index + 3]
            try:
                job = _chain_job(job_id, base(), details, assign)
            except BadAnswer as error:
                _logger.warning("job %s: its record on the chain cannot be read: %s", job_id, error)
                continue
            if job is not None:
                jobs[job_id] = job
        return jobs

    async def balances(self, address: str) -> Balances:
        """Read what an account holds."""
        calls = [self.token("balanceOf", address), self.token("allowance", address, self.core_address)]
        requests = [call.request() for call in calls]
        emt, allowance, native = await self.rpc.batch(
            [*requests, Request("eth_getBalance", (address, "latest"))]
        )
        return Balances(
            emt_wei=read_result(calls[0], emt)[0],
            native_wei=quantity(native),
            allowance_wei=read_result(calls[1], allowance)[0],
        )

    async def current_slot(self) -> int:
        """Read the number of today's slot."""
        (result,) = await self._read([self.core("currentSlot")])
        return int(result()[0])

    async def slot_shares(self, address: str, slots: Sequence[int]) -> list[SlotShare]:
        """Read a node's share of each slot. Today's reward is today's rate until `slots` holds it."""
        calls = [self.core("currentSlot"), self.core("currentSlotReward")]
        for slot in slots:
            calls += [
                self.core("slots", slot),
                self.core("slotGas", slot, address),
                self.core("slotBalances", slot, address),
            ]
        today, today_reward, *per_slot = [result() for result in await self._read(calls)]
        shares: list[SlotShare] = []
        for index, slot in enumerate(slots):
            (total_gas, reward_wei), (own_gas,), (own_balance,) = per_slot[3 * index : 3 * index + 3]
            if not reward_wei and slot == today[0]:
                reward_wei = today_reward[0]
            shares.append(SlotShare(slot, own_gas, own_balance, total_gas, reward_wei))
        return shares

    async def node_slots(self, address: str) -> list[int]:
        """List the slots that a node has earned gas in, oldest first."""
        (result,) = await self._read([self.core("nodeSlotCount", address)])
        count = int(result()[0])
        first = max(0, count - MAX_NODE_SLOTS)
        calls = [
            self.core("nodeSlots", address, index)
            for index in range(first, first + min(count, MAX_NODE_SLOTS))
        ]
        return sorted({int(slot()[0]) for slot in await self._read(calls)})

    async def events(self, from_block: int, to_block: int) -> list[ChainEvent]:
        """Read EmethCore's events of a range of blocks, both ends in, oldest first."""
        return await read_events(self.rpc, self.core_address, from_block, to_block)

    def core(self, function: str, *arguments: object) -> Call:
        """Encode a call of EmethCore."""
        return make_call(self.core_address, "EmethCore", function, *arguments)

    def token(self, function: str, *arguments: object) -> Call:
        """Encode a call of the EMT token."""
        return make_call(self.token_address, "EmethToken", function, *arguments)

    async def _read(self, calls: Sequence[Call]) -> list[Callable[[], tuple[Any, ...]]]:
        """Read calls in batches. Each result is decoded, and raises its own error, when it is asked for."""
        results = await self.rpc.batch([call.request() for call in calls])
        return [partial(read_result, call, result) for call, result in zip(calls, results, strict=True)]

    async def _max_slot_gas(self) -> int:
        """Read the cap on a node's gas a slot; a deployment without one has no cap (protocol.md §3)."""
        (result,) = await self._read([self.core("MAX_SLOT_GAS_PER_NODE")])
        try:
            return int(result()[0])
        except (BadAnswer, RpcRefusal):
            return _UNLIMITED_GAS

    async def _check_contracts(self) -> None:
        core, token = self.core_address, self.token_address
        core_code, token_code = await self.rpc.batch(
            [Request("eth_getCode", (address, "latest")) for address in (core, token)]
        )
        if not hex_bytes(core_code):
            raise ContractMissing(CoreMissing(core, self.network.chain_id, self.rpc.where))
        if not hex_bytes(token_code):
            raise ContractMissing(TokenMissing(token, self.network.chain_id, self.rpc.where))
        (result,) = await self._read([self.core("emtToken")])
        try:
            its_token = str(result()[0])
        except (BadAnswer, RpcRefusal) as error:
            where = self.rpc.where
            raise ContractMissing(CoreWithoutToken(core, self.network.chain_id, where)) from error
        if not is_same_address(its_token, token):
            raise ContractMissing(OtherToken(token, core, to_checksum_address(its_token)))


def parse_head(block: object) -> Head:
    """Read a block as the endpoint sent it; what a chain adds to its headers is not looked at."""
    if not isinstance(block, dict):
        raise BadAnswer(NoNewestBlock())
    return Head(quantity(block.get("number")), one_line(block.get("hash")), quantity(block.get("timestamp")))


def _chain_job(
    job_id: JobId,
    base: tuple[Any, ...],
    details: Callable[[], tuple[Any, ...]],
    assign: Callable[[], tuple[Any, ...]],
) -> ChainJob | None:
    exists, _, owner, deadline, fee, status, requested_at = base
    if not exists:
        return None
    try:
        known_status = JobStatus(status)
    except ValueError as error:
        raise BadAnswer(UnknownStatus(status)) from error
    program_id, param, dataset, result = details()
    node, deposit, gas, started_at, submitted_at, verified_at = assign()
    return ChainJob(
        job_id=job_id,
        owner=to_checksum_address(owner),
        deadline_unix_s=deadline,
        fee_wei=fee,
        status=known_status,
        requested_at_unix_s=requested_at,
        program_id=program_id,
        param=param,
        dataset=dataset,
        result=result,
        node=to_checksum_address(node),
        deposit_wei=deposit,
        gas=gas,
        started_at_unix_s=started_at,
        submitted_at_unix_s=submitted_at,
        verified_at_unix_s=verified_at,
    )
