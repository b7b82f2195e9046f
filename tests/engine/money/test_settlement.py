"""What a job came to is what moved, on contracts that pay differently from the rules too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emeth_tui.errors import ChainUnreachable
from emeth_tui.model import JobState, token_to_wei
from emeth_tui.notices.events.job import Declined, DepositKept, Failed, Timeout, Verified, VerifiedAtLoss
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import DepositsKept
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.store.movements import Movement, MovementKind
from tests.contracts.published import PUBLISHED_RATES, published_build
from tests.engine.harness import Harness, RunningNode, quiet_network
from tests.engine.quick_worker import Script

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture
async def published(tmp_path: Path) -> AsyncIterator[Harness]:
    """A network of contracts that keep deposits, have other rates, and mint without a log."""
    async with quiet_network(None, tmp_path, build=published_build(), rates=PUBLISHED_RATES) as harness:
        yield harness


async def test_a_verification_that_keeps_the_deposit_is_a_loss_and_stops_claiming(published: Harness) -> None:
    job_id = await published.post(fee_emt=30)
    before_wei = await published.emt_wei()
    async with published.node() as node:
        await node.event("submitted", job_id)
        await published.verify(job_id, gas=7)
        kept = await node.event("deposit_kept", job_id)
        paused = await node.event("claims_paused")
        verified = await node.event("verified_at_loss", job_id)
        job = node.store.jobs.get(job_id)
        snapshot = node.node.snapshot()
        summary = await node.stop()

    assert kept.body == DepositKept(token_to_wei(30), token_to_wei(20))
    assert paused.body.reason == DepositsKept()  # type: ignore[attr-defined]
    assert verified.body == VerifiedAtLoss(token_to_wei(10), 7)
    assert job is not None
    assert (job.state, job.earned_wei, job.lost_wei) == (JobState.VERIFIED, 0, token_to_wei(10))
    assert snapshot.rates.earned_wei(token_to_wei(30)) == -token_to_wei(10)
    assert await published.emt_wei() == before_wei - token_to_wei(10)
    assert (summary.adds_up, summary.lost_wei, dict(summary.others_wei)) == (True, token_to_wei(10), {})

    async with published.node() as again:  # it is known from the start now
        assert again.node.snapshot().rates.earned_wei(token_to_wei(30)) == -token_to_wei(10)


@pytest.mark.parametrize(
    ("end", "event", "body"),
    [
        ("reject", "failed", Failed(token_to_wei("29.5"))),
        ("time_out", "timeout", Timeout(token_to_wei("2.95"))),
        ("decline", "declined", Declined(token_to_wei("2.95"))),
    ],
)
async def test_other_rates_are_what_is_booked(published: Harness, end: str, event: str, body: object) -> None:
    script = Script(hold_before_epoch=None if end == "reject" else 1)
    job_id = await published.post(fee_emt="29.5")
    async with published.node(script=script) as node:
        await node.event("submitted" if end == "reject" else "training", job_id)
        if end == "decline":
            await node.node.decline_job(job_id)
        else:
            await getattr(published, end)(job_id)
        ended = await node.event(event, job_id)
        summary = await node.stop()

    assert ended.body == body
    assert summary.adds_up
    assert summary.lost_wei == body.lost_wei  # type: ignore[attr-defined]


async def test_a_reward_that_is_minted_without_a_log_is_explained(published: Harness) -> None:
    job_id = await published.post(fee_emt=30)
    async with published.node() as node:
        await node.event("submitted", job_id)
        await published.verify(job_id, gas=7)
        await node.event("verified_at_loss", job_id)
        await published.pass_time(86_400)
        withdrawn_wei = await node.node.withdraw()
        await published.mine(1)
        summary = await node.stop()

    assert withdrawn_wei > 0
    assert summary.withdrawn_wei == withdrawn_wei
    assert summary.adds_up


@pytest.mark.parametrize("has_state", [True, False], ids=["balances", "rules"])
async def test_a_silent_mint_is_explained_by_the_next_run_as_well(
    published: Harness, has_state: bool
) -> None:
    job_id = await published.post(fee_emt=30)
    async with published.node(confirmations=4) as node:
        await node.event("submitted", job_id)
        await published.verify(job_id, gas=7)
        await published.mine(4)
        await node.event("verified_at_loss", job_id)
        await published.pass_time(86_400)
        withdrawn_wei = await node.node.withdraw()
        await node.stop()
        assert not _withdrawals(node)

    async with published.node(confirmations=4) as node:
        if not has_state:
            node.node._context.chain.emt_at = _state_gone  # type: ignore[method-assign]
        await published.mine(4)
        while (node.node._watcher._ledger.block or 0) < await published.height() - 3:
            await node.node._watcher.tick()
        summary = await node.stop()
        booked = _withdrawals(node)

    assert [row.amount_wei for row in booked] == [withdrawn_wei]
    assert summary.adds_up


def _withdrawals(node: RunningNode) -> list[Movement]:
    return [row for row in node.store.movements.after(-1) if row.kind is MovementKind.WITHDRAW]


async def _state_gone(_address: str, _block: int) -> int:
    raise ChainUnreachable(Foreign("missing trie node"))


async def test_every_movement_has_a_row_with_job_transaction_and_time(network: Harness) -> None:
    job_id = await network.post(fee_emt=20)
    async with network.node(exit_after_jobs=1) as node:
        await node.event("submitted", job_id)
        await network.verify(job_id, gas=7)
        verified = await node.event("verified", job_id)
        await node.running
        rows = [row for row in node.store.movements.of_job(job_id) if row.amount_wei]

    assert verified.body == Verified(token_to_wei(10), 7, 30)
    assert [(row.kind, row.amount_wei) for row in rows] == [
        (MovementKind.CLAIM, -token_to_wei(20)),
        (MovementKind.VERIFY, token_to_wei(30)),
    ]
    assert all(row.at_unix_s > 1.6e9 and row.tx_hash.startswith("0x") for row in rows)


async def test_what_is_none_of_the_nodes_work_is_named_with_its_transaction(network: Harness) -> None:
    async with network.node() as node:
        await node.event("idle")
        receipt = await network.rival.send(
            network.devnet.chain.token("transfer", network.operator_address, token_to_wei(3)), "gift"
        )
        summary = await node.stop()

    assert dict(summary.others_wei) == {receipt.tx_hash: token_to_wei(3)}
    assert summary.adds_up


async def test_a_job_that_ended_while_the_node_was_down_is_settled_by_what_moved(network: Harness) -> None:
    script = Script(hold_before_epoch=1)
    job_id = await network.post(fee_emt="21.03")
    async with network.node(script=script) as node:
        await node.event("training", job_id)
        await node.stop()
    await network.pass_time(7_300)
    await network.time_out(job_id)
    async with network.node() as node:
        job = node.store.jobs.get(job_id)
        while job is None or job.state is not JobState.TIMEOUT:
            await node.event("timeout", job_id)
            job = node.store.jobs.get(job_id)
        await node.stop()

    assert job.lost_wei == token_to_wei("6.309")  # to the wei, and not 6.30
    assert (await network.job(job_id)).status is JobStatus.TIMEOUT
