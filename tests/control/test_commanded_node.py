"""Every command over the socket to a node that really works, on a chain."""

from __future__ import annotations

import getpass
import os
from dataclasses import replace
from pathlib import Path

import pytest

from emeth_tui.control.connection import Refused, connect
from emeth_tui.control.server import serve_control
from emeth_tui.control.wire import order_words
from emeth_tui.engine.requester.orders import Order
from emeth_tui.errors import ExitCode
from emeth_tui.model import SECONDS_PER_DAY, AskedAt, Asker, JobState, Language, token_to_wei
from emeth_tui.notices.events.job import Declining, JobPaused, JobResumed
from emeth_tui.notices.events.market import Chosen, ClaimsPaused, ClaimsResumed
from emeth_tui.notices.events.node import Draining, SettingChanged, SettingsUnchanged, Stopping, Withdrawn
from emeth_tui.notices.events.requests import RequestCancelled, Requesting
from emeth_tui.notices.reasons.market import FinishingFirst, PausedByOperator
from emeth_tui.notices.reasons.network.transactions import NoRewardOfDay
from emeth_tui.protocol.contracts import JobStatus
from tests.engine.harness import TEXT, Harness
from tests.engine.quick_worker import Script

pytestmark = pytest.mark.slow

ME = Asker(AskedAt.COMMAND_LINE, os.getpid(), getpass.getuser())


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "control"


async def test_a_job_is_chosen_paused_resumed_and_declined_and_the_node_stopped(
    network: Harness, directory: Path
) -> None:
    job_id = await network.post(fee_emt=20)
    before_wei = await network.emt_wei()
    async with (
        network.node(script=Script(hold_before_epoch=5), claims__enabled=False) as node,
        serve_control(directory, node.node),
        connect(directory, AskedAt.COMMAND_LINE) as line,
    ):
        await line.do("claim_job", job_id=job_id)
        assert (await node.event("chosen", job_id)).body == Chosen(ME)
        await node.event("training", job_id)

        for _twice in range(2):
            await line.do("pause_job", job_id=job_id)
            (job,) = (await line.ask("snapshot")).jobs
            assert job.paused
        assert (await node.event("job_paused", job_id)).body == JobPaused(ME)
        await line.do("resume_job", job_id=job_id)
        assert (await node.event("job_resumed", job_id)).body == JobResumed(ME)
        assert [event.kind for event in node.seen].count("job_paused") == 1

        await line.do("decline_job", job_id=job_id)
        assert (await node.event("declining", job_id)).body == Declining(ME)
        assert (await line.ask("job", job_id=job_id)).job.state is JobState.DECLINED
        with pytest.raises(Refused, match="is not under way"):
            await line.do("decline_job", job_id=job_id)
        await line.do("request_stop")
        assert (await node.event("stopping")).body == Stopping(ME)
        summary = await node.running
    assert await network.emt_wei() == before_wei - token_to_wei(4)
    assert summary.adds_up


async def test_claiming_settings_and_draining(network: Harness, directory: Path) -> None:
    async with (
        network.node() as node,
        serve_control(directory, node.node),
        connect(directory, AskedAt.COMMAND_LINE) as line,
    ):
        await line.do("pause_claims")
        assert (await node.event("claims_paused")).body == ClaimsPaused(PausedByOperator(ME))
        await line.do("finish_then_pause")
        assert (await node.event("claims_paused")).body == ClaimsPaused(FinishingFirst(ME))
        await line.do("resume_claims")
        assert (await node.event("claims_resumed")).body == ClaimsResumed(ME)
        assert (await line.ask("snapshot")).claims_paused is None

        (change,) = await line.do("change_setting", key="claims.min_fee_emt", text="4.5")
        changed = (await node.event("setting_changed")).body
        assert changed == SettingChanged("claims.min_fee_emt", change.before, "4.5", ME)
        with pytest.raises(Refused):
            await line.do("change_setting", key="claims.min_fee_emt", text="much")
        assert await line.do("reload_settings") == []
        assert (await node.event("settings_unchanged")).body == SettingsUnchanged(ME)

        await line.do("drain")
        assert (await node.event("draining")).body == Draining(ME)
        await node.running


async def test_rewards_of_chosen_days(network: Harness, directory: Path) -> None:
    job_id = await network.post(lifetime_s=4 * SECONDS_PER_DAY)
    async with (
        network.node(rewards__auto_withdraw=False) as node,
        serve_control(directory, node.node),
        connect(directory, AskedAt.COMMAND_LINE) as line,
    ):
        await node.event("submitted", job_id)
        await network.verify(job_id, gas=7)
        await node.event("verified", job_id)
        slot = await network.devnet.chain.current_slot()
        await network.pass_time(SECONDS_PER_DAY)
        with pytest.raises(Refused) as refused:
            await line.do("withdraw", slots=[slot - 5])
        assert refused.value.reason == NoRewardOfDay(slot - 5)
        assert await line.do("withdraw", slots=[slot]) == token_to_wei(288_000)
        withdrawn = (await node.event("withdrawn")).body
        assert isinstance(withdrawn, Withdrawn)
        assert (withdrawn.slot, withdrawn.by) == (slot, ME)
        assert await line.do("withdraw") == 0


async def test_a_job_is_estimated_requested_and_cancelled(
    network: Harness, directory: Path, tmp_path: Path
) -> None:
    text = tmp_path / "novel.txt"
    text.write_text(TEXT, "utf-8")
    order = Order(text, Language.EN, 30, token_to_wei(20), 6 * 3_600)
    before_wei = await network.emt_wei()
    async with (
        network.node(claims__enabled=False) as node,
        serve_control(directory, node.node),
        connect(directory, AskedAt.COMMAND_LINE) as line,
    ):
        estimated = await line.do("estimate_request", **order_words(order))
        assert estimated.refusal(anyway=False, again=False) is None
        assert estimated.balance_wei == before_wei
        gone = replace(order, path=tmp_path / "gone.txt")
        with pytest.raises(Refused, match=r"the node cannot read .*gone\.txt"):
            await line.do("request_job", **order_words(gone))

        followed = await line.do("request_job", **order_words(order))

        job_id = followed.request.job_id
        with pytest.raises(Refused, match=f"was requested already, as job {job_id}") as refused:
            await line.do("request_job", **order_words(order))
        assert refused.value.own_code is ExitCode.REQUESTED_ALREADY
        assert (await node.event("requesting")).body == Requesting(text, order.fee_wei, ME)
        assert await network.emt_wei() == before_wei - order.fee_wei
        view = node.node._watcher.view  # read again after the payment
        assert view is not None
        assert view.balances.emt_wei == before_wei - order.fee_wei
        assert (await network.job(job_id)).status is JobStatus.REQUESTED
        await line.do("cancel_request", job_id=job_id)
        assert (await node.event("request_cancelled", job_id)).body == RequestCancelled(order.fee_wei)
        with pytest.raises(Refused, match="has no verified result"):
            await line.do("fetch_result", job_id=job_id, directory=str(tmp_path / "model"))
        with pytest.raises(Refused, match="was not requested from here"):
            await line.do("compare_result", job_id="0x" + "9" * 32)
        summary = await node.stop()
        assert (summary.adds_up, summary.requested_wei, summary.others_wei) == (True, 0, {})
    assert await network.emt_wei() == before_wei
