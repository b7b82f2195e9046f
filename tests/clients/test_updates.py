"""What the index says of releases, over real HTTP: only what it can know is believed, and only when asked."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from starlette.types import Receive, Scope, Send

from emeth_tui import __version__
from emeth_tui.cli.commands.about import version
from emeth_tui.clients import updates
from emeth_tui.clients.http.exchange import Limits
from emeth_tui.errors import ExitCode, UpdateUnknown
from emeth_tui.words.sentences import english
from tests.clients.local_server import LocalServer


class Index:
    """Answers every request alike."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, b"", 0

    def releases(self, newest: object) -> None:
        self.body = json.dumps({"info": {"version": newest}, "releases": {}}).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": self.body})


@pytest.fixture
def index(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    app = Index()
    with server.mounted(app) as url:
        defaults = (f"{url}/emeth-tui/json",)
        monkeypatch.setattr(updates.newest_version, "__defaults__", defaults)
        yield app


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(version, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return int(result.return_value), result.output


def test_a_newer_release_is_named(index: Index) -> None:
    index.releases("900.1.0")
    code, printed = run("--check-update")
    assert code == ExitCode.UPDATE_AVAILABLE
    assert "900.1.0" in printed
    code, printed = run("--check-update", "--json")
    assert (code, json.loads(printed)["newest"]) == (ExitCode.UPDATE_AVAILABLE, "900.1.0")


def test_the_newest_release_is_that(index: Index) -> None:
    index.releases(__version__ if updates._RELEASE.fullmatch(__version__) else "0.0.1")
    assert run("--check-update")[0] == ExitCode.OK


def test_nobody_is_asked_without_the_option(index: Index) -> None:
    assert run()[0] == run("--json")[0] == ExitCode.OK
    assert index.asked == 0


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"{}", "does not list emeth-tui"),
        (403, b"{}", "403"),
        (503, b"{}", "503"),
        (302, b"", "302"),
        (200, b"<html>", "something else than a release"),
        (200, b"[" * 100_000, "something else than a release"),
        (200, b"[]", "something else than a release"),
        (200, b'{"info": []}', "something else than a release"),
        (200, b'{"info": {"version": 3}}', "something else than a release"),
        (200, '{"info": {"version": "٩.٩"}}'.encode(), "something else than a release"),
        (200, b'{"info": {"version": "9.9\\u001b[2J"}}', "something else than a release"),
        (200, b'{"info": {"version": "' + b"9" * 5_000 + b'.1"}}', "something else than a release"),
        (200, b" " * 2_000, "sent more than"),
    ],
)
async def test_a_strange_answer_is_no_release(
    index: Index, status: int, body: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said == "sent more than":
        monkeypatch.setattr(updates, "LIMITS", Limits(max_bytes=1_000, deadline_s=5.0))
    index.status, index.body = status, body
    with pytest.raises(UpdateUnknown) as caught:
        await updates.newest_version()
    assert said in english(caught.value.reason)
    assert caught.value.exit_code is ExitCode.SERVICE


async def test_offline_is_said() -> None:
    with pytest.raises(UpdateUnknown) as caught:
        await updates.newest_version("http://127.0.0.1:9/emeth-tui/json")
    assert "check the connection" in english(caught.value.reason)


@pytest.mark.parametrize(
    ("found", "running", "newer"),
    [
        ("0.2", "0.1.9", True),
        ("0.1.0", "0.1.0", False),
        ("0.10.0", "0.9.0", True),
        ("1.0", "1.0.0.dev3", False),
    ],
)
def test_versions_compare_by_their_numbers(found: str, running: str, newer: bool) -> None:
    assert updates.is_newer(found, running) is newer
