"""A deployment from the beginning to the end: on record before anything is sent, and checked at last."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address

from emeth_tui.clients.chain.provider import ChainProvider
from emeth_tui.clients.chain.rpc import Rpc
from emeth_tui.clients.chain.web3 import AsyncWeb3, Web3Exception
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.transactions.gas_price import MAX_GAS_PRICE_WEI, market_price
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import InsufficientFunds, ServiceError
from emeth_tui.foreign_text import one_line
from emeth_tui.network.checking import check_terms, require_code
from emeth_tui.network.deploy import GAS, Deployment, Terms, deploy, deployment_of
from emeth_tui.network.record import Beginning, DeploymentRecord
from emeth_tui.notices.reasons.local import serving as why
from emeth_tui.notices.reasons.network.transactions import DeploymentUnaffordable

_ROOM_FOR_RISES = 2  # of the price of gas, while a deployment waits for its blocks


@dataclass(frozen=True, slots=True)
class Cost:
    """What a deployment costs at most, at which price of a unit of gas, and what the deployer holds."""

    wei: int
    most_wei: int
    balance_wei: int


@asynccontextmanager
async def open_chain(rpc_urls: Sequence[str]) -> AsyncIterator[AsyncWeb3[Any]]:
    """Open a chain on which nothing of ours needs to be yet."""
    async with open_transport() as transport:
        yield AsyncWeb3(ChainProvider(Rpc(rpc_urls, transport)), middleware=[])


async def begin(w3: AsyncWeb3[Any], deployer: Wallet, terms: Terms, path: Path) -> DeploymentRecord:
    """Return the record of an earlier run, or that of a deployment that begins now, not yet written.

    Raise ServiceError where the record is of another chain, deployer or terms.
    """
    address = to_checksum_address(deployer.address)
    genesis, chain_id = await w3.eth.get_block(0), int(await w3.eth.chain_id)
    genesis_hash = "0x" + bytes(genesis["hash"]).hex()
    record = DeploymentRecord.read(path)
    if record is not None:
        begun = record.beginning
        if (begun.chain_id, begun.genesis_hash) != (chain_id, genesis_hash):
            raise ServiceError(why.RecordOfOtherChain(path, begun.chain_id))
        if begun.deployer != address:
            raise ServiceError(why.RecordOfOtherAccount(path, begun.deployer))
        if (other := _other_term(record.terms, terms)) is not None:
            raise ServiceError(why.RecordOfOtherTerms(path, other))
        return record
    mined, pending = [int(await w3.eth.get_transaction_count(address, at)) for at in ("latest", "pending")]
    if pending > mined:
        raise ServiceError(why.TransactionsWait(address, pending - mined))
    beginning = Beginning(chain_id, genesis_hash, address, mined, int(await w3.eth.block_number))
    return DeploymentRecord(path, beginning, terms)


async def cost_of(w3: AsyncWeb3[Any], record: DeploymentRecord, symbol: str) -> Cost:
    """Return what a deployment costs. Raise InsufficientFunds where the deployer cannot pay for all of it.

    One that goes on has paid a part already. Raise TransactionError where the endpoint's price is absurd.
    """
    deployer = to_checksum_address(record.beginning.deployer)
    price_wei = (await market_price(w3)).max_wei
    balance_wei = int(await w3.eth.get_balance(deployer))
    if balance_wei < GAS * price_wei and not record.has_begun:
        raise InsufficientFunds(DeploymentUnaffordable(GAS * price_wei, deployer, balance_wei, symbol))
    most_wei = min(_ROOM_FOR_RISES * price_wei, MAX_GAS_PRICE_WEI)
    return Cost(GAS * most_wei, most_wei, balance_wei)


async def see_through(
    w3: AsyncWeb3[Any], deployer: Wallet, record: DeploymentRecord, most_wei: int = MAX_GAS_PRICE_WEI
) -> Deployment:
    """Write the record, deploy what is not deployed yet, and check all of it. Raise ServiceError.

    Nothing is signed that pays more than `most_wei` for a unit of gas.
    """
    record.write()
    deployment = await deploy(
        w3,
        deployer,
        record.terms,
        first_nonce=record.beginning.first_nonce,
        chain_id=record.beginning.chain_id,
        most_wei=most_wei,
        journal=record,
    )
    try:
        await check_terms(w3, deployment, record.terms)
    except Web3Exception as error:
        raise ServiceError(why.NotDeployed(one_line(error))) from error
    return deployment


async def look_again(w3: AsyncWeb3[Any], record: DeploymentRecord) -> Deployment:
    """Return a finished deployment that is still there, whoever has its roles by now. Raise ServiceError."""
    begun = record.beginning
    deployment = deployment_of(to_checksum_address(begun.deployer), begun.first_nonce)
    await require_code(w3, deployment)
    return deployment


def _other_term(recorded: Terms, asked: Terms) -> str | None:
    for entry in fields(Terms):
        mine, theirs = getattr(recorded, entry.name), getattr(asked, entry.name)
        if mine == theirs:
            continue
        if entry.name == "rates":
            return next(
                one.name for one in fields(mine) if getattr(mine, one.name) != getattr(theirs, one.name)
            )
        return entry.name
    return None
