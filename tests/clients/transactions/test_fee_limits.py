"""The owner's limits on fees hold for every transaction, whatever an endpoint says about prices and gas."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.transactions.fee_limits import FeeLimits
from emeth_tui.clients.transactions.sender import TransactionSender
from emeth_tui.clients.transactions.signed_bytes import read_signed
from emeth_tui.clients.transactions.signer import CANCEL_GAS
from emeth_tui.errors import ReceiptTimeout, TransactionError
from emeth_tui.notices.reasons.network.transactions import GasTooDear, OverFeeLimit
from emeth_tui.store.database import Store
from tests.clients.emeth_chain import FEE_WEI, NODE, EmethChain

GWEI = 10**9
LIMIT = FeeLimits(gas_price_wei=100 * GWEI, job_wei=10**17)  # the defaults of the settings


class Owner:
    """Sends under limits that the owner may change."""

    def __init__(
        self, chain: ChainClient, network: EmethChain, store: Store, limits: FeeLimits = LIMIT
    ) -> None:
        self.limits = limits
        self.sender = TransactionSender(
            chain,
            network.wallet,
            store.journal,
            first_poll_s=0.01,
            bump_after_s=0.0,
            fee_limits=lambda: self.limits,
        )


@pytest.fixture
def owner(chain: ChainClient, network: EmethChain, store: Store) -> Owner:
    return Owner(chain, network, store)


def suggest(network: EmethChain, gwei: int) -> None:
    """Have the endpoint suggest a price: the tip, where blocks have a base fee."""
    for method in ("eth_maxPriorityFeePerGas", "eth_gasPrice"):
        network.app.hooks[method] = lambda _call: {"result": hex(gwei * GWEI)}


def estimate(network: EmethChain, gas: int) -> None:
    network.app.hooks["eth_estimateGas"] = lambda _call: {"result": hex(gas)}


async def test_nothing_is_sent_at_a_price_over_the_limit(
    network: EmethChain, store: Store, owner: Owner
) -> None:
    job_id = network.request_job()
    suggest(network, 990)

    with pytest.raises(TransactionError) as refused:
        await owner.sender.process(job_id, FEE_WEI)

    assert isinstance(refused.value.reason, GasTooDear)
    assert refused.value.reason.price_gwei >= 990
    assert refused.value.reason.limit_gwei == 100
    assert network.app.params_of("eth_sendRawTransaction") == []
    assert store.journal.recent(1) == []


async def test_a_price_that_rises_while_a_submission_waits_stops_at_the_limit(
    network: EmethChain, owner: Owner
) -> None:
    job_id = network.request_job()
    network.take(NODE, job_id)
    network.ask("evm_setAutomine", False)
    submit = asyncio.create_task(owner.sender.submit(job_id, "r.pt"))
    await network.app.answered("eth_sendRawTransaction", 1)

    suggest(network, 200)
    await network.app.answered("eth_maxPriorityFeePerGas", 4)
    network.ask("evm_mine")
    await submit

    raws = network.app.params_of("eth_sendRawTransaction")
    assert max(read_signed(bytes.fromhex(raw[2:])).price.max_wei for raw in raws) <= LIMIT.gas_price_wei


@pytest.mark.parametrize("gas", [100_000_000, 2**63])
async def test_an_absurd_estimate_of_gas_is_refused(
    network: EmethChain, store: Store, owner: Owner, gas: int
) -> None:
    job_id = network.request_job()
    estimate(network, gas)

    with pytest.raises(TransactionError) as refused:
        await owner.sender.process(job_id, FEE_WEI)

    reason = refused.value.reason
    assert isinstance(reason, OverFeeLimit)
    assert (reason.act, reason.paid_native_wei, reason.limit_native_wei) == ("approve", 0, LIMIT.job_wei)
    assert store.journal.recent(1) == []


@pytest.mark.slow
async def test_a_jobs_transactions_count_together(network: EmethChain, store: Store, owner: Owner) -> None:
    job_id = network.request_job()
    await owner.sender.process(job_id, FEE_WEI)
    paid_wei = sum(tx.fee_wei or 0 for tx in store.journal.of_job(job_id))

    owner.limits = FeeLimits(job_wei=paid_wei)
    with pytest.raises(TransactionError) as refused:
        await owner.sender.submit(job_id, "r.pt")
    owner.limits = LIMIT
    await owner.sender.submit(job_id, "r.pt")

    reason = refused.value.reason
    assert isinstance(reason, OverFeeLimit)
    assert (reason.act, reason.paid_native_wei) == ("submit", paid_wei)
    assert paid_wei > 0


async def test_a_replacement_that_a_job_cannot_afford_is_not_sent(
    chain: ChainClient, network: EmethChain, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = network.request_job()
    network.take(NODE, job_id)
    network.ask("evm_setAutomine", False)
    owner = Owner(chain, network, store)
    submit = asyncio.create_task(owner.sender.submit(job_id, "r.pt"))
    await network.app.answered("eth_sendRawTransaction", 1)
    first = read_signed(store.journal.of_job(job_id)[0].raw)
    owner.limits = FeeLimits(job_wei=first.gas * first.price.max_wei * 2)
    await network.app.answered("eth_getTransactionReceipt", 30)
    network.ask("evm_mine")
    await submit

    costs: list[Any] = [read_signed(tx.raw) for tx in store.journal.of_job(job_id)]
    assert "its fee is at the limit" in caplog.text
    assert max(signed.gas * signed.price.max_wei for signed in costs) <= owner.limits.job_wei  # type: ignore[operator]


async def test_a_cancellation_that_a_job_cannot_afford_waits_for_a_higher_limit(
    chain: ChainClient, network: EmethChain, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = network.request_job()
    network.succeed(NODE, network.token("approve", network.network.core_address, FEE_WEI))
    network.ask("evm_setAutomine", False)
    sender = TransactionSender(
        chain, network.wallet, store.journal, receipt_timeout_s=0.05, fee_limits=lambda: limits
    )
    limits = LIMIT
    with pytest.raises(ReceiptTimeout):
        await sender.process(job_id, FEE_WEI)

    limits = FeeLimits(job_wei=CANCEL_GAS * GWEI)
    await sender.cancel_claim(job_id)
    purposes = [tx.purpose for tx in store.journal.of_job(job_id)]
    limits = LIMIT
    await sender.cancel_claim(job_id)

    assert "not cancelled yet: its fee is at the limit" in caplog.text
    assert purposes == ["process"]
    assert [tx.purpose for tx in store.journal.of_job(job_id)] == ["process", "cancel"]
