"""Every command to a running node, given from another process, and what the node makes of it."""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from emeth_tui.errors import ExitCode
from emeth_tui.hosts.node.book import Host
from emeth_tui.model import AskedAt, JobState
from emeth_tui.notices.events.host import HostDrains, HostTakesJobs
from emeth_tui.notices.events.job import Declining
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import short
from emeth_tui.words.formats import moment
from tests.cli.commands.world import LIFETIME_S, Commanded, commanded
from tests.control.conftest import until
from tests.engine.harness import Harness
from tests.hosts.far import write_hosts
from tests.terminal import Terminal

pytestmark = [pytest.mark.process, pytest.mark.slow]


async def test_jobs_and_claiming_are_paused_and_resumed(emeth_tui: Commanded) -> None:
    await emeth_tui("pause", emeth_tui.job_id)
    assert emeth_tui.job.paused
    out, _err = await emeth_tui("resume", emeth_tui.job_id[2:])
    assert out == f"job {emeth_tui.job_id} goes on\n"
    assert not emeth_tui.job.paused

    await emeth_tui("pause", "--claims")
    assert emeth_tui.running.node.snapshot().claims_paused is not None
    await emeth_tui("resume", "--claims")
    assert emeth_tui.running.node.snapshot().claims_paused is None
    await emeth_tui("finish")
    assert emeth_tui.running.node.snapshot().claims_paused is not None


async def test_a_pause_may_end_by_itself(emeth_tui: Commanded) -> None:
    out, _err = await emeth_tui("pause", emeth_tui.job_id, "--for", "30m")
    said = rf"job {emeth_tui.job_id} pauses at its next step, until \d\d-\d\d \d\d:\d\d( \S+)?\n"
    assert re.fullmatch(said, out)
    until_unix_s = emeth_tui.job.paused_until_unix_s
    assert until_unix_s is not None
    assert until_unix_s == pytest.approx(emeth_tui.running.node.snapshot().at_unix_s + 1_800, abs=60)
    out, _err = await emeth_tui("status")
    assert f"job {short(emeth_tui.job.job_id)} goes on at " in out
    out, _err = await emeth_tui("status", "--json")
    document = json.loads(out)
    assert [change["kind"] for change in document["coming"]] == ["job_goes_on"]
    assert document["jobs"][0]["paused_until"] == document["coming"][0]["at"]
    assert document["workers"][0]["held"] is None
    out, _err = await emeth_tui("job", emeth_tui.job_id)
    assert re.search(rf"^paused until +{moment(until_unix_s)} UTC$", out, re.MULTILINE)

    out, _err = await emeth_tui("pause", emeth_tui.job_id, "--for", "30m", "--json")
    job_ends = json.loads(out)["until"]
    out, _err = await emeth_tui("status", "--json")
    assert job_ends == json.loads(out)["jobs"][0]["paused_until"]

    out, _err = await emeth_tui("pause", "--claims", "--for", "1h", "--json")
    claims_end = json.loads(out)["until"]
    out, _err = await emeth_tui("status", "--json")
    assert claims_end == json.loads(out)["claims_paused_until"] != job_ends

    out, _err = await emeth_tui("pause", "--claims", "--json")
    assert json.loads(out)["until"] is None
    out, _err = await emeth_tui("pause", "--claims", "--until", "7:05")
    assert re.fullmatch(r"the node takes no new jobs until \d\d-\d\d 07:05\n", out)
    for length in ("0s", "31d", "2", "h", "2h x"):
        await emeth_tui("pause", "--claims", "--for", length, code=2)
    await emeth_tui("pause", "--claims", "--until", "24:00", code=2)
    await emeth_tui("pause", "--claims", "--for", "1h", "--until", "07:00", code=2)


async def test_a_host_is_drained_by_the_node_whose_event_says_who_asked(emeth_tui: Commanded) -> None:
    node = emeth_tui.running
    write_hosts(node.node.settings.state_dir, Host("b", "you@nowhere.invalid", ("false",)))
    await until(lambda: node.node.snapshot().hosts)
    for undo, kind in (([], "host_drains"), (["--undo"], "host_takes_jobs")):
        await emeth_tui("hosts", "drain", "b", *undo)
        body = (await node.event(kind)).body
        assert isinstance(body, (HostDrains, HostTakesJobs))
        assert (body.host, body.by.place) == ("b", AskedAt.COMMAND_LINE)
        (listed,) = json.loads((await emeth_tui("hosts", "--json"))[0])
        assert (listed["draining"], listed["jobs"]) == (not undo, [])
    _out, err = await emeth_tui("hosts", "drain", "c", code=ExitCode.SSH)
    assert "there is no host c" in err


async def test_wrong_words_change_nothing(emeth_tui: Commanded) -> None:
    for words in (["pause"], ["pause", emeth_tui.job_id, "--claims"], ["decline"], ["decline", "--all", "0"]):
        await emeth_tui(*words, code=2)
    await emeth_tui("stop", "--drain", "--now", code=2)
    out, err = await emeth_tui("pause", "ffff", code=23)
    assert out == ""
    assert "no job begins with 0xffff; `emeth-tui jobs --state open` lists those under way" in err
    assert not emeth_tui.job.paused
    assert emeth_tui.running.node.snapshot().claims_paused is None


async def test_declining_shows_its_cost_and_costs_that_to_the_wei(emeth_tui: Commanded) -> None:
    before_wei = await emeth_tui.network.emt_wei()
    deposit_wei = emeth_tui.job.deposit_wei

    out, err = await emeth_tui("decline", emeth_tui.job_id, code=25)
    assert out == ""
    assert f"emeth-tui --config {emeth_tui.network.settings_file}" in err
    assert f"decline {emeth_tui.job_id} --yes` does it unasked" in err
    shown = re.search(r"declining costs +(\S+) EMT", err)
    assert shown is not None
    assert (await emeth_tui.network.job(emeth_tui.job_id)).status is JobStatus.PROCESSING

    out, err = await emeth_tui("decline", "--all", "--yes")

    assert out == f"job {emeth_tui.job_id} is declined\n"
    assert shown[1] in err
    declining = await emeth_tui.running.event("declining", emeth_tui.job_id)
    assert isinstance(declining.body, Declining)
    assert declining.body.by.place is AskedAt.COMMAND_LINE
    await emeth_tui.running.event("declined", emeth_tui.job_id)
    back_wei = await emeth_tui.network.emt_wei() - before_wei
    assert shown[1] == "4.00"  # 20 % of the deposit, rounded down to the wei
    assert deposit_wei - back_wei == deposit_wei * 20_000 // 100_000


async def test_what_was_done_is_said_to_programs_in_one_schema(emeth_tui: Commanded) -> None:
    job_id, pid = emeth_tui.job_id, os.getpid()
    done = {
        "done": True,
        "pid": pid,
        "withdrawn_wei": None,
        "changes": [],
        "until": None,
        "reason": None,
        "reason_kind": None,
    }
    of_job = {"job_id": job_id, "done": True, "cost_wei": None, "reason": None, "reason_kind": None}
    for command in ("pause", "resume"):
        assert await emeth_tui.result(command, job_id) == {"command": command, "jobs": [of_job], **done}
        assert await emeth_tui.result(command, "--claims") == {"command": command, "jobs": [], **done}
    assert (await emeth_tui.result("finish"))["done"] is True

    (change,) = (await emeth_tui.result("settings", "set", "claims.min_fee_emt", "12.5"))["changes"]
    assert (change["key"], change["after"], change["in_effect"]) == ("claims.min_fee_emt", "12.5", True)
    assert (await emeth_tui.result("settings", "reload"))["changes"] == []
    assert (await emeth_tui.result("withdraw"))["withdrawn_wei"] == "0"

    for arguments, code, kind in (
        (["settings", "set", "network", "round3-2"], 24, "needs_restart"),
        (["pause", "ffff"], 23, "no_job_begins"),
        (["claim", "ffff", "--yes"], 23, "no_job_begins"),
        (["decline", job_id], 25, "not_confirmed_here"),
        (["withdraw", "2020-01-01"], 24, "no_reward_of_day"),
    ):
        refused = await emeth_tui.result(*arguments, code=code)
        assert (refused["done"], refused["reason_kind"]) == (False, kind)

    declined = await emeth_tui.result("decline", "--all", "--yes")
    cost_wei = str(emeth_tui.deposit_wei * 20_000 // 100_000)
    assert declined["jobs"] == [{**of_job, "cost_wei": cost_wei}]
    assert (await emeth_tui.result("stop", "--drain"))["pid"] == pid
    await asyncio.wait({emeth_tui.running.running})


async def test_what_changes_nothing_leaves_no_event(emeth_tui: Commanded) -> None:
    for _twice in range(2):
        await emeth_tui("pause", "--claims")
    for _twice in range(2):
        await emeth_tui("resume", "--claims")
    for _twice in range(2):
        await emeth_tui("pause", emeth_tui.job_id)
    for _twice in range(2):
        await emeth_tui("resume", emeth_tui.job_id)
    await emeth_tui.running.event("job_resumed")
    kinds = [event.kind for event in emeth_tui.running.seen]
    for kind in ("claims_paused", "claims_resumed", "job_paused", "job_resumed"):
        assert kinds.count(kind) == 1, kind


async def test_at_a_terminal_the_answer_counts(emeth_tui: Commanded) -> None:
    def answer(key: str) -> tuple[str, int]:
        terminal = Terminal([*emeth_tui.command, "decline", emeth_tui.job_id], (100, 40), os.environ)
        try:
            terminal.wait_for("Decline and pay 4.00 EMT? [y/N]")
            terminal.type(f"{key}\r")
            terminal.read_to_end()
            return terminal.text, terminal.wait()
        finally:
            terminal.close()

    text, code = await asyncio.to_thread(answer, "")
    assert code == 25
    assert "nothing was done" in text
    assert emeth_tui.job.state is JobState.TRAINING
    text, code = await asyncio.to_thread(answer, "y")
    assert code == 0
    assert "is declined" in text
    await emeth_tui.running.event("declined", emeth_tui.job_id)


async def test_a_job_is_claimed_by_hand_when_a_worker_is_free(network: Harness, tmp_path: Path) -> None:
    async with commanded(network, tmp_path, claims__max_fee_emt=25, devices=2) as emeth_tui:
        job_id = await network.post(fee_emt=40, lifetime_s=LIFETIME_S)  # above what the rules allow
        offers = emeth_tui.running.node
        await until(lambda: job_id in {offer.job.job_id for offer in offers.snapshot().offers})
        _out, err = await emeth_tui("claim", job_id, code=25)
        assert "40.00 EMT" in err
        out, err = await emeth_tui("claim", job_id, "--yes")
        assert job_id in out
        assert "not taken: " in err
        await emeth_tui.running.event("claimed", job_id)
        _out, err = await emeth_tui("claim", job_id, "--yes", code=23)
        assert "`emeth-tui market` lists what is on offer" in err


async def test_what_the_node_refuses_is_said_with_its_reason(emeth_tui: Commanded) -> None:
    job_id = await emeth_tui.network.post(fee_emt=21, lifetime_s=LIFETIME_S)
    node = emeth_tui.running.node
    await until(lambda: job_id in {offer.job.job_id for offer in node.snapshot().offers})
    out, err = await emeth_tui("claim", job_id, "--yes", code=24)
    assert out == ""
    assert err.splitlines()[-1].startswith("emeth-tui: error: every worker has a job")


async def test_a_job_that_has_ended_is_not_said_to_be_unknown(emeth_tui: Commanded) -> None:
    job_id = emeth_tui.job_id
    await emeth_tui("decline", "--all", "--yes")
    await emeth_tui.running.event("declined", job_id)

    await until(lambda: not emeth_tui.running.node.snapshot().jobs)

    for words in (["pause", job_id], ["resume", job_id[2:]], ["decline", job_id, "--yes"]):
        _out, err = await emeth_tui(*words, code=24)
        assert err == f"emeth-tui: error: job {job_id} has ended: declined\n"
    assert (await emeth_tui.result("pause", job_id, code=24))["reason_kind"] == "job_over"
    await emeth_tui("pause", "ffff", code=23)


async def test_rewards_are_withdrawn_once(emeth_tui: Commanded) -> None:
    network, running = emeth_tui.network, emeth_tui.running
    running.script.go_on.set()
    await running.event("submitted", emeth_tui.job_id)
    await network.verify(emeth_tui.job_id)
    await running.event("verified", emeth_tui.job_id)
    await network.pass_time(86_400)

    _out, err = await emeth_tui("withdraw", "2020-01-01", code=24)
    assert "2020-01-01" in err
    out, _err = await emeth_tui("withdraw")
    assert out == "288,000.00 EMT withdrawn\n"
    out, _err = await emeth_tui("withdraw")
    assert out == "0.00 EMT withdrawn\n"


async def test_settings_are_changed_and_read_again(emeth_tui: Commanded) -> None:
    file = emeth_tui.network.settings_file
    _out, err = await emeth_tui("settings", "set", "claims.min_fee", "5", code=3)
    assert "there is no setting claims.min_fee; the nearest is claims.min_fee_emt" in err
    out, _err = await emeth_tui("settings", "set", "claims.min_fee_emt", "12.5")
    assert out.startswith("claims.min_fee_emt: ")
    assert out.endswith(" → 12.5\n")
    assert "min_fee_emt = 12.5" in file.read_text("utf-8")
    file.write_text(file.read_text("utf-8").replace("12.5", "13.5"), "utf-8")
    out, _err = await emeth_tui("settings", "reload")
    assert out == "claims.min_fee_emt: 12.5 → 13.5\n"
    out, err = await emeth_tui("settings", "reload")
    assert (out, err) == ("", "nothing has changed\n")
    for key, value in (("claims.min_fee_emt", "much"), ("network", "round3-2")):
        out, err = await emeth_tui("settings", "set", key, value, code=24)
        assert out == ""
        assert key in err


async def test_stop_waits_for_the_end_and_what_follows_ends_with_it(network: Harness, tmp_path: Path) -> None:
    async with AsyncExitStack() as serving:
        emeth_tui = await serving.enter_async_context(commanded(network, tmp_path))
        following = asyncio.create_task(emeth_tui("events", "--follow", "--limit", "0", "--json"))
        watching = asyncio.create_task(emeth_tui("status", "--watch", "--json"))
        await until(lambda: len(emeth_tui.running.node._context.events._subscriptions) == 2)
        await emeth_tui("pause", emeth_tui.job_id)

        stopping = asyncio.create_task(emeth_tui("stop"))
        await asyncio.wait({emeth_tui.running.running})
        assert not stopping.done()
    out, _err = await stopping
    assert out == f"the node (process {os.getpid()}) has ended\n"
    events = [json.loads(line) for line in (await following)[0].splitlines()]
    assert [event["event"] for event in events][:2] == ["job_paused", "stopping"]
    assert events[0]["fields"]["by"]["place"] == "command_line"
    pictures = [json.loads(line) for line in (await watching)[0].splitlines()]
    assert pictures[0]["jobs"][0]["job_id"] == emeth_tui.job_id


async def test_drain_ends_the_node_once_its_jobs_are_submitted(emeth_tui: Commanded) -> None:
    out, _err = await emeth_tui("stop", "--drain")
    assert out == "the node ends when the jobs under way are submitted\n"
    assert emeth_tui.running.node.snapshot().stopping == "draining"
    emeth_tui.running.script.go_on.set()
    await asyncio.wait({emeth_tui.running.running})
    assert (await emeth_tui.network.job(emeth_tui.job_id)).status is JobStatus.SUBMITTED
