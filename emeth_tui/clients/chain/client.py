"""Reading the chain: the head, jobs, balances, slots, rates. Transactions have a package of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from emeth_tui.clients.chain.contract_events import ChainEvent, Transfer, read_events, read_transfers
from emeth_tui.clients.chain.contracts import Call, Contracts, read
from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.clients.chain.rpc import RPC_RETRY, Rpc
from emeth_tui.clients.chain.values import LATEST_UNIX_S, BadAnswer
from emeth_tui.clients.chain.web3 import AsyncContractFunction, AsyncWeb3
from emeth_tui.clients.http.connections import new_http_client
from emeth_tui.clients.http.retry import Retry
from emeth_tui.clients.http.transport import Transport
from emeth_tui.errors import ContractMissing, NetworkError
from emeth_tui.model import Head, JobId
from emeth_tui.notices.reasons.network.chain import (
    CoreMissing,
    CoreWithoutRates,
    CoreWithoutToken,
    OtherToken,
    TokenMissing,
)
from emeth_tui.notices.reasons.network.rpc import NotANumber, UnknownStatus
from emeth_tui.protocol.contracts import ChainJob, JobStatus, Rates, SlotShare, slot_end_unix_s
from emeth_tui.protocol.job_ids import job_id_bytes, job_id_from_bytes
from emeth_tui.settings import Network

READS_AT_ONCE = (
    100  # web3 takes half a millisecond to write and read each: the event loop must not wait for all
)
MAX_NODE_SLOTS = 20 * 366  # rewards end after 20 years (protocol.md §2): a longer list is a lie
FAR_BLOCKS, FAR_S = 100, 60  # from the newest block before: no deadline passes by one wrong answer
_UNLIMITED_GAS = 2**256 - 1

Block = int | Literal["latest"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Balances:
    """What an account holds: EMT, the native token, and how much EMT EmethCore may take from it."""

    emt_wei: int
    native_wei: int
    allowance_wei: int


class ChainClient:
    """One network's chain, read through its RPC endpoints."""

    def __init__(self, network: Network, transport: Transport) -> None:
        self.network = network
        self.rpc = Rpc(network.rpc_urls, transport, chain_id=network.chain_id)
        self.contracts = Contracts(self.rpc, network.core_address, network.token_address)
        self.core_address = str(self.contracts.core.address)
        self.token_address = str(self.contracts.token.address)
        self._transport = transport
        self._others: dict[str, ChainClient] = {}
        self._newest: Head | None = None

    @classmethod
    async def connect(cls, network: Network, *, retry: Retry = RPC_RETRY) -> ChainClient:
        """Open the endpoints and check that they serve this network's chain and contracts.

        Raise ChainUnreachable, WrongChain or ContractMissing.
        """
        client = cls(network, Transport(new_http_client(), retry))
        try:
            await client.check_contracts()
        except BaseException:
            await client.close()
            raise
        return client

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.client.aclose()

    def others(self) -> list[ChainClient]:
        """Return a client for each endpoint of the network that is not in use, alone."""
        if not self._others and len(self.network.rpc_urls) > 1:
            clients = (
                ChainClient(self.network.model_copy(update={"rpc_urls": [url]}), self._transport)
                for url in self.network.rpc_urls
            )
            self._others = {client.rpc.where: client for client in clients}
        return [client for where, client in self._others.items() if where != self.rpc.where]

    @property
    def w3(self) -> AsyncWeb3[Any]:
        """web3 on this chain's endpoints: its errors are ours, its answers are checked."""
        return self.contracts.w3

    async def check_contracts(self) -> None:
        """Check that the two contracts are there, and belong together. Raise ContractMissing."""
        core, token = self.core_address, self.token_address
        addresses = self.contracts.core.address, self.contracts.token.address
        core_code, token_code = await asyncio.gather(*map(self.w3.eth.get_code, addresses))
        if not core_code:
            raise ContractMissing(CoreMissing(core, self.network.chain_id, self.rpc.where))
        if not token_code:
            raise ContractMissing(TokenMissing(token, self.network.chain_id, self.rpc.where))
        (its_token,) = await self._read_all(self.contracts.core.functions.emtToken())
        if isinstance(its_token, NetworkError):
            where = self.rpc.where
            raise ContractMissing(CoreWithoutToken(core, self.network.chain_id, where)) from its_token
        if its_token != token:
            raise ContractMissing(OtherToken(token, core, its_token))

    async def head(self, number: Block = "latest") -> Head:
        """Read the newest block, or another one. A newest one far from the last is asked for again."""
        head = await self._head(number)
        if number == "latest":
            if self._newest is None or _are_far(head, self._newest):
                head = await self._head(number)
            self._newest = head
        return head

    async def _head(self, number: Block) -> Head:
        block = await self.w3.eth.get_block(number)
        return Head(int(block["number"]), "0x" + bytes(block["hash"]).hex(), int(block["timestamp"]))

    async def rates(self) -> Rates:
        """Read what the contract charges. Raise ContractMissing when it cannot say."""
        functions = self.contracts.core.functions
        results = await self._read_all(
            functions.DEPOSIT_RATE(),
            functions.TIMEOUT_PENALTY_RATE(),
            functions.DECLINE_PENALTY_RATE(),
            functions.FAILED_PENALTY_RATE(),
            functions.VERIFIER_FEE(),
        )
        try:
            deposit, timeout, decline, failed, verifier_fee = _values(results)
        except NetworkError as error:
            raise ContractMissing(
                CoreWithoutRates(self.core_address, error.reason, self.network.chain_id, self.rpc.where)
            ) from error
        return Rates(deposit, timeout, decline, failed, verifier_fee, await self._max_slot_gas())

    async def jobs(self, ids: Sequence[JobId], block: Block = "latest") -> dict[JobId, ChainJob]:
        """Read jobs' records. Ids that the chain does not know are absent, and so are garbage records.

        At "latest" a record is read in one batch, not in one block: the calls may straddle a new one.
        """
        functions = self.contracts.core.functions
        results = await self._read_all(
            *(
                function(job_id_bytes(job_id))
                for job_id in ids
                for function in (functions.jobs, functions.jobDetails, functions.jobAssigns)
            ),
            block=block,
        )
        jobs: dict[JobId, ChainJob] = {}
        for index, job_id in enumerate(ids):
            try:
                job = _chain_job(job_id, *results[3 * index : 3 * index + 3])
            except BadAnswer as error:
                _logger.warning("job %s: its record on the chain cannot be read: %s", job_id, error)
                continue
            if job is not None:
                jobs[job_id] = job
        return jobs

    async def balances(self, address: str, block: Block = "latest") -> Balances:
        """Read what an account holds."""
        functions = self.contracts.token.functions
        account = self.w3.to_checksum_address(address)
        (emt_wei, allowance_wei), native_wei = await asyncio.gather(
            self._read_all(
                functions.balanceOf(account), functions.allowance(account, self.core_address), block=block
            ),
            self.w3.eth.get_balance(account, block),
        )
        return Balances(_value(emt_wei), int(native_wei), _value(allowance_wei))

    async def current_slot(self) -> int:
        """Read the number of today's slot."""
        (found,) = await self._read_all(self.contracts.core.functions.currentSlot())
        slot = int(_value(found))
        if slot_end_unix_s(slot) > LATEST_UNIX_S:
            raise BadAnswer(NotANumber(str(slot)))
        return slot

    async def slot_shares(self, address: str, slots: Sequence[int]) -> list[SlotShare]:
        """Read a node's share of each slot. Today's reward is today's rate until `slots` holds it."""
        functions = self.contracts.core.functions
        reads = [functions.currentSlot(), functions.currentSlotReward()]
        for slot in slots:
            reads += [
                functions.slots(slot),
                functions.slotGas(slot, address),
                functions.slotBalances(slot, address),
            ]
        today, today_reward_wei, *per_slot = _values(await self._read_all(*reads))
        shares: list[SlotShare] = []
        for index, slot in enumerate(slots):
            (total_gas, reward_wei), own_gas, own_balance = per_slot[3 * index : 3 * index + 3]
            if not reward_wei and slot == today:
                reward_wei = today_reward_wei
            shares.append(SlotShare(slot, own_gas, own_balance, total_gas, reward_wei))
        return shares

    async def node_slots(self, address: str) -> list[int]:
        """List the slots that a node has earned gas in, oldest first."""
        functions = self.contracts.core.functions
        (found,) = await self._read_all(functions.nodeSlotCount(address))
        count = int(_value(found))
        newest = range(max(0, count - MAX_NODE_SLOTS), count)
        slots = await self._read_all(*(functions.nodeSlots(address, index) for index in newest))
        return sorted({int(slot) for slot in _values(slots)})

    async def events(self, from_block: int, to_block: int) -> list[ChainEvent]:
        """Read EmethCore's events of a range of blocks, both ends in, oldest first."""
        return await read_events(self.contracts, from_block, to_block)

    async def transfers(self, address: str, from_block: int, to_block: int) -> list[Transfer]:
        """Read an account's movements of EMT in a range of blocks, both ends in, oldest first."""
        return await read_transfers(self.contracts, address, from_block, to_block)

    async def emt_at(self, address: str, block: int) -> int:
        """Read an account's EMT, in wei, after a block. Raise NetworkError where its state is gone."""
        account = self.w3.to_checksum_address(address)
        (emt_wei,) = await self._read_all(self.contracts.token.functions.balanceOf(account), block=block)
        return int(_value(emt_wei))

    async def block_at(self, unix_s: int) -> int:
        """Return the newest block that is no younger than a time; 0 where all of them are younger."""
        low, high = 0, (await self.head()).number
        while low < high:
            middle = (low + high + 1) // 2
            if (await self.head(middle)).timestamp_unix_s <= unix_s:
                low = middle
            else:
                high = middle - 1
        return low

    async def assigned_count(self, address: str) -> int | None:
        """Return how many jobs an account ever claimed; None where the contract does not say."""
        (count,) = await self._read_all(self.contracts.core.functions.jobAssignedCount(address))
        return None if isinstance(count, NetworkError) else int(count)

    async def assigned_jobs(self, address: str, indexes: Iterable[int]) -> list[JobId]:
        """Return the jobs that an account claimed, by their place in its history."""
        history = self.contracts.core.functions.jobAssignedHistory
        found = await self._read_all(*(history(address, index) for index in indexes))
        return [job_id_from_bytes(raw) for raw in found if not isinstance(raw, NetworkError)]

    def core(self, function: str, *arguments: object) -> Call:
        """Encode a call of EmethCore."""
        return self.contracts.core.call(function, *arguments)

    def token(self, function: str, *arguments: object) -> Call:
        """Encode a call of the EMT token."""
        return self.contracts.token.call(function, *arguments)

    async def _read_all(self, *functions: AsyncContractFunction, block: Block = "latest") -> list[Any]:
        """Read functions, in few batches: a value each, or the BadAnswer or RpcRefusal instead."""
        results: list[Any] = []
        for start in range(0, len(functions), READS_AT_ONCE):
            several = functions[start : start + READS_AT_ONCE]
            results += await asyncio.gather(*(self._read(function, block) for function in several))
        return results

    async def _read(self, function: AsyncContractFunction, block: Block) -> Any:
        try:
            return await read(function, block)
        except (BadAnswer, RpcRefusal) as error:
            return error

    async def _max_slot_gas(self) -> int:
        """Read the cap on a node's gas a slot; a deployment without one has no cap (protocol.md §3)."""
        (cap,) = await self._read_all(self.contracts.core.functions.MAX_SLOT_GAS_PER_NODE())
        return _UNLIMITED_GAS if isinstance(cap, NetworkError) else int(cap)


def _are_far(one: Head, other: Head) -> bool:
    blocks, seconds = one.number - other.number, one.timestamp_unix_s - other.timestamp_unix_s
    return abs(blocks) > FAR_BLOCKS or abs(seconds) > FAR_S


def _value(result: Any) -> Any:
    """Return a result. Raise the error that stands in its place."""
    if isinstance(result, NetworkError):
        raise result
    return result


def _values(results: Iterable[Any]) -> list[Any]:
    return [_value(result) for result in results]


def _chain_job(job_id: JobId, base: Any, details: Any, assign: Any) -> ChainJob | None:
    exists, _, owner, deadline, fee, status, requested_at = _value(base)
    if not exists:
        return None
    try:
        known_status = JobStatus(status)
    except ValueError as error:
        raise BadAnswer(UnknownStatus(status)) from error
    program_id, param, dataset, result = _value(details)
    node, deposit, gas, started_at, submitted_at, verified_at = _value(assign)
    return ChainJob(
        job_id=job_id,
        owner=owner,
        deadline_unix_s=deadline,
        fee_wei=fee,
        status=known_status,
        requested_at_unix_s=requested_at,
        program_id=program_id,
        param=param,
        dataset=dataset,
        result=result,
        node=node,
        deposit_wei=deposit,
        gas=gas,
        started_at_unix_s=started_at,
        submitted_at_unix_s=submitted_at,
        verified_at_unix_s=verified_at,
    )
