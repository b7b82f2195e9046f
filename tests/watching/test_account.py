"""An account as its chain shows it: real contracts, real blocks, endpoints that refuse, lie and go back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emeth_tui.errors import CommandRefused, ContractMissing
from emeth_tui.model import JobId, JobState, token_to_wei
from emeth_tui.notices.event import Event
from emeth_tui.protocol.job_ids import job_id_bytes
from emeth_tui.watching import history
from emeth_tui.watching.account import AccountReader
from emeth_tui.watching.watch import AccountWatch
from tests.clients.emeth_chain import (
    FEE_WEI,
    NODE,
    NODE_EMT_WEI,
    RIVAL,
    VERIFIER,
    EmethChain,
    refusal,
)

VERIFIER_FEE_WEI = token_to_wei(10)


def submit(chain: EmethChain, job_id: JobId) -> None:
    chain.succeed(NODE, chain.core("submit", job_id_bytes(job_id), "result.pt"))


def mine(chain: EmethChain, blocks: int = 3) -> None:
    """Make all that is in the chain final."""
    for _block in range(blocks):
        chain.ask("evm_mine")


def state_of(watch: AccountWatch, job_id: JobId) -> tuple[JobState, JobState | None]:
    job = next(one for one in watch.jobs if one.job_id == job_id)
    return job.state, job.seen_end


async def read(watch: AccountWatch, looks: int = 1) -> None:
    """Read all, then look again."""
    await watch.read_all()
    for _look in range(looks):
        await watch.look()


@pytest.mark.slow
async def test_jobs_deposits_shares_and_rewards_are_those_of_the_chain(
    chain: EmethChain, account: AccountWatch
) -> None:
    verified, declined, rejected, held = (chain.request_job() for _number in range(4))
    for job_id in (verified, declined, rejected, held):
        chain.take(NODE, job_id)
    foreign = chain.request_job()
    chain.take(RIVAL, foreign)
    for job_id in (verified, rejected):
        submit(chain, job_id)
    chain.verify(verified, 5_822)
    chain.succeed(VERIFIER, chain.core("rejectResult", job_id_bytes(rejected)))
    chain.succeed(NODE, chain.core("decline", job_id_bytes(declined)))
    mine(chain)

    await account.read_all()

    assert foreign not in {job.job_id for job in account.jobs}
    assert state_of(account, verified) == (JobState.VERIFIED, None)
    assert state_of(account, declined) == (JobState.DECLINED, None)
    assert state_of(account, rejected) == (JobState.FAILED, None)
    assert state_of(account, held) == (JobState.CLAIMED, None)
    snapshot = account.snapshot()
    assert snapshot.deposits is not None
    assert snapshot.today is not None
    assert snapshot.deposits.locked_wei == FEE_WEI
    settled_wei = sum(job.earned_wei - job.lost_wei for job in account.jobs)
    assert snapshot.deposits.free_wei == NODE_EMT_WEI + settled_wei - FEE_WEI
    assert (
        next(job.earned_wei for job in account.jobs if job.job_id == verified) == FEE_WEI - VERIFIER_FEE_WEI
    )
    assert snapshot.today.share.own_gas == 5_822
    assert [event.kind for event in account.events if event.job_id == verified] == [
        "claimed",
        "submitted",
        "verified",
    ]


@pytest.mark.slow
async def test_a_reward_waits_until_it_is_withdrawn(chain: EmethChain, account: AccountWatch) -> None:
    job_id = chain.request_job()
    chain.take(NODE, job_id)
    submit(chain, job_id)
    chain.verify(job_id, 5_822)
    chain.next_day()
    moments = [0.0]
    reader = AccountReader(chain.network, NODE.address, monotonic=lambda: moments[-1])
    while not reader.is_complete:
        await reader.look()
    assert reader.money is not None
    (waiting,) = reader.money.waiting

    chain.succeed(NODE, chain.core("withdrawSlotReward", waiting.slot))
    moments.append(61.0)
    await reader.look()

    assert reader.money.waiting == ()
    assert [day.slot for day in reader.money.days] == [waiting.slot]
    await reader.close()


@pytest.mark.slow
async def test_an_end_is_seen_before_it_is_final(chain: EmethChain, account: AccountWatch) -> None:
    job_id = chain.request_job()
    chain.take(NODE, job_id)
    submit(chain, job_id)
    mine(chain)
    chain.verify(job_id, 5_822)

    await read(account)
    assert state_of(account, job_id) == (JobState.SUBMITTED, JobState.VERIFIED)
    assert [event.kind for event in account.events][-1] == "end_seen"
    deposits = account.snapshot().deposits
    assert deposits is not None
    assert deposits.locked_wei == 0

    mine(chain)
    await account.look()
    assert state_of(account, job_id) == (JobState.VERIFIED, None)


@pytest.mark.slow
async def test_what_a_reorganisation_takes_back_is_shown_no_more(
    chain: EmethChain, account: AccountWatch
) -> None:
    job_id = chain.request_job()
    chain.take(NODE, job_id)
    mine(chain)
    before = chain.ask("evm_snapshot")
    submit(chain, job_id)
    await read(account)
    assert state_of(account, job_id) == (JobState.SUBMITTED, None)

    chain.ask("evm_revert", before)
    mine(chain, 2)
    stream = account.subscribe()
    await account.look()

    assert state_of(account, job_id) == (JobState.CLAIMED, None)
    stream.close()
    assert [item.kind async for item in stream] == ["taken_back"]  # type: ignore[union-attr]


@pytest.mark.slow
async def test_final_blocks_that_are_gone_are_forgotten_too(
    chain: EmethChain, account: AccountWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "REREAD_BLOCKS", 8)
    job_id = chain.request_job()
    chain.take(NODE, job_id)
    before = chain.ask("evm_snapshot")
    submit(chain, job_id)
    chain.verify(job_id, 5_822)
    mine(chain)
    await read(account)
    assert state_of(account, job_id) == (JobState.VERIFIED, None)

    chain.ask("evm_revert", before)
    mine(chain, 7)
    await account.look()

    assert state_of(account, job_id) == (JobState.CLAIMED, None)
    assert [event.kind for event in account.events] == ["claimed", "taken_back", "taken_back"]


@pytest.mark.slow
async def test_a_long_past_is_read_in_pieces_and_once(
    chain: EmethChain, account: AccountWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = chain.request_job()
    chain.take(NODE, first)
    mine(chain, 30)
    second = chain.request_job()
    chain.take(NODE, second)
    mine(chain)
    monkeypatch.setattr(history, "PIECE_BLOCKS", 10)

    def refuse_long_ranges(call: dict[str, Any]) -> None:
        wanted = call["params"][0]
        if int(wanted["toBlock"], 16) - int(wanted["fromBlock"], 16) >= 4:
            raise refusal(call, "range too large")

    chain.app.hooks["eth_getLogs"] = refuse_long_ranges
    await account.look()
    shown_at_once = {job.job_id for job in account.jobs}
    missing = account.snapshot().standstill
    await account.read_all()
    asked = len(chain.app.params_of("eth_getLogs"))
    await account.look()

    assert shown_at_once == {second}
    assert missing is not None
    assert missing.reason.kind == "reading_back"
    assert {job.job_id for job in account.jobs} == {first, second}
    assert account.snapshot().standstill is None
    assert len(chain.app.params_of("eth_getLogs")) == asked  # no new block, nothing to read


async def test_a_past_without_end_is_cut(
    chain: EmethChain, account: AccountWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _number in range(2):
        job_id = chain.request_job()
        chain.take(NODE, job_id)
        mine(chain, 10)
    monkeypatch.setattr(history, "PIECE_BLOCKS", 10)
    monkeypatch.setattr(history, "MOST_CHANGES", 1)

    await account.read_all()

    missing = account.snapshot().standstill
    assert missing is not None
    assert missing.reason.kind == "history_cut"
    assert [job.job_id for job in account.jobs] == [job_id]


async def test_silence_is_said_and_what_is_known_stays(chain: EmethChain, account: AccountWatch) -> None:
    job_id = chain.request_job()
    chain.take(NODE, job_id)
    mine(chain)
    await account.read_all()
    stream = account.subscribe()

    chain.app.hooks["eth_getBlockByNumber"] = refuse
    rest_s = await account.look()
    await account.look()

    snapshot = account.snapshot()
    assert rest_s > 0
    assert [job.job_id for job in snapshot.jobs] == [job_id]
    assert snapshot.services[0].broken_since_unix_s is not None
    del chain.app.hooks["eth_getBlockByNumber"]
    await account.look()
    assert account.snapshot().services[0].broken_since_unix_s is None
    stream.close()
    assert [item.kind async for item in stream if isinstance(item, Event)] == [
        "service_lost",
        "service_restored",
    ]


def refuse(call: dict[str, Any]) -> dict[str, Any]:
    raise refusal(call, "no blocks today")


async def test_a_job_nobody_can_read_and_a_deadline_without_end_are_shown(
    chain: EmethChain, account: AccountWatch
) -> None:
    job_id = chain.request_job(param="\x1b[2J{")
    chain.take(NODE, job_id)
    mine(chain)

    await account.read_all()

    (job,) = account.jobs
    assert job.job_id == job_id
    assert job.error is not None


async def test_another_network_ends_it(chain: EmethChain) -> None:
    elsewhere = chain.network.model_copy(update={"core_address": "0x" + "12" * 20})
    with pytest.raises(ContractMissing):
        await AccountWatch(elsewhere, NODE.address).run()


async def test_it_commands_nothing(account: AccountWatch) -> None:
    for command in (account.pause_claims(), account.withdraw(), account.drain(), account.request_stop()):
        with pytest.raises(CommandRefused):
            await command
    with pytest.raises(CommandRefused):
        await account.records.settings()


async def test_a_lagging_endpoint_is_believed_the_second_time(
    chain: EmethChain, account: AccountWatch
) -> None:
    job_id = chain.request_job()
    chain.take(NODE, job_id)
    await account.read_all()
    stream = account.subscribe()
    behind = chain.ask("eth_getBlockByNumber", "0x1", False)

    def lag(call: dict[str, Any]) -> dict[str, Any] | None:
        return {"result": behind} if call["params"][0] == "latest" else None

    chain.app.hooks["eth_getBlockByNumber"] = lag
    await account.look()
    assert [job.job_id for job in account.jobs] == [job_id]
    del chain.app.hooks["eth_getBlockByNumber"]
    await account.look()

    stream.close()
    assert [item async for item in stream] == []


async def test_it_reads_until_it_is_cancelled(chain: EmethChain, account: AccountWatch) -> None:
    reading = asyncio.create_task(account.run())
    await chain.app.answered("eth_getLogs")
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
