"""Contracts and money: deployed and handed out once per chain, by an account used for nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_utils.address import to_checksum_address

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.provider import ChainProvider
from emeth_tui.clients.chain.rpc import Rpc
from emeth_tui.clients.chain.web3 import AsyncWeb3
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.devnet.accounts import Key
from emeth_tui.model import WEI_PER_TOKEN, token_to_wei
from emeth_tui.network.account import Account
from emeth_tui.network.checking import require_code
from emeth_tui.network.deploy import TRANSACTIONS, Build, Terms, deploy
from emeth_tui.protocol.contracts import Rates

OPERATOR, REQUESTER, VERIFIER, RIVAL, DEPLOYER = "operator", "requester", "verifier", "rival", "deployer"
TEST_ACCOUNTS = ("test1", "test2", "test3", "test4")
ACCOUNTS = (DEPLOYER, REQUESTER, VERIFIER, RIVAL, OPERATOR, *TEST_ACCOUNTS)

NATIVE_WEI = 1_000 * WEI_PER_TOKEN  # for each account: a transaction costs less than a thousandth of a token
_SUPPLY_WEI = token_to_wei(100_000_000)
# The operator can stake on half a dozen jobs of the highest fee; the requester never runs out.
_EMT_WEI = {
    REQUESTER: token_to_wei(10_000_000),
    RIVAL: token_to_wei(200),
    OPERATOR: token_to_wei(200),
    **dict.fromkeys(TEST_ACCOUNTS, token_to_wei(1_000)),
}


async def deploy_contracts(rpc_url: str, keys: Mapping[str, Key], rates: Rates, build: Build | None) -> None:
    """Deploy the contracts, ours without a `build`; nothing changes on a chain that has them. Raise
    DevnetError.
    """
    terms = Terms(to_checksum_address(keys[VERIFIER].address), _SUPPLY_WEI, rates)
    async with open_transport() as transport:
        w3: AsyncWeb3[Any] = AsyncWeb3(ChainProvider(Rpc([rpc_url], transport)), middleware=[])
        await require_code(w3, await deploy(w3, keys[DEPLOYER].wallet, terms, build=build))


async def hand_out(chain: ChainClient, keys: Mapping[str, Key]) -> None:
    """Give each account its EMT, once: the deployer's transaction count shows who has received it."""
    deployer = Account(chain, keys[DEPLOYER].wallet)
    sent = await chain.w3.eth.get_transaction_count(deployer.address)
    handed_out = sent - TRANSACTIONS
    for name, amount_wei in list(_EMT_WEI.items())[handed_out:]:
        await deployer.send(chain.token("transfer", keys[name].address, amount_wei), f"EMT → {name}")
