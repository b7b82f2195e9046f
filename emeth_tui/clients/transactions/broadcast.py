"""What sending takes from the chain: simulation, broadcast, and sightings of what was sent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from emeth_tui.clients.chain.abi import Call, read_result, revert_reason
from emeth_tui.clients.chain.json_rpc import Request, RpcRefusal
from emeth_tui.clients.chain.rpc import Rpc
from emeth_tui.clients.chain.values import BadAnswer, hex_bytes, quantity
from emeth_tui.errors import ChainUnreachable, NetworkError, Reverted
from emeth_tui.notices.reasons.network.rpc import OtherReceipt
from emeth_tui.notices.reasons.network.transactions import ContractRefuses, ContractRefusesSilently

GAS_MARGIN_PERCENT = 25  # over the estimate: another transaction may change the state in between
_CODE_REVERTED = 3  # geth's error code for a revert

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
class Sighting:
    """One look at the chain for transactions of one nonce."""

    head_number: int
    next_nonce: int  # of the account, counting mined transactions only
    receipt: Receipt | None
    is_known: bool  # in a block or waiting for one


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
    """How a broadcast went, with the endpoint's own words."""

    verdict: Verdict
    said: str = ""


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


async def simulate(rpc: Rpc, call: Call, sender: str, purpose: str) -> int:
    """Try a call without sending it, and give the gas to allow for it.

    Raises Reverted when the contract refuses it, or NetworkError.
    """
    transaction = call.transaction(sender)
    try:
        result = await rpc.call("eth_call", transaction, "latest")
        estimate = await rpc.call("eth_estimateGas", transaction)
    except RpcRefusal as refusal:
        if not _is_revert(refusal):
            raise
        raise reverted(purpose, revert_reason(refusal.data, refusal.said)) from refusal
    if hex_bytes(result) and read_result(call, result) == (False,):
        raise reverted(purpose, "it returned false")
    return quantity(estimate) * (100 + GAS_MARGIN_PERCENT) // 100


def reverted(purpose: str, reason: str) -> Reverted:
    """Make the error for a call that the contract refuses."""
    return Reverted(ContractRefuses(purpose, reason) if reason else ContractRefusesSilently(purpose))


async def reason_at(rpc: Rpc, transaction: dict[str, str], block_number: int) -> str:
    """Find out why a mined transaction was reverted: the reason it would get after that block, or ""."""
    try:
        await rpc.call("eth_call", transaction, hex(block_number))
    except RpcRefusal as refusal:
        return revert_reason(refusal.data, refusal.said) if _is_revert(refusal) else ""
    except NetworkError as error:
        _logger.debug("no reason for the revert: %s", error)
    return ""


async def broadcast(rpc: Rpc, raw: bytes) -> Broadcast:
    """Send signed bytes, once. Whatever is said, only a look at the chain tells what became of them."""
    try:
        await rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
    except RpcRefusal as refusal:
        return Broadcast(_verdict(refusal.said), refusal.said)
    except ChainUnreachable as error:
        return Broadcast(Verdict.UNANSWERED, str(error))
    return Broadcast(Verdict.ACCEPTED)


async def look(rpc: Rpc, address: str, hashes: Sequence[str]) -> Sighting:
    """Look for transactions that share a nonce; at most one of them has a receipt. Raises NetworkError."""
    head, nonce, *found = await rpc.batch(
        [
            Request("eth_blockNumber"),
            Request("eth_getTransactionCount", (address, "latest")),
            *(Request("eth_getTransactionReceipt", (tx_hash,)) for tx_hash in hashes),
            *(Request("eth_getTransactionByHash", (tx_hash,)) for tx_hash in hashes),
        ]
    )
    receipts = [_receipt(tx_hash, raw) for tx_hash, raw in zip(hashes, found, strict=False)]
    mined = [receipt for receipt in receipts if receipt is not None]
    return Sighting(
        head_number=quantity(head),
        next_nonce=quantity(nonce),
        receipt=mined[0] if mined else None,
        is_known=bool(mined) or any(isinstance(raw, dict) for raw in found[len(hashes) :]),
    )


def _receipt(tx_hash: str, raw: object) -> Receipt | None:
    """Read a receipt. One that is missing, refused ("not found") or not in a block yet is None."""
    if not isinstance(raw, dict) or raw.get("blockNumber") is None:
        return None
    if "0x" + hex_bytes(raw.get("transactionHash")).hex() != tx_hash:
        raise BadAnswer(OtherReceipt())
    gas_used = quantity(raw.get("gasUsed"))
    price_wei = quantity(raw.get("effectiveGasPrice", raw.get("gasPrice", "0x0")))
    status: Any = raw.get("status")
    return Receipt(
        tx_hash, quantity(raw.get("blockNumber")), gas_used, gas_used * price_wei, quantity(status) == 1
    )


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
