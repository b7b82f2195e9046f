"""The other ways: a terminal's control sequences, the desktop's program, any service through apprise."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from emeth_tui.alerts import services
from emeth_tui.alerts.alert import Message, alert_of
from emeth_tui.alerts.channel import NotDelivered
from emeth_tui.alerts.desktop import DesktopChannel
from emeth_tui.alerts.mailbox import Mailbox
from emeth_tui.alerts.on_terminal import alerts_on_terminal
from emeth_tui.alerts.services import ServiceChannel
from emeth_tui.alerts.terminal import TerminalChannel
from emeth_tui.alerts.texts import SHOWN, body_of, title_of
from emeth_tui.engine.events import EventLog
from emeth_tui.foreign_text import one_line
from emeth_tui.model import AlertTopic, JobId
from emeth_tui.notices.event import Event
from emeth_tui.notices.events import job, node
from emeth_tui.notices.events.alerts import AlertsNotDelivered
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.alerts import NoNotifySend
from emeth_tui.settings import settings_layers
from emeth_tui.settings.alert_secrets import ServiceUrl
from emeth_tui.settings.schema import with_values
from emeth_tui.store.database import Store
from emeth_tui.streams import LineWriter
from emeth_tui.words.remedies import remedy_for
from emeth_tui.words.sentences import english
from emeth_tui.words.translation import in_language
from tests.alerts.receiver import WAIT_S, until
from tests.clients.listening import listening

JOB = JobId("0x6f2a" + "0" * 28)
FAILED = Event(0.0, job.Failed.severity, job.Failed(lost_wei=5 * 10**18), JOB)
TRICK = Event(0.0, node.NotWritten.severity, node.NotWritten(Foreign("<b>no\x1b]2;space\a")))
MESSAGE = Message("1", (alert_of(FAILED, AlertTopic.VERIFICATION_FAILED),))


async def test_the_terminal_gets_what_the_owner_chose() -> None:
    written: list[str] = []
    channel = TerminalChannel(["bell", "osc9", "osc777", "title"], written.append)
    await channel.deliver(MESSAGE)
    await channel.deliver(Message("2"))
    channel.close()

    title, body = title_of(MESSAGE), body_of(MESSAGE, with_remedy=False)
    assert written[0] == (
        f"\x1b]9;{title}: {body}\a\x1b]777;notify;{title};{body}\a\x1b[22;2t\x1b]2;{title}: {body}\a\a"
    )
    assert "22;2t" not in written[1]
    assert written[2:] == ["\x1b[23;2t"]


async def test_a_strangers_text_steers_no_terminal() -> None:
    written: list[str] = []
    await TerminalChannel(["osc9"], written.append).deliver(Message("1", (alert_of(TRICK, AlertTopic.DISK),)))

    assert written[0].count("\x1b") == written[0].count("\a") == 1


async def test_events_ring_while_they_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    defaults: Any = Mailbox.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "settle_s", 0.0)
    monkeypatch.setattr("emeth_tui.alerts.courier.LOOK_EVERY_S", 0.01)
    settings = settings_layers(environment={}).combine('[alerts]\nterminal = ["bell", "title"]\n')
    written: list[str] = []
    with Store(tmp_path) as store:
        events = EventLog(store.events, lambda: 0.0)
        async with alerts_on_terminal(lambda: settings, events, written.append):
            events.publish(node.ScreenLeft())
            events.publish(FAILED.body, job_id=JOB)
            await until(lambda: bool(written))

    assert written[0].startswith("\x1b[22;2t\x1b]2;emeth-tui: ")
    assert written[1:] == ["\x1b[23;2t"]


async def test_the_terminal_goes_by_the_settings_in_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults: Any = Mailbox.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "settle_s", 0.0)
    monkeypatch.setattr("emeth_tui.alerts.courier.LOOK_EVERY_S", 0.01)
    in_effect = [settings_layers(environment={}).combine('[alerts]\nterminal = ["osc9"]\n')]
    written: list[str] = []
    with Store(tmp_path) as store:
        events = EventLog(store.events, lambda: 0.0)
        async with alerts_on_terminal(lambda: in_effect[0], events, written.append):
            in_effect[0] = with_values(
                in_effect[0], {"alerts.topics": ["verification_failed"], "screen.language": "ja"}
            )
            events.publish(node.DayClosed(1, 0, 0, 0, 0, 1, 1, 1))
            events.publish(FAILED.body, job_id=JOB)
            await until(lambda: bool(written))

    with in_language("ja"):
        (alert,) = MESSAGE.alerts
        expected = Message("1", (alert_of(FAILED, alert.topic),))
        assert written == [f"\x1b]9;{title_of(expected)}: {body_of(expected, with_remedy=False)}\a"]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_pipe_gets_no_control_sequences(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    reading, writing = pty.openpty() if terminal else os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        output = LineWriter(stream)
        output.send("\a")
        output.write("line")
        output.close()
    got = b""
    while not got.strip().endswith(b"line"):  # a terminal gives what it has got so far
        got += os.read(reading, 100)
    os.close(reading)

    assert got.strip() == (b"\aline" if terminal else b"line")


@pytest.fixture
def notify_send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name, which notes what it was called with and fails where `fail` lies beside it."""
    program = tmp_path / "notify-send"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, pathlib, sys\nhere = pathlib.Path({str(tmp_path)!r})\n"
        "bus = os.environ.get('DBUS_SESSION_BUS_ADDRESS')\n"
        "(here / 'called').write_text(json.dumps([sys.argv[1:], bus]))\n"
        "sys.exit('no bus' if (here / 'fail').exists() else 0)\n",
        "utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


async def test_the_desktop_is_given_text_and_no_markup(notify_send: Path) -> None:
    await DesktopChannel("unix:path=/run/x").deliver(Message("1", (alert_of(TRICK, AlertTopic.DISK),)))

    arguments, bus = json.loads(await asyncio.to_thread((notify_send / "called").read_text, "utf-8"))
    assert arguments[:4] == ["--app-name=emeth-tui", "--urgency=critical", "--", "emeth-tui: disk"]
    assert arguments[4].startswith("&lt;b&gt;no")
    assert bus == "unix:path=/run/x"


async def test_a_desktop_that_is_not_there_is_said(
    notify_send: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await asyncio.to_thread((notify_send / "fail").touch)
    with pytest.raises(NotDelivered, match="`notify-send` failed: no bus"):
        await DesktopChannel().deliver(MESSAGE)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(NotDelivered, match="`notify-send` is missing"):
        await DesktopChannel().deliver(MESSAGE)


def test_what_the_desktop_missed_is_not_said_to_be_sent_again() -> None:
    body = AlertsNotDelivered(DesktopChannel.name, NoNotifySend())

    assert english(body).startswith("alerts do not reach the desktop: `notify-send` is missing")
    assert "sent again" not in english(body)
    assert "`emeth-tui events` shows what the desktop missed" in (remedy_for(AlertsNotDelivered) or "")


class _Json(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def json_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A service on this machine that keeps in `got` what is sent to it, and answers with `status`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server: Any = HTTPServer(("127.0.0.1", 0), _Json)
    server.got, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with server:
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # which apprise imports
async def test_any_service_is_reached_through_apprise(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with json_service(monkeypatch) as server:
        url = SecretStr(f"json://me:s3cret@127.0.0.1:{server.server_address[1]}/s3cret")
        channel = ServiceChannel(ServiceUrl(url, Path("urls"), 1))
        await channel.deliver(MESSAGE)
        server.status = 500
        with pytest.raises(NotDelivered, match="json did not take the message"):
            await channel.deliver(MESSAGE)
    with pytest.raises(NotDelivered, match=r"urls, line 2: `apprise` knows no service"):
        await ServiceChannel(ServiceUrl(SecretStr("s3cret://x"), Path("urls"), 2)).deliver(MESSAGE)

    assert [(got["title"], got["message"]) for got in server.got] == [
        (title_of(MESSAGE), body_of(MESSAGE))
    ] * 2
    assert "s3cret" not in channel.key + caplog.text + str(capfd.readouterr())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # which apprise imports
@pytest.mark.parametrize(("choice", "pieces"), [("", 1), ("?overflow=split", 2)])
async def test_a_digest_is_no_longer_than_its_service_takes(
    choice: str, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service refuses what is too long each time that it is sent, and all later alerts would wait."""
    full = Event(0.0, node.NotWritten.severity, node.NotWritten(Foreign(one_line("full " * 100, 500))))
    digest = Message("1", (alert_of(full, AlertTopic.DISK),) * SHOWN, 0, {AlertTopic.DISK: SHOWN})
    with json_service(monkeypatch) as server:
        url = SecretStr(f"mmost://127.0.0.1:{server.server_address[1]}/token{choice}")
        await ServiceChannel(ServiceUrl(url, Path("urls"), 1)).deliver(digest)

    assert len(body_of(digest)) > 4_000  # Mattermost's limit
    assert len(server.got) == pieces
    assert all(len(got["text"]) <= 4_000 for got in server.got)


def service_at(port: int, urls: int = 1) -> ServiceChannel:
    """A service at a port of this machine, for whose answer apprise waits for a minute."""
    line = ", ".join([f"json://me:s3cret@127.0.0.1:{port}?rto=60"] * urls)
    return ServiceChannel(ServiceUrl(SecretStr(line), Path("urls"), 1))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # which apprise imports
async def test_a_service_whose_answer_does_not_end_holds_one_message_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    posts: list[bytes] = []
    answering = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = (line for line in head.splitlines() if line.lower().startswith(b"content-length:"))
        posts.append(await reader.readexactly(int(length.partition(b":")[2])))
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await answering.wait()
        writer.write(b"Content-Length: 0\r\n\r\n")
        await writer.drain()

    other = Message("2", MESSAGE.alerts)
    async with listening(serve) as port:
        channel = service_at(port)
        monkeypatch.setattr(services, "DEADLINE_S", 0.01)
        for message in (MESSAGE, MESSAGE, other):
            with pytest.raises(NotDelivered, match="json does not answer: not done after"):
                await channel.deliver(message)
            await until(lambda: bool(posts))
        assert len(posts) == 1
        monkeypatch.setattr(services, "DEADLINE_S", WAIT_S)
        answering.set()
        await channel.deliver(MESSAGE)
        assert len(posts) == 1
        await channel.deliver(other)
        assert len(posts) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # which apprise imports
def test_a_service_that_does_not_answer_keeps_no_node_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(services, "DEADLINE_S", 0.01)
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(NotDelivered, match="json does not answer"):
            asyncio.run(service_at(silent.getsockname()[1], urls=2).deliver(MESSAGE))
        connection, _ = silent.accept()  # of apprise, with whatever threads it has begun
        begun = set(threading.enumerate()) - before
        assert [thread.daemon for thread in begun] == [True]
        connection.close()
    for thread in begun:
        thread.join()


async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(NotDelivered, match=r"emeth-tui\[notify\]"):
        await ServiceChannel(ServiceUrl(SecretStr("json://x"), Path("urls"), 1)).deliver(MESSAGE)


def test_a_digest_counts_what_it_does_not_show() -> None:
    alerts = tuple(alert_of(FAILED, AlertTopic.VERIFICATION_FAILED) for _alert in range(SHOWN + 5))
    digest = Message("1", alerts, 10, {AlertTopic.VERIFICATION_FAILED: 20, AlertTopic.DISK: 5})

    assert title_of(digest) == "emeth-tui: 25 alerts: job lost or rejected ×20, disk ×5"
    lines = body_of(digest).splitlines()
    assert len(lines) == SHOWN + 1
    assert lines[-1] == "and 15 more; `emeth-tui events` shows them all"
    with in_language("ja"):
        assert "通知 25 件" in title_of(digest)
