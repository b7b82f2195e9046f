"""The info server's list, good entries among bad ones, over HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from emeth_tui.clients import info_server
from emeth_tui.clients.http.exchange import Limits
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.info_list import PIECE_BYTES, parse_list
from emeth_tui.clients.info_server import InfoServer
from emeth_tui.errors import InfoServerError
from emeth_tui.model import JobId
from emeth_tui.notices.notice import MAX_TEXT_CHARS, to_data
from emeth_tui.notices.reasons.network.verification import NotLastLink, VerifierSays
from emeth_tui.protocol.info_api import ListedJob
from tests.clients.dripping import dripping_server
from tests.clients.emeth_storage import network_at
from tests.clients.listening import listening
from tests.clients.local_server import QUICK_RETRY, LocalServer

JOB_ID = JobId("0x" + "ab" * 16)
ENTRY: dict[str, Any] = {
    "id": "0x" + "AB" * 16,
    "owner": "0x" + "11" * 20,
    "status": 0,
    "programId": 1,
    "datasetPath": "a.txt",
    "param": '{"language": "en", "epoch": 30}',
    "datasetSize": 12_345,
    "fee": "20000000000000000000",
    "deadline": 1_900_000_000,
    "requestedAt": 1_800_000_000,
}


class ListApp:
    """Answers every request with what `answer` says."""

    def __init__(self) -> None:
        self.answers: Callable[[int], tuple[int, bytes]] = lambda _: (200, b"[]")
        self.requests: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, body = self.answers(len(self.requests))
        self.requests.append(f"{scope['path']}?{scope['query_string'].decode()}")
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def app() -> ListApp:
    return ListApp()


@pytest.fixture
async def info(server: LocalServer, app: ListApp) -> AsyncIterator[InfoServer]:
    with server.mounted(app) as url:
        async with open_transport(QUICK_RETRY) as transport:
            yield InfoServer(network_at(url), transport)


async def requested(info: InfoServer) -> list[ListedJob]:
    return [entry.as_job() async for entries in info.requested_jobs() for entry in entries]


def listing(*entries: Any) -> Callable[[int], tuple[int, bytes]]:
    body = json.dumps(entries).encode()
    return lambda _: (200, body)


async def test_jobs_come_as_the_server_lists_them(info: InfoServer, app: ListApp) -> None:
    app.answers = listing(ENTRY, {**ENTRY, "id": "0x" + "cd" * 16, "param": None})
    first, second = await requested(info)
    assert first.job_id == "0x" + "ab" * 16
    assert (first.dataset, first.dataset_bytes, first.fee_wei) == ("a.txt", 12_345, 20 * 10**18)
    assert first.deadline_unix_s == 1_900_000_000
    assert second.param is None
    assert app.requests == ["/api/v1/jobs?status=0"]


async def test_bad_entries_are_skipped_and_logged_once(
    info: InfoServer, app: ListApp, caplog: pytest.LogCaptureFixture
) -> None:
    bad = [
        {**ENTRY, "id": "0x../../etc"},
        {**ENTRY, "id": "0x" + "01" * 16, "fee": "-1"},
        {**ENTRY, "id": "0x" + "02" * 16, "datasetSize": None},
        {**ENTRY, "id": "0x" + "03" * 16, "deadline": 2**256},
        {"id": "no\nmore\x1b[31m"},
        "text",
        None,
    ]
    app.answers = listing(*bad, ENTRY)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            (job,) = await requested(info)
            assert job.job_id == ENTRY["id"].lower()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == len(bad)
    assert all(line.isprintable() for line in lines)
    assert any(f"skipping entry 0x{'01' * 16}: " in line and "fee" in line for line in lines)


async def test_jobs_under_way_are_left_out(info: InfoServer, app: ListApp) -> None:
    app.answers = listing(ENTRY, {**ENTRY, "id": "0x" + "cd" * 16, "status": 2})
    (job,) = await requested(info)
    assert job.fee_wei == 20 * 10**18


async def test_the_log_of_bad_entries_has_a_limit(
    info: InfoServer, app: ListApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(info_server, "MAX_REMEMBERED", 3)
    app.answers = lambda before: (200, json.dumps([{"id": f"{before}-{n}"} for n in range(10)]).encode())
    for _ in range(3):
        assert await requested(info) == []
    assert len(caplog.records) == 3


async def test_a_rejection_comes_with_the_verifiers_reason(info: InfoServer, app: ListApp) -> None:
    known = {"reason": to_data(NotLastLink(30)), "text": "whatever"}
    app.answers = lambda _: (200, json.dumps({**ENTRY, "rejection": known}).encode())

    assert await info.rejection(JOB_ID) == NotLastLink(30)
    assert app.requests == [f"/api/v1/jobs/{JOB_ID}?"]


@pytest.mark.parametrize(
    "reason",
    [
        {"kind": "of_another_version", "field": [1]},
        {"kind": "not_last_link", "epochs": "thirty"},
        {"kind": "node_stopping"},  # one of ours, and no verifier's
        {},
    ],
)
async def test_a_reason_that_is_not_known_comes_in_the_verifiers_words(
    info: InfoServer, app: ListApp, reason: object
) -> None:
    told = {"reason": reason, "text": "no\nmore\x1b[31m" + "x" * 5_000}
    app.answers = lambda _: (200, json.dumps({"rejection": told}).encode())

    said = await info.rejection(JOB_ID)

    assert isinstance(said, VerifierSays)
    assert said.text.startswith("no more")
    assert said.text.isprintable()
    assert len(said.text) == MAX_TEXT_CHARS


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"none"), (200, b"{}"), (200, json.dumps(ENTRY).encode()), (200, b'{"rejection": null}')],
)
async def test_a_server_need_not_say_why(info: InfoServer, app: ListApp, status: int, body: bytes) -> None:
    app.answers = lambda _: (status, body)

    assert await info.rejection(JOB_ID) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b""), (200, b"<html>"), (200, b"[" * 200_000), (200, b'{"rejection": 7}'), (200, b" " * 300_000)],
)
async def test_what_is_no_entry_is_an_error(info: InfoServer, app: ListApp, status: int, body: bytes) -> None:
    app.answers = lambda _: (status, body)

    with pytest.raises(InfoServerError):
        await info.rejection(JOB_ID)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b'"text"', b"7", b"\xff", b"[" * 200_000, b'[{"id": ' * 50_000]
)
async def test_what_is_no_list_is_an_error(info: InfoServer, app: ListApp, body: bytes) -> None:
    app.answers = lambda _: (200, body)
    with pytest.raises(InfoServerError, match="check info_url"):
        await requested(info)


async def test_a_list_without_end_is_cut_off_and_not_asked_for_again(
    server: LocalServer, app: ListApp
) -> None:
    app.answers = lambda _: (200, b" " * 100_000)
    with server.mounted(app) as url:
        async with open_transport(QUICK_RETRY) as transport:
            with pytest.raises(InfoServerError, match="more than 1 kB"):
                await requested(InfoServer(network_at(url), transport, Limits(1_000, deadline_s=20)))
    assert len(app.requests) == 1


async def test_a_busy_server_is_asked_again_up_to_a_limit(info: InfoServer, app: ListApp) -> None:
    app.answers = lambda before: (503, b"") if before < 4 else (200, b"[]")
    assert await requested(info) == []
    assert len(app.requests) == 5

    app.answers = lambda _: (503, b"")
    with pytest.raises(InfoServerError, match="busy: HTTP status 503"):
        await requested(info)
    assert len(app.requests) == 10


@pytest.mark.parametrize("status", [204, 302, 403, 404])
async def test_another_status_is_an_error_at_once(info: InfoServer, app: ListApp, status: int) -> None:
    app.answers = lambda _: (status, b"")
    with pytest.raises(InfoServerError, match=f"HTTP status {status}"):
        await requested(info)
    assert len(app.requests) == 1


async def test_a_server_that_is_not_there_is_an_error() -> None:
    async with open_transport(QUICK_RETRY) as transport:
        with pytest.raises(InfoServerError, match=r"http://127\.0\.0\.1:9 does not answer.*check info_url"):
            await requested(InfoServer(network_at("http://127.0.0.1:9"), transport))


async def test_a_server_that_says_nothing_times_out() -> None:
    async def keep_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(keep_silent) as port, open_transport(QUICK_RETRY) as transport:
        info = InfoServer(network_at(f"http://127.0.0.1:{port}"), transport, Limits(1_000, deadline_s=0.01))
        with pytest.raises(InfoServerError, match=r"does not answer: not done after 0 s"):
            await requested(info)


async def test_a_dripping_server_holds_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte every few seconds is no silence, and what took all its time is not tried again at once."""
    monkeypatch.setattr(info_server, "PATIENCE_S", 0.05)
    async with dripping_server() as dripping, open_transport(QUICK_RETRY) as transport:
        info = InfoServer(network_at(dripping.url), transport, Limits(1_000_000, deadline_s=0.1))
        with pytest.raises(InfoServerError, match=r"does not answer: not done after 0 s"):
            await requested(info)
    assert dripping.requests <= 1


async def test_loopback_is_never_asked_through_a_proxy(
    server: LocalServer, app: ListApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with server.mounted(app) as url:
        async with open_transport() as transport:
            assert await requested(InfoServer(network_at(url), transport)) == []
            with pytest.raises(httpx.ConnectError):
                await transport.client.get("http://emeth.example")  # the proxy that nobody serves


_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), _FINITE, st.text(max_size=20), st.just([]), st.just({})
)
_ENTRIES = st.one_of(
    _VALUES,
    st.builds(lambda changes: {**ENTRY, **changes}, st.dictionaries(st.sampled_from(sorted(ENTRY)), _VALUES)),
)


@given(st.lists(_ENTRIES, max_size=5))
def test_no_list_breaks_the_reader(listed: list[Any]) -> None:
    for entries, bad_entries in parse_list("here", json.dumps(listed).encode()):
        jobs = [entry.as_job() for entry in entries]
        assert all(isinstance(job, ListedJob) and job.fee_wei >= 0 for job in jobs)
        assert len(jobs) + len(bad_entries) <= len(listed)
        assert all(name.isprintable() and problem.isprintable() for name, problem in bad_entries.items())


def numbered(number: int, **changes: Any) -> dict[str, Any]:
    return {**ENTRY, "id": f"0x{number:032x}", **changes}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"param": '{"language": "en"}, {"epoch": 30}'},
        {"title": "},{", "x": [{"a": 1}, {"b": [{}, {}]}]},
        {"title": '"},{"'},
    ],
)
def test_a_long_list_is_read_in_pieces_and_whole(indent: int | None, changes: dict[str, Any]) -> None:
    listed = [numbered(number, **changes) for number in range(5_000)]
    body = json.dumps(listed, indent=indent).encode()

    pieces = list(parse_list("here", body))

    assert len(pieces) >= len(body) // (2 * PIECE_BYTES)
    assert max(len(entries) for entries, _ in pieces) < 2_000
    assert [entry.job_id for entries, _ in pieces for entry in entries] == [job["id"] for job in listed]
    assert not any(bad_entries for _, bad_entries in pieces)


def test_one_bad_entry_of_a_long_list_is_named_alone() -> None:
    listed = [numbered(number) for number in range(3_000)]
    listed[1_500]["fee"] = "dear"

    pieces = list(parse_list("here", json.dumps(listed).encode()))

    assert sum(len(entries) for entries, _ in pieces) == len(listed) - 1
    ((name, problem),) = [bad for _, bad_entries in pieces for bad in bad_entries.items()]
    assert name == listed[1_500]["id"]
    assert "fee" in problem


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b'{"a":"' + b"},{" * 200_000 + b'"}]',
        b"[" + b"{},{" * 100_000 + b"]",
        json.dumps([numbered(number) for number in range(3_000)]).encode()[:-9] + b"]",
    ],
)
def test_a_list_that_is_made_to_be_cut_in_the_wrong_places_costs_little(body: bytes) -> None:
    with pytest.raises(InfoServerError, match="check info_url"):
        list(parse_list("here", body))
