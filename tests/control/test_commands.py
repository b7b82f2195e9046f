"""Commands over the socket: each is carried out once, to its end, in the name of whoever gave it."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.control import answers, connection, server, session, wire
from emeth_tui.control.client import RemoteNode
from emeth_tui.control.connection import Connection, ConnectionBroken, OutcomeUnknown, Refused, connect
from emeth_tui.control.server import serve_control
from emeth_tui.control.wire import order_words
from emeth_tui.engine.requester.orders import FetchedModel, Order
from emeth_tui.errors import ControlError
from emeth_tui.model import AskedAt, Asker, JobId, Language, token_to_wei
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.job import NotUnderWay
from emeth_tui.notices.reasons.market import FinishingFirst, PausedByOperator
from emeth_tui.transport.local_socket import connected_socket
from tests.control.conftest import LIMIT_S, ShownNode, attached, mute_node, until
from tests.terminal import ROOT
from tests.tui.stand_in import SECOND_ID, TRAINING_ID, compared, estimated

HERE = Asker(AskedAt.COMMAND_LINE, os.getpid(), getpass.getuser())
SCREEN = Asker(AskedAt.ATTACHED_SCREEN, os.getpid(), getpass.getuser())
ORDER = Order(
    Path("/home/me/novel.txt"), Language.EN, 30, token_to_wei(20), 21_600, private=True, job_id=SECOND_ID
)
MODEL = FetchedModel(TRAINING_ID, Path("/m"), True, 1_420_000_000, compared())
COMMANDS = [
    ("pause_job", {"job_id": TRAINING_ID}, TRAINING_ID, ""),
    ("pause_job", {"job_id": TRAINING_ID, "for_s": 7_200}, TRAINING_ID, "in 7200 s"),
    ("resume_job", {"job_id": TRAINING_ID}, TRAINING_ID, None),
    ("pause_claims", {}, None, ""),
    ("pause_claims", {"until": "07:00"}, None, "07:00"),
    ("resume_claims", {}, None, None),
    ("finish_then_pause", {}, None, None),
    ("claim_job", {"job_id": TRAINING_ID}, TRAINING_ID, None),
    ("decline_job", {"job_id": TRAINING_ID}, TRAINING_ID, None),
    ("withdraw", {}, None, token_to_wei(812)),
    ("withdraw", {"slots": [19_674, 19_675]}, (19_674, 19_675), token_to_wei(812)),
    ("estimate_request", order_words(ORDER), ORDER, estimated(ORDER)),
    ("cancel_request", {"job_id": TRAINING_ID}, TRAINING_ID, None),
    ("fetch_result", {"job_id": TRAINING_ID, "directory": "/m"}, (TRAINING_ID, Path("/m")), MODEL),
    ("compare_result", {"job_id": TRAINING_ID, "prompts": ["A"]}, (TRAINING_ID, ("A",)), compared("A")),
    ("drain", {}, None, None),
    ("drain_host", {"name": "attic"}, ("attic", False), None),
    ("drain_host", {"name": "attic", "undo": True}, ("attic", True), None),
    ("request_stop", {}, None, None),
]


@pytest.fixture
async def line(served: Path) -> AsyncIterator[Connection]:
    """A command line's connection to the node."""
    async with connect(served, AskedAt.COMMAND_LINE) as connected:
        yield connected


def test_every_command_of_the_protocol_is_in_the_list() -> None:
    below = {"change_setting", "reload_settings", "request_job"}  # tested there: their answers are made
    assert {name for name, *_rest in COMMANDS} | below == set(wire.Command.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("command", "details", "argument", "answer"), COMMANDS)
async def test_a_command_reaches_the_node_once_with_who_gave_it(
    shown: ShownNode,
    line: Connection,
    command: Any,
    details: dict[str, Any],
    argument: object,
    answer: object,
) -> None:
    assert await line.do(command, **details) == answer
    assert shown.calls == [(command, argument)]
    assert shown.askers == [HERE]


async def test_settings_are_changed_and_read_again(shown: ShownNode, line: Connection) -> None:
    (change,) = await line.do("change_setting", key="claims.min_fee_emt", text="4.5")
    assert (change.key, change.after, change.in_effect) == ("claims.min_fee_emt", "4.5", True)
    (back,) = await line.do("reload_settings")
    assert (back.key, back.before) == ("claims.min_fee_emt", "4.5")
    assert shown.askers == [HERE, HERE]


async def test_a_job_is_requested_with_every_word_of_its_order(shown: ShownNode, line: Connection) -> None:
    followed = await line.do("request_job", **order_words(ORDER))
    assert followed == shown.records.followed[0]
    assert shown.calls == [("request_job", ORDER)]


@pytest.mark.parametrize(
    ("command", "call"),
    [
        (lambda node: node.estimate_request(ORDER), ("estimate_request", ORDER)),
        (lambda node: node.request_job(ORDER), ("request_job", ORDER)),
        (lambda node: node.cancel_request(TRAINING_ID), ("cancel_request", TRAINING_ID)),
        (
            lambda node: node.fetch_result(TRAINING_ID, Path("/m")),
            ("fetch_result", (TRAINING_ID, Path("/m"))),
        ),
        (lambda node: node.compare_result(TRAINING_ID), ("compare_result", (TRAINING_ID, ()))),
        (lambda node: node.pause_job(TRAINING_ID), ("pause_job", TRAINING_ID)),
        (lambda node: node.resume_job(TRAINING_ID), ("resume_job", TRAINING_ID)),
        (lambda node: node.pause_claims(), ("pause_claims", None)),
        (lambda node: node.resume_claims(), ("resume_claims", None)),
        (lambda node: node.finish_then_pause(), ("finish_then_pause", None)),
        (lambda node: node.claim_job(TRAINING_ID), ("claim_job", TRAINING_ID)),
        (lambda node: node.decline_job(TRAINING_ID), ("decline_job", TRAINING_ID)),
        (lambda node: node.withdraw(), ("withdraw", None)),
        (lambda node: node.withdraw([7]), ("withdraw", (7,))),
        (
            lambda node: node.change_setting("cache.limit_gb", "9"),
            ("change_setting", ("cache.limit_gb", "9")),
        ),
        (lambda node: node.reload_settings(), ("reload_settings", None)),
        (lambda node: node.drain(), ("drain", None)),
        (lambda node: node.drain_host("attic", undo=True), ("drain_host", ("attic", True))),
        (lambda node: node.request_stop(), ("request_stop", None)),
    ],
)
async def test_a_screen_has_the_same_commands(
    shown: ShownNode, served: Path, command: Callable[[RemoteNode], Any], call: tuple[str, object]
) -> None:
    shown.refusals["change_setting"] = Foreign("not that one")
    async with attached(shown, served) as view:
        with suppress(Refused):
            await command(view.remote)
    assert (shown.calls, shown.askers) == ([call], [SCREEN])


async def test_what_one_does_shows_on_all(shown: ShownNode, served: Path) -> None:
    async with attached(shown, served) as one, attached(shown, served) as other:
        await one.remote.pause_claims()
        await until(lambda: other.remote.snapshot().claims_paused == PausedByOperator(SCREEN))
        await other.remote.finish_then_pause()
        await until(lambda: one.remote.snapshot().claims_paused == FinishingFirst(SCREEN))


async def test_a_refusal_is_the_nodes_own_reason_and_no_end(shown: ShownNode, line: Connection) -> None:
    shown.refusals["pause_job"] = NotUnderWay("6f2a…c1")
    with pytest.raises(Refused) as refused:
        await line.do("pause_job", job_id=TRAINING_ID)
    assert refused.value.reason == NotUnderWay("6f2a…c1")
    assert shown.failures == []  # it was told
    await line.do("pause_claims")


async def test_a_bug_in_a_command_is_an_answer_and_in_the_log(
    shown: ShownNode, line: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*, by: Asker) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(shown, "drain", broken)
    with pytest.raises(Refused, match=r"drain: internal error of the node.*of all things"):
        await line.do("drain")
    assert "ZeroDivisionError" in caplog.text
    await line.do("pause_claims")


@pytest.mark.slow
async def test_who_asked_is_what_the_system_says_of_the_other_process(shown: ShownNode, served: Path) -> None:
    program = (
        "import asyncio, os, pathlib, sys\n"
        "from emeth_tui.control.connection import connect\n"
        "from emeth_tui.model import AskedAt\n"
        "async def main():\n"
        "    async with connect(pathlib.Path(sys.argv[1]), AskedAt.COMMAND_LINE) as node:\n"
        "        await node.do('pause_claims')\n"
        "asyncio.run(main())\n"
        "print(os.getpid())\n"
    )
    outcome = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program, str(served)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert shown.askers == [Asker(AskedAt.COMMAND_LINE, int(outcome.stdout), getpass.getuser())]


@pytest.mark.parametrize(
    "details",
    [{"job_id": "6f2a"}, {"job_id": TRAINING_ID, "by": "root"}, {}, {"job_id": TRAINING_ID + "\n"}],
)
async def test_what_the_node_would_not_read_is_not_sent(
    shown: ShownNode, line: Connection, details: dict[str, Any]
) -> None:
    with pytest.raises(ControlError, match="not sent"):
        await line.do("decline_job", **details)
    with pytest.raises(ControlError, match="not sent"):
        await line.do("change_setting", key="networks", text="字" * 4_000)
    await line.do("pause_claims")
    assert shown.calls == [("pause_claims", None)]


async def test_one_that_waits_for_the_chain_holds_nobody_up(shown: ShownNode, line: Connection) -> None:
    shown.may_go_on.clear()
    claiming = asyncio.create_task(line.do("claim_job", job_id=SECOND_ID))
    await until(lambda: shown.calls == [("claim_job", SECOND_ID)])
    assert await line.ask("jobs")
    await line.do("pause_claims")
    assert not claiming.done()
    shown.may_go_on.set()
    await claiming


async def test_who_waits_for_the_chain_is_not_dropped_for_saying_nothing(
    shown: ShownNode, line: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown.may_go_on.clear()
    claiming = asyncio.create_task(line.do("claim_job", job_id=SECOND_ID))
    await until(lambda: bool(shown.calls))
    monkeypatch.setattr(session, "IDLE_LIMIT_S", 0.01)
    await line.ask("logs")  # after which it holds
    await asyncio.sleep(0.1)
    assert not claiming.done()
    shown.may_go_on.set()
    await claiming


async def test_it_goes_on_when_the_client_goes_away_in_the_middle(shown: ShownNode, served: Path) -> None:
    shown.may_go_on.clear()
    async with connect(served, AskedAt.COMMAND_LINE) as line:
        claiming = asyncio.create_task(line.do("claim_job", job_id=SECOND_ID))
        await until(lambda: shown.calls == [("claim_job", SECOND_ID)])
        line._writer.transport.abort()
        with pytest.raises(OutcomeUnknown, match="not known: the node has closed the connection;"):
            await claiming
        with pytest.raises(ConnectionBroken):  # it knows by now, and sends nothing
            await line.do("claim_job", job_id=SECOND_ID)
    shown.may_go_on.set()
    await until(lambda: shown.finished == ["claim_job"])
    assert shown.calls == [("claim_job", SECOND_ID)]
    assert shown.failures == []


async def test_a_failure_that_nobody_waited_for_is_published(
    shown: ShownNode, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(_job_id: JobId, *, by: Asker) -> None:
        await shown.may_go_on.wait()
        raise ControlError(Foreign("a rival was faster"))

    monkeypatch.setattr(shown, "claim_job", lost)
    noticed, drop = asyncio.Event(), session.Session.drop

    def notice(one: session.Session) -> None:
        drop(one)
        noticed.set()

    monkeypatch.setattr(session.Session, "drop", notice)
    shown.may_go_on.clear()
    async with connect(served, AskedAt.COMMAND_LINE) as line:
        claiming = asyncio.create_task(line.do("claim_job", job_id=SECOND_ID))
        await line.ask("logs")  # it was read after the command
        claiming.cancel()
    await noticed.wait()
    shown.may_go_on.set()
    await until(lambda: bool(shown.failures))
    assert shown.failures == [("claim_job", Foreign("a rival was faster"), HERE)]


async def test_a_command_whose_node_falls_silent_is_said_to_be_sent_and_not_sent_again(
    shown: ShownNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "COMMAND_LIMIT_S", 0.05)
    async with mute_node(tmp_path), connect(tmp_path, AskedAt.COMMAND_LINE) as line:
        with pytest.raises(OutcomeUnknown, match=r"pause_claims was sent.*has not answered in 0 s.*not sent"):
            await line.do("pause_claims")


async def test_the_node_waits_for_what_is_under_way_before_it_says_goodbye(
    shown: ShownNode, tmp_path: Path
) -> None:
    shown.may_go_on.clear()
    async with AsyncExitStack() as stack:
        async with serve_control(tmp_path, shown):
            line = await stack.enter_async_context(connect(tmp_path, AskedAt.COMMAND_LINE))
            claiming = asyncio.create_task(line.do("claim_job", job_id=SECOND_ID))
            await until(lambda: bool(shown.calls))
            asyncio.get_running_loop().call_soon(shown.may_go_on.set)
        await claiming


async def test_the_node_waits_also_for_what_nobody_waits_for(shown: ShownNode, tmp_path: Path) -> None:
    shown.may_go_on.clear()
    async with serve_control(tmp_path, shown):
        async with connect(tmp_path, AskedAt.COMMAND_LINE) as line:
            claiming = asyncio.create_task(line.do("claim_job", job_id=SECOND_ID))
            await until(lambda: bool(shown.calls))
            claiming.cancel()
        asyncio.get_running_loop().call_later(0.05, shown.may_go_on.set)
    assert shown.finished == ["claim_job"]


async def test_what_never_ends_does_not_keep_the_node_from_ending(
    shown: ShownNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "COMMANDS_LIMIT_S", 0.01)
    shown.may_go_on.clear()
    async with AsyncExitStack() as stack:
        async with serve_control(tmp_path, shown):
            line = await stack.enter_async_context(connect(tmp_path, AskedAt.COMMAND_LINE))
            claiming = asyncio.create_task(line.do("claim_job", job_id=SECOND_ID))
            await until(lambda: bool(shown.calls))
        with pytest.raises(OutcomeUnknown):
            await claiming
    assert shown.finished == []


def _pauses(shown: ShownNode) -> int:
    return [name for name, _argument in shown.calls].count("pause_claims")


async def test_ten_thousand_in_a_row_leave_the_others_their_node(shown: ShownNode, served: Path) -> None:
    _reader, writer = await asyncio.open_unix_connection(sock=connected_socket(served))
    lines = [{"hello": {"protocol": wire.PROTOCOL, "place": "command_line"}}]
    lines += [{"id": number, "do": "pause_claims"} for number in range(10_000)]
    writer.write(b"".join(wire.line(words) for words in lines))
    await until(lambda: bool(shown.calls))
    async with attached(shown, served) as view:
        for _question in range(3):
            assert await view.remote.records.history()
        await view.remote.resume_claims()
        assert ("resume_claims", None) in shown.calls
    writer.transport.abort()
    await until(lambda: not shown.streams)
    done = _pauses(shown)
    async with attached(shown, served) as view:
        for _command in range(3):  # as many rests of the node
            await view.remote.resume_claims()
    assert _pauses(shown) - done <= 1  # the one under way
    assert done < 5_000


async def test_the_node_rests_after_each_and_the_answer_does_not_wait_for_that(
    monkeypatch: pytest.MonkeyPatch, shown: ShownNode, line: Connection
) -> None:
    monkeypatch.setattr(server, "COMMANDS_LIMIT_S", 0.0)  # when the node ends, after this test
    monkeypatch.setattr(answers, "LEAST_REST_S", 3_600.0)
    await line.do("pause_claims")
    resuming = asyncio.create_task(line.do("resume_claims"))
    await asyncio.wait({resuming}, timeout=0.1)
    assert shown.calls == [("pause_claims", None)]
    resuming.cancel()


async def test_no_more_wait_for_the_chain_than_are_allowed(
    shown: ShownNode, line: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MAX_COMMANDS", 3)
    shown.may_go_on.clear()
    claiming = [asyncio.create_task(line.do("claim_job", job_id=SECOND_ID)) for _number in range(7)]
    await until(lambda: len(shown.calls) == 3)
    await asyncio.sleep(0.05)
    assert len(shown.calls) == 3
    shown.may_go_on.set()
    await asyncio.wait_for(asyncio.gather(*claiming), LIMIT_S)
    assert len(shown.calls) == 7


@pytest.mark.parametrize(
    "greeting",
    [
        {"hello": {"protocol": wire.PROTOCOL - 1, "place": "command_line"}},
        {"hello": {"protocol": wire.PROTOCOL, "place": "node_screen"}},
        {"hello": {"protocol": wire.PROTOCOL, "place": "signal"}},
        {"hello": {"protocol": wire.PROTOCOL, "place": "command_line", "pid": 1}},
        {"id": 1, "do": "request_stop"},
    ],
)
async def test_who_does_not_say_what_it_is_is_dropped(
    shown: ShownNode, served: Path, greeting: dict[str, Any]
) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=connected_socket(served))
    hello = json.loads(await reader.readline())["hello"]
    assert hello["started_at_unix_s"] > 0
    writer.write(wire.line(greeting) + wire.line({"id": 2, "do": "request_stop"}))
    assert await asyncio.wait_for(reader.read(), LIMIT_S) == b""
    writer.close()
    assert shown.calls == []
