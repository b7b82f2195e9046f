"""Metrics over real HTTP: off unless asked for, of this machine alone, and never in the node's way."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx
import pytest

from emeth_tui.cli.node.options import StartOptions
from emeth_tui.engine.events import EventLog
from emeth_tui.errors import SettingsError
from emeth_tui.metrics.server import AT_ONCE, serve_metrics
from emeth_tui.model import JobId
from emeth_tui.notices.events.job import Failed
from emeth_tui.notices.events.metrics import MetricsExposed, MetricsFailed, MetricsServed
from emeth_tui.notices.events.node import Stopped
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.settings import settings_layers
from emeth_tui.store.database import Store
from tests.loopback import local_client
from tests.terminal import ROOT
from tests.tui.stand_in import StandInNode

PROMTOOL = shutil.which("promtool")
CONTRIB = ROOT / "contrib" / "prometheus"
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool (Debian's `prometheus`) is not installed"
)


@pytest.fixture
async def events(tmp_path: Path) -> AsyncIterator[EventLog]:
    with Store(tmp_path) as store:
        yield EventLog(store.events, lambda: 1_000.0)


def address_of(events: EventLog) -> str:
    (served,) = [event.body for event in events.recent() if isinstance(event.body, MetricsServed)]
    return served.address


async def answered(http: httpx.AsyncClient, url: httpx.URL) -> httpx.Response:
    """Return the answer, when the server has noticed that others have left."""
    with anyio.fail_after(60):
        while True:
            with contextlib.suppress(httpx.TransportError):
                return await http.get(url)


async def test_a_scrape_is_answered_with_what_the_node_shows(events: EventLog) -> None:
    async with serve_metrics("127.0.0.1:0", StandInNode(), events), local_client() as http:
        events.publish(Stopped())
        await asyncio.sleep(0)
        answer = await http.get(address_of(events))

        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert 'emeth_events_total{kind="stopped",severity="info"} 1.0' in answer.text
        assert (await http.get(address_of(events).replace("/metrics", "/"))).status_code == 404
        assert (await http.post(address_of(events))).status_code == 501


async def test_an_event_is_counted_from_0_before_its_first(events: EventLog) -> None:
    """A series that begins with 1 has not increased: the first rejected result would raise no alert."""
    async with serve_metrics("127.0.0.1:0", StandInNode(), events), local_client() as http:
        before = (await http.get(address_of(events))).text
        events.publish(Failed(lost_wei=1), job_id=JobId("0x6f2a" + "0" * 28))
        await asyncio.sleep(0)
        after = (await http.get(address_of(events))).text

    assert 'emeth_events_total{kind="failed",severity="error"} 0.0' in before
    assert 'emeth_events_total{kind="failed",severity="error"} 1.0' in after


async def test_nothing_is_served_unless_it_is_asked_for(events: EventLog) -> None:
    async with serve_metrics("", StandInNode(), events):
        assert events.recent() == ()


async def test_it_is_warned_of_what_other_machines_can_read(events: EventLog) -> None:
    async with serve_metrics("0.0.0.0:0", StandInNode(), events):
        (event,) = events.recent()

    assert isinstance(event.body, MetricsExposed)
    assert event.severity.value == "warning"


async def test_a_port_that_is_taken_is_an_event_and_the_node_goes_on(events: EventLog) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        async with serve_metrics(listen, StandInNode(), events):
            (event,) = events.recent()

    assert event.body == MetricsFailed(listen, Foreign("Address already in use"))


async def test_without_the_extra_it_says_what_to_install(
    events: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    async with serve_metrics("127.0.0.1:0", StandInNode(), events):
        (event,) = events.recent()

    assert isinstance(event.body, MetricsFailed)
    assert event.body.reason.kind == "metrics_extra_missing"


async def test_clients_that_say_nothing_hold_up_nobody(events: EventLog) -> None:
    async with serve_metrics("127.0.0.1:0", StandInNode(), events), local_client() as http:
        url = httpx.URL(address_of(events))
        silent = [
            await asyncio.open_connection(url.host, url.port, family=socket.AF_INET)
            for _client in range(AT_ONCE - 1)
        ]
        assert (await http.get(url)).status_code == 200
        for _reader, writer in silent:
            writer.close()
            await writer.wait_closed()


async def test_one_client_too_many_is_turned_away_and_served_later(events: EventLog) -> None:
    async with serve_metrics("127.0.0.1:0", StandInNode(), events), local_client() as http:
        url = httpx.URL(address_of(events))
        silent = [await asyncio.open_connection(url.host, url.port) for _client in range(AT_ONCE)]
        with pytest.raises(httpx.TransportError):
            await http.get(url)
        for reader, writer in silent:
            writer.close()
            await reader.read()
        assert (await answered(http, url)).status_code == 200


@needs_promtool
async def test_names_and_types_keep_to_the_conventions(events: EventLog) -> None:
    assert PROMTOOL is not None
    async with serve_metrics("127.0.0.1:0", StandInNode(), events), local_client() as http:
        text = (await http.get(address_of(events))).content
    checked = await asyncio.to_thread(
        subprocess.run, [PROMTOOL, "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@needs_promtool
@pytest.mark.parametrize(
    "words", ["check config prometheus.yml", "check rules alerts.yml", "test rules alerts_test.yml"]
)
def test_the_examples_are_right(words: str) -> None:
    assert PROMTOOL is not None
    checked = subprocess.run(
        [PROMTOOL, *words.split()], cwd=CONTRIB, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_option_stands_for_the_setting() -> None:
    overrides = StartOptions(metrics="127.0.0.1:9101").overrides()
    assert settings_layers(environment={}, overrides=overrides).combine("").metrics.listen == "127.0.0.1:9101"

    with pytest.raises(SettingsError, match="host and port are needed"):
        settings_layers(environment={}, overrides=StartOptions(metrics="x").overrides()).combine("")
