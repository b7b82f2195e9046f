"""A node seen through its socket is the node: the same pictures, answers and news."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.control import client, connection, wire
from emeth_tui.control.client import local_node
from emeth_tui.control.server import serve_control
from emeth_tui.engine.events import JobProgress
from emeth_tui.engine.market.standstill import Standstill
from emeth_tui.engine.money.costs import DayCosts
from emeth_tui.engine.settings_editor import Setting, SettingsView
from emeth_tui.errors import ControlError, EmethError, StoreError
from emeth_tui.job import Job
from emeth_tui.model import AskedAt, JobId, Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.market import Claimed
from emeth_tui.notices.notice import EventBody
from emeth_tui.notices.reasons.control import NoAnswerInTime, NobodyListens
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import PausedByOperator
from emeth_tui.settings import Origin
from emeth_tui.training.reports import Progress
from emeth_tui.transport.local_socket import remove_socket
from tests.control.conftest import LIMIT_S, SUMMARY, Attached, ShownNode, attached, mute_node, until
from tests.tui.stand_in import NOW, PENDING_ID, TRAINING_ID, training_worker


def event(body: EventBody) -> Event:
    return Event(NOW, Severity.INFO, body, TRAINING_ID)


async def test_the_picture_is_the_nodes_own_with_the_clock_going_on(shown: ShownNode, served: Path) -> None:
    async with attached(shown, served) as view:
        picture = view.remote.snapshot()
        assert replace(picture, at_unix_s=NOW) == shown.picture
        assert NOW <= picture.at_unix_s < NOW + LIMIT_S
        node = view.remote.attached_to
        assert node.pid == os.getpid()
        assert 0 <= time.time() - node.since_unix_s < LIMIT_S


async def test_losses_that_are_no_numbers_come_across(shown: ShownNode, served: Path) -> None:
    shown.picture = replace(shown.picture, workers=(training_worker(train_loss=float("inf")),))
    async with attached(shown, served) as view:
        assert view.remote.snapshot().workers[0].train_loss == float("inf")


async def test_records_are_the_nodes_own_but_for_signed_bytes(shown: ShownNode, served: Path) -> None:
    async with attached(shown, served) as view:
        remote, own = view.remote.records, shown.records
        assert await remote.history() == await own.history()
        shown.records.costs = DayCosts({19_675: 2**70}, {19_675: 2**60})
        assert await remote.day_costs() == await own.day_costs() == shown.records.costs
        assert await remote.requests() == await own.requests()
        assert await remote.network() == await own.network()
        assert await remote.chain_record(TRAINING_ID) == await own.chain_record(TRAINING_ID)
        assert await remote.logs() == await own.logs()
        assert await remote.log_tail(Path("node.log")) == await own.log_tail(Path("node.log"))
        assert await remote.log_search(Path("node.log"), ["info", "no 3"], 5) == [
            "2023-11-15T14:02:03.000Z INFO    emeth_tui.engine: no 3"
        ]
        assert await remote.log_search(Path("/etc/passwd"), ["root"], 5) == []
        record, expected = await remote.job(TRAINING_ID), await own.job(TRAINING_ID)
        assert record is not None
        assert expected is not None
        unsigned = tuple(replace(tx, raw=b"") for tx in expected.transactions)
        assert record == replace(expected, transactions=unsigned)
        assert await remote.transactions(1) == [replace(tx, raw=b"") for tx in await own.transactions(1)]
        assert await remote.job(PENDING_ID.replace("9", "8")) is None  # type: ignore[arg-type]


async def test_a_history_comes_in_pieces(
    shown: ShownNode, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[int] = []
    older_jobs = shown.records.older_jobs

    async def noted(than: JobId | None, limit: int) -> Sequence[Job]:
        jobs = await older_jobs(than, limit)
        pieces.append(len(jobs))
        return jobs

    monkeypatch.setattr(client, "JOBS_AT_ONCE", 2)
    monkeypatch.setattr(shown.records, "older_jobs", noted)
    async with attached(shown, served) as view:
        assert await view.remote.records.history() == await shown.records.history()
    assert pieces == [2, 2, 1]


async def test_a_search_that_takes_long_holds_nobody_up(
    shown: ShownNode, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = asyncio.Event()

    async def search(_path: Path, _words: Sequence[str], _limit: int) -> Sequence[str]:
        await may_end.wait()
        return ["found"]

    monkeypatch.setattr(shown.records, "log_search", search)
    async with (
        connection.connect(served, AskedAt.COMMAND_LINE) as one,
        connection.connect(served, AskedAt.COMMAND_LINE) as other,
    ):
        searching = asyncio.create_task(one.ask("log_search", name="node.log", words=["x"], limit=5))
        await until(lambda: bool(one._asked))
        await other.ask("snapshot")
        may_end.set()
        assert await searching == ["found"]


async def test_the_settings_in_effect_come_across(shown: ShownNode, served: Path) -> None:
    setting = Setting(
        "claims.enabled", "true", Origin.FILE, "take new jobs", True, ("true", "false"), "false"
    )
    settings = SettingsView(Path("config.toml"), True, (setting,), Foreign("it is damaged"))

    async def settings_in_effect() -> SettingsView:
        return settings

    shown.records.settings = settings_in_effect  # type: ignore[attr-defined, method-assign, unused-ignore]
    async with attached(shown, served) as view:
        assert await view.remote.records.settings() == settings


async def test_news_is_told_when_the_picture_shows_it(shown: ShownNode, served: Path) -> None:
    async with attached(shown, served) as view:
        stream = view.remote.subscribe()
        shown.picture = replace(shown.picture, claims_paused=PausedByOperator())
        told = [
            event(Claimed(10**30)),
            JobProgress(TRAINING_ID, Progress(1, 30, 5, 100, 3.0, 1_000.0)),
        ]
        for news in told:
            shown.tell(news)
        heard: list[object] = []
        async for item in stream:
            heard.append(item)
            assert view.remote.snapshot().claims_paused == PausedByOperator()
            if len(heard) == len(told):
                break
        assert heard == [event(Claimed(10**30)), told[1]]


async def test_a_view_asks_anew_when_its_picture_is_old(
    shown: ShownNode, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "OLD_S", 0.0)
    async with attached(shown, served) as view:
        standstill = Standstill(Foreign("no event said so"), NOW)
        shown.picture = replace(shown.picture, standstill=standstill)
        await until(lambda: view.remote.snapshot().standstill == standstill)


async def test_several_views_at_once(shown: ShownNode, served: Path) -> None:
    async with attached(shown, served) as one, attached(shown, served) as other:
        assert one.remote.snapshot().jobs == other.remote.snapshot().jobs
        assert len(shown.streams) == 2


async def test_the_end_of_the_node_comes_with_its_last_words(shown: ShownNode, tmp_path: Path) -> None:
    async with serve_control(tmp_path, shown):
        view = Attached(local_node(tmp_path, lambda: shown.holder))
        await view.until_shown()
        shown.tell(event(SUMMARY))
    assert await view.ending() == "2 jobs verified, 1.00 EMT before, 2.00 EMT after"
    assert not (tmp_path / "socket").exists()


async def test_a_node_that_is_gone_without_a_goodbye(shown: ShownNode, tmp_path: Path) -> None:
    async with mute_node(tmp_path) as hang_up:
        view = Attached(local_node(tmp_path, lambda: shown.holder))
        await hang_up()
        shown.holder = None
        with pytest.raises(ControlError, match=f"process {os.getpid()}.* is gone: it was killed"):
            await view.ending()


async def test_a_node_whose_goodbye_is_lost_has_ended_all_the_same(shown: ShownNode, tmp_path: Path) -> None:
    async with mute_node(tmp_path) as hang_up:
        view = Attached(local_node(tmp_path, lambda: shown.holder))
        await hang_up()
        remove_socket(tmp_path)  # as a node does that ends, and a killed one does not
        shown.holder = None
        assert await view.ending() == ""


async def test_a_goodbye_is_read_when_nothing_can_be_sent_any_more() -> None:
    cut = asyncio.Event()
    opened = []

    class Deaf:
        """A connection that still brings what the node says."""

        hello = wire.Hello(wire.PROTOCOL, "0", os.getpid(), started_at_unix_s=0.0)

        def __init__(self, on_news: Callable[[Event | JobProgress], None]) -> None:
            self._on_news = on_news
            self.reading = asyncio.create_task(self._read())
            opened.append(self)

        async def ask(self, topic: str) -> None:
            cut.set()
            raise connection.ConnectionBroken(Foreign(f"{topic}: broken pipe"))

        async def _read(self) -> None:
            await cut.wait()
            for _turn in range(10):  # later than the failure is seen
                await asyncio.sleep(0)
            self._on_news(event(SUMMARY))
            raise connection.NodeEnded

    @contextlib.asynccontextmanager
    async def connect(on_news: Callable[[Event | JobProgress], None]) -> AsyncIterator[Any]:
        yield Deaf(on_news)

    remote = client.RemoteNode(connect, os.getpid)
    ending = remote.run(asyncio.get_running_loop().create_future())
    assert await asyncio.wait_for(ending, LIMIT_S) == "2 jobs verified, 1.00 EMT before, 2.00 EMT after"
    assert len(opened) == 1


async def test_a_line_that_never_closes_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CLOSE_LIMIT_S", 0.01)
    own, far = socket.socketpair()
    hello = wire.pack("hello", wire.Hello(wire.PROTOCOL, "0", os.getpid(), started_at_unix_s=0.0))
    far.sendall(wire.line({"hello": hello}))
    reader, writer = await asyncio.open_unix_connection(sock=own)

    async def stop_in_the_middle() -> None:
        async with connection.talk(reader, writer, AskedAt.ATTACHED_SCREEN, lambda _news: None):
            writer.write(bytes(1 << 24))  # more than fits in the socket, and nobody reads

    with far:
        await asyncio.wait_for(stop_in_the_middle(), LIMIT_S)
        assert writer.transport.get_write_buffer_size() > 0
        writer.transport.abort()
        assert await reader.read() == b""  # its socket is closed


async def test_a_broken_connection_is_shown_and_made_anew(
    shown: ShownNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RETRY_S", 0.01)
    async with serve_control(tmp_path, shown), attached(shown, tmp_path) as view:
        remote = view.remote
        assert remote._connection is not None
        remote._connection._writer.transport.abort()
        (tmp_path / "socket").rename(tmp_path / "elsewhere")
        await until(lambda: isinstance(remote.snapshot().services[-1].reason, NobodyListens))
        assert remote.snapshot().services[-1].name == "node"
        with pytest.raises(ControlError, match="trying again"):
            await remote.records.history()
        (tmp_path / "elsewhere").rename(tmp_path / "socket")
        await until(lambda: remote.snapshot().services[-1].name != "node")


async def test_a_node_that_lives_and_never_answers_is_given_up(
    shown: ShownNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RETRY_S", 0.01)
    monkeypatch.setattr(client, "GIVE_UP_S", 0.05)
    view = Attached(local_node(tmp_path / "nothing", lambda: shown.holder))
    with pytest.raises(ControlError, match=f"process {os.getpid()}.* does not answer: .*no node"):
        await view.ending()


async def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_its_limit(
    shown: ShownNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_LIMIT_S", 0.05)
    monkeypatch.setattr(client, "RETRY_S", 0.01)
    monkeypatch.setattr(client, "GIVE_UP_S", 0.0)
    async with mute_node(tmp_path):
        view = Attached(local_node(tmp_path, lambda: shown.holder))
        await until(lambda: isinstance(view.remote._trouble, NoAnswerInTime) or view.following.done())
        view.following.cancel()
        await asyncio.wait({view.following})


async def test_an_error_of_the_node_is_told_in_its_own_words(shown: ShownNode, served: Path) -> None:
    async def broken() -> None:
        raise StoreError(Foreign("disk I/O error"))

    async with attached(shown, served) as view:
        shown.records.history = broken  # type: ignore[method-assign, assignment]
        with pytest.raises(EmethError, match="disk I/O error"):
            await view.remote.records.history()
        assert view.remote.snapshot().jobs  # the connection is none the worse


async def test_another_version_is_named_with_the_remedy(shown: ShownNode, tmp_path: Path) -> None:
    hello = {"hello": {"protocol": wire.PROTOCOL + 1, "version": "9.9", "pid": 1}}
    async with mute_node(tmp_path, hello):
        view = Attached(local_node(tmp_path, lambda: shown.holder))
        with pytest.raises(ControlError, match=r"emeth-tui 9\.9, this is .*use the node's version"):
            await view.ending()
