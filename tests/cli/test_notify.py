"""`emeth-tui notify test`: every way is tried, and no secret is shown."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from emeth_tui.errors import ExitCode
from tests.alerts.receiver import SECRET, Receiver
from tests.cli.test_cli import assert_one_clear_line, emeth_tui

pytestmark = pytest.mark.process


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with contextlib.closing(Receiver()) as server:
        yield server


def configured(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "settings.toml").write_text(f"[alerts]\n{text}\n", "utf-8")
    return ["--config", str(tmp_path / "settings.toml"), "notify", "test"]


@pytest.mark.parametrize("way", ["variable", "file", "credential"])
def test_a_test_message_arrives_signed_with_the_secret(tmp_path: Path, receiver: Receiver, way: str) -> None:
    path = tmp_path / "webhook-secret"
    path.write_text(f"{SECRET}\n", "utf-8")
    in_file = f"webhook_secret_file = '{path}'" if way == "file" else ""
    environment = {
        "variable": {"EMETH_TUI_WEBHOOK_SECRET": SECRET},
        "credential": {"CREDENTIALS_DIRECTORY": str(tmp_path)},
        "file": {},
    }[way]
    arguments = configured(tmp_path, f"webhook_url = '{receiver.url}'\n{in_file}")
    result = emeth_tui(tmp_path, *arguments, **environment)

    assert (result.returncode, result.stderr) == (ExitCode.OK, "")
    assert result.stdout == f"{receiver.url.partition('/hook')[0]}: sent\n"
    assert [message["type"] for message in receiver.seen.values()] == ["test"]


def test_what_does_not_arrive_is_said_and_shows_no_secret(tmp_path: Path, receiver: Receiver) -> None:
    receiver.down = 403
    path = tmp_path / "webhook-secret"
    path.write_text(SECRET, "utf-8")
    text = f"webhook_url = '{receiver.url}'\nwebhook_secret_file = '{path}'"
    result = emeth_tui(tmp_path, *configured(tmp_path, text))

    assert result.returncode == ExitCode.SERVICE
    assert "HTTP status 403" in result.stderr
    assert SECRET not in result.stdout + result.stderr
    assert "s3cret-path" not in result.stdout + result.stderr


def test_each_of_two_services_of_a_kind_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "urls"
    path.write_text("json://127.0.0.1:1/a\njson://127.0.0.1:1/b\njson://127.0.0.1:1/a\n", "utf-8")
    result = emeth_tui(tmp_path, *configured(tmp_path, f"apprise_file = '{path}'"), NO_PROXY="127.0.0.1")

    assert result.returncode == ExitCode.SERVICE
    assert result.stderr.count("json did not take the message") == 2, result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no way for alerts"),
        ("webhook_url = 'https://example.org/x'", "EMETH_TUI_WEBHOOK_SECRET"),
        ("webhook_url = 'ftp://s3cret'", "alerts.webhook_url: a URL is"),
        ("apprise_file = '/nowhere'", "alerts.apprise_file = /nowhere: cannot be read"),
        ("topics = ['weather']", "out of job_at_risk, "),
    ],
)
def test_settings_that_make_no_sense_are_explained(tmp_path: Path, text: str, said: str) -> None:
    result = emeth_tui(tmp_path, *configured(tmp_path, text))

    assert_one_clear_line(result, ExitCode.SETTINGS, said)
    assert "s3cret" not in result.stderr
