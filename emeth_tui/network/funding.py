"""Give an account what it needs to take part: EMT for deposits or fees, native token for transactions."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import InsufficientFunds, ServiceError
from emeth_tui.network.account import Account
from emeth_tui.notices.reasons.local.serving import TransactionsWait
from emeth_tui.notices.reasons.network.transactions import FundsTooSmall

RECEIPT_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class TopUp:
    """What an account holds, and what it is to get on top of that."""

    address: str
    emt_wei: int
    native_wei: int
    more_emt_wei: int
    more_native_wei: int


async def plan_top_up(
    chain: ChainClient, giver: Wallet, address: str, emt_wei: int, native_wei: int
) -> TopUp:
    """Return what brings an account up to these amounts; nothing where it has them.

    Raise ServiceError while transactions of the giver are under way: what they bring cannot be seen yet.
    Raise InsufficientFunds.
    """
    sender = chain.w3.to_checksum_address(giver.address)
    mined = int(await chain.w3.eth.get_transaction_count(sender))
    pending = int(await chain.w3.eth.get_transaction_count(sender, "pending"))
    if pending > mined:
        raise ServiceError(TransactionsWait(sender, pending - mined))
    holds, has = await chain.balances(address), await chain.balances(sender)
    plan = TopUp(
        address,
        holds.emt_wei,
        holds.native_wei,
        max(0, emt_wei - holds.emt_wei),
        max(0, native_wei - holds.native_wei),
    )
    if plan.more_emt_wei > has.emt_wei or plan.more_native_wei > has.native_wei:
        raise InsufficientFunds(
            FundsTooSmall(sender, has.emt_wei, has.native_wei, chain.network.native_symbol)
        )
    return plan


async def top_up(chain: ChainClient, giver: Wallet, plan: TopUp) -> None:
    """Send what the plan says, and wait for its blocks. Raise TransactionError or NetworkError."""
    account = Account(chain, giver, receipt_timeout_s=RECEIPT_TIMEOUT_S)
    if plan.more_native_wei:
        await account.send_native(plan.address, plan.more_native_wei, chain.network.native_symbol)
    if plan.more_emt_wei:
        await account.send(chain.token("transfer", plan.address, plan.more_emt_wei), "EMT")
