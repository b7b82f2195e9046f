"""What sending takes from the chain: simulation, broadcast, and what became of a transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hexbytes import HexBytes

from emeth_tui.clients.chain.contracts import Call, revert_reason
from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.clients.chain.values import BadAnswer
from emeth_tui.clients.chain.web3 import AsyncWeb3, TransactionNotFound
from emeth_tui.errors import NetworkError, Reverted
from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.rpc import OtherReceipt
from emeth_tui.notices.reasons.network.transactions import (
    ContractRefuses,
    ContractRefusesSilently,
    ReturnedFalse,
)

GAS_MARGIN_PERCENT = 25  # over the estimate: another transaction may change the state in between
_CODE_REVERTED = 3  # geth's error code for a revert
_NOTHING = ForeignText("")
_FALSE = bytes(32)  # a bool in the ABI's encoding

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction in a block. `ok` is false when it was reverted; `fee_wei` is what its gas cost."""

    tx_hash: str
    block_number: int
    gas_used: int
    fee_wei: int
    ok: bool


@dataclass(frozen=True, slots=True)
class NonceStatus:
    """What the chain shows of the transactions that share a nonce."""

    head_number: int
    next_nonce: int  # of the account, counting mined transactions only
    receipt: Receipt | None
    is_known: bool  # mined, or in the pool


class Verdict(Enum):
    """What an endpoint says to a broadcast transaction."""

    ACCEPTED = "accepted"
    KNOWN = "already known"
    NONCE_TAKEN = "nonce too low"
    UNDERPRICED = "underpriced"
    UNFUNDED = "insufficient funds"
    REFUSED = "refused"
    UNANSWERED = "no answer"  # it may have arrived all the same


@dataclass(frozen=True, slots=True)
class Broadcast:
    """How a broadcast went, with the endpoint's own words, or with the error where none came."""

    verdict: Verdict
    said: ForeignText = _NOTHING
    error: NetworkError | None = None


# How geth, Erigon, Nethermind, Besu, anvil and py-evm word it. The order counts: "already known" comes first.
_WORDING: tuple[tuple[Verdict, tuple[str, ...]], ...] = (
    (Verdict.KNOWN, ("already known", "alreadyknown", "known transaction", "already imported", "in mempool")),
    (Verdict.NONCE_TAKEN, ("nonce too low", "nonce is too low", "oldnonce", "nonce below", "invalid nonce")),
    (Verdict.UNFUNDED, ("insufficient funds", "insufficient balance", "not have enough", "cannot afford")),
    (
        Verdict.UNDERPRICED,
        ("underpriced", "fee too low", "price too low", "feetoolow", "than block base fee"),
    ),
)


async def simulate(w3: AsyncWeb3[Any], call: Call, sender: str, purpose: str) -> int:
    """Try a call without sending it, and return the gas to allow for it.

    Raise Reverted when the contract refuses it, or NetworkError.
    """
    transaction: Any = call.transaction(sender)
    try:
        result = await w3.eth.call(transaction)
        estimate = await w3.eth.estimate_gas(transaction)
    except RpcRefusal as refusal:
        if not _is_revert(refusal):
            raise
        raise reverted(purpose, revert_reason(refusal.data, refusal.said)) from refusal
    if result == _FALSE:
        raise reverted(purpose, ReturnedFalse())
    return int(estimate) * (100 + GAS_MARGIN_PERCENT) // 100


def reverted(purpose: str, reason: ForeignText | Reason) -> Reverted:
    """Make the error for a call that the contract refuses."""
    return Reverted(ContractRefuses(purpose, reason) if reason else ContractRefusesSilently(purpose))


async def reason_at(w3: AsyncWeb3[Any], transaction: Any, block_number: int) -> ForeignText:
    """Find out why a mined transaction was reverted: the reason it would get after that block, or ""."""
    try:
        await w3.eth.call(transaction, block_number)
    except RpcRefusal as refusal:
        return revert_reason(refusal.data, refusal.said) if _is_revert(refusal) else _NOTHING
    except NetworkError as error:
        _logger.debug("no reason for the revert: %s", error)
    return _NOTHING


async def broadcast(w3: AsyncWeb3[Any], raw: bytes) -> Broadcast:
    """Send signed bytes, once. Whatever the answer, only the chain shows what became of them."""
    try:
        await w3.eth.send_raw_transaction(raw)
    except RpcRefusal as refusal:
        return Broadcast(_verdict(refusal.said), refusal.said)
    except NetworkError as error:
        return Broadcast(Verdict.UNANSWERED, error=error)
    return Broadcast(Verdict.ACCEPTED)


async def nonce_status(w3: AsyncWeb3[Any], address: str, hashes: Sequence[str]) -> NonceStatus:
    """Look for transactions that share a nonce; at most one of them has a receipt. Raise NetworkError."""
    account = w3.to_checksum_address(address)
    head, next_nonce, *found = await asyncio.gather(
        w3.eth.block_number,
        w3.eth.get_transaction_count(account),
        *(_if_found(w3.eth.get_transaction_receipt, tx_hash) for tx_hash in hashes),
        *(_if_found(w3.eth.get_transaction, tx_hash) for tx_hash in hashes),
    )
    receipts, transactions = found[: len(hashes)], found[len(hashes) :]
    mined = [_receipt(*pair) for pair in zip(hashes, receipts, strict=True) if pair[1] is not None]
    return NonceStatus(
        head_number=int(head),
        next_nonce=int(next_nonce),
        receipt=mined[0] if mined else None,
        is_known=bool(mined) or any(transaction is not None for transaction in transactions),
    )


async def _if_found(look_up: Callable[[Any], Awaitable[Any]], tx_hash: str) -> Any | None:
    """Return what an endpoint has; some say that they have nothing with null, others with an error."""
    try:
        return await look_up(HexBytes(tx_hash))
    except (TransactionNotFound, RpcRefusal):
        return None


def _receipt(tx_hash: str, raw: Any) -> Receipt:
    if "0x" + bytes(raw["transactionHash"]).hex() != tx_hash:
        raise BadAnswer(OtherReceipt())
    gas_used = int(raw["gasUsed"])
    fee_wei = gas_used * int(raw["effectiveGasPrice"])
    return Receipt(tx_hash, int(raw["blockNumber"]), gas_used, fee_wei, raw["status"] == 1)


def _is_revert(refusal: RpcRefusal) -> bool:
    said = refusal.said.lower()
    return (
        bool(refusal.data) or refusal.code == _CODE_REVERTED or "revert" in said or "invalid opcode" in said
    )


def _verdict(said: str) -> Verdict:
    lowered = said.lower()
    for verdict, wordings in _WORDING:
        if any(wording in lowered for wording in wordings):
            return verdict
    return Verdict.REFUSED
