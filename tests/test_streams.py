"""Printing in any encoding, to readers that leave or stand still, and with streams that were never there."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui import streams
from emeth_tui.errors import ExitCode
from emeth_tui.headless import format_json, format_text
from emeth_tui.model import Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.node import InternalError
from emeth_tui.streams import LineWriter, announce, prepare_streams
from tests.end_to_end.programs import environment

pytestmark = pytest.mark.slow

LIMIT_S = 120.0  # bounds a hang
ENCODINGS = ["ascii", "latin-1", "cp932", "shift_jis", "euc_jp", "koi8-r", "utf-8", "utf-16"]
# What our sentences hold, what people's paths hold, and what no encoding but Unicode's holds.
TEXT = "6f2a…2a – 設定 é × 😀 ～ ∥ ¥ \\ ‾ \u20ac"


@contextmanager
def pipe(encoding: str) -> Iterator[tuple[int, TextIO]]:
    """Make a pipe: its end to read, and a stream at the other end as `prepare_streams` leaves one."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding=encoding, errors="emeth_tui_readable") as stream:
        yield reader, stream
    os.close(reader)


@pytest.fixture(autouse=True)
def _prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the error handler, leave the tests' own streams alone, and give threads all their time."""
    monkeypatch.setattr(streams, "CLOSE_WITHIN_S", LIMIT_S)
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, object())
    prepare_streams()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_any_text_reaches_any_encoding(encoding: str) -> None:
    with pipe(encoding) as (reader, stream):
        assert announce(TEXT, stream)
        with closing(LineWriter(stream)) as writer:
            writer.write(TEXT)
        lines = os.read(reader, 10_000).decode(encoding).splitlines()

    assert len(lines) == 2
    unicode = encoding.startswith("utf")
    assert lines[0] == lines[1].removeprefix("\ufeff")
    assert lines[0].startswith("6f2a…2a – 設定 é × 😀" if unicode else "6f2a")
    assert "?" not in lines[0]


def test_ascii_is_as_plain_as_it_can_be() -> None:
    assert "6f2a…2a – a → b × 設定 é".encode("ascii", "emeth_tui_readable") == (
        b"6f2a...2a - a -> b x \\u8a2d\\u5b9a \\xe9"
    )
    assert "/data/\udce9".encode("utf-8", "emeth_tui_readable") == b"/data/\xe9", "the bytes of a file's name"


@given(st.text(), st.sampled_from(ENCODINGS))
def test_every_event_is_one_line_in_every_encoding_and_json_stays_json(text: str, encoding: str) -> None:
    event = Event(0.0, Severity.ERROR, InternalError("what", text))
    in_text, in_json = format_text(event), format_json(event, ascii_only=not encoding.startswith("utf"))

    for line in (in_text, in_json):
        assert len(line.encode(encoding, "emeth_tui_readable").decode(encoding).splitlines()) == 1
    assert json.loads(in_json.encode(encoding).decode(encoding)) == json.loads(format_json(event))


def test_a_reader_that_left_stops_the_printing_alone(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as stream, closing(LineWriter(stream)) as lines:
        lines.write("1")
        lines.write("2")
        lines.close()

        assert not announce("3", stream)
        assert announce("4", stream), "it goes nowhere now"
    assert caplog.text.count("stdout takes no more lines") == 1


def test_a_file_on_a_disk_that_was_full_takes_lines_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "node.txt"
    with open("/dev/full", "w", encoding="utf-8") as stream, closing(LineWriter(stream)) as writer:  # noqa: PTH123
        warned = threading.Event()
        with caplog.filtering(lambda _record: warned.set() or True):
            writer.write("lost")
            writer.write("lost")
            assert warned.wait(LIMIT_S)
        with file.open("w", encoding="utf-8") as room:
            os.dup2(room.fileno(), stream.fileno())
        writer.write("written")
        writer.close()

    assert file.read_text("utf-8").endswith("written\n")
    assert caplog.text.count("stdout takes no more lines") == 1


def test_a_reader_that_stands_still_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(streams, "CLOSE_WITHIN_S", 0.01)
    monkeypatch.setattr(streams, "MAX_WAITING_LINES", 5)
    with pipe("utf-8") as (reader, stream):
        lines = LineWriter(stream)
        for number in range(20):
            lines.write(f"{number} " + "x" * 100_000)  # more than the pipe holds
        lines.close()

        assert "stdout is not read" in caplog.text
        read_on = threading.Thread(target=_read_all, args=(reader,), daemon=True)
        read_on.start()
        assert lines._thread is not None
        lines._waiting.put(None)
        lines._thread.join(LIMIT_S)
        assert not lines._thread.is_alive()
        stream.close()
        read_on.join(LIMIT_S)


def _read_all(reader: int) -> None:
    while os.read(reader, 1_000_000):
        pass


def test_a_stream_that_does_not_block_is_waited_for() -> None:
    with pipe("utf-8") as (reader, stream):
        os.set_blocking(stream.fileno(), False)
        received: list[bytes] = []
        reading = threading.Thread(target=lambda: received.extend(iter(lambda: os.read(reader, 65_536), b"")))
        with closing(LineWriter(stream)) as lines:
            lines.write("x" * 1_000_000)
            reading.start()
        stream.close()
        reading.join(LIMIT_S)

    assert b"".join(received) == b"x" * 1_000_000 + b"\n"


# -- the program itself


def run(home: Path, command: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell command in which `$EMETH` is the program."""
    variables = {"EMETH": f"{sys.executable} -m emeth_tui", **variables}
    return subprocess.run(
        ["sh", "-c", command],
        env=environment(home, **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=LIMIT_S,
    )


@pytest.mark.process
@pytest.mark.parametrize(
    "variables",
    [{"LC_ALL": "C"}, *({"PYTHONIOENCODING": name} for name in ("ascii", "cp932", "utf-16"))],
    ids=str,
)
def test_commands_and_errors_print_in_any_encoding(home: Path, variables: dict[str, str]) -> None:
    example = run(home, "$EMETH config example", **variables)
    refused = run(home, "$EMETH config check --config /設定…–.toml", **variables)

    assert (example.returncode, example.stderr) == (0, b"")
    encoding = variables.get("PYTHONIOENCODING", "utf-8")
    assert "[claims]" in example.stdout.decode(encoding)
    assert refused.returncode == ExitCode.SETTINGS
    assert "no such file" in refused.stderr.decode(encoding)
    assert "Traceback" not in refused.stderr.decode(encoding)


@pytest.mark.process
@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ("$EMETH config example >&-", 0, b""),
        ("$EMETH config example <&- >&- 2>&-", 0, b""),
        ("$EMETH config example > /dev/full", 1, b"stdout cannot be written: No space left on device"),
        ("$EMETH --help > /dev/full", 1, b"stdout cannot be written: No space left on device"),
        ("$EMETH config check --config /none 2> /dev/full", ExitCode.SETTINGS, b""),
        ("$EMETH config check --config /none 2>&-", ExitCode.SETTINGS, b""),
        ("$EMETH --nonsense 2> /dev/full", ExitCode.USAGE, b""),
        ("$EMETH --no-ui --network round3-2 <&- >&-", ExitCode.WALLET, b"`emeth-tui wallet new` makes one"),
    ],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_streams_that_take_nothing_change_no_exit_code(
    home: Path, command: str, code: int, error: bytes, unbuffered: str
) -> None:
    result = run(home, command, PYTHONUNBUFFERED=unbuffered)

    assert result.returncode == code, result.stderr
    assert error in result.stderr
    assert b"Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == bool(error)


@pytest.mark.process
def test_a_closed_stream_does_not_become_the_next_file(home: Path, tmp_path: Path) -> None:
    script = (
        "import os; from emeth_tui.streams import prepare_streams; prepare_streams();"
        f"print(open({str(tmp_path / 'file')!r}, 'w').fileno(), file=open({str(tmp_path / 'number')!r}, 'w'))"
    )

    result = run(home, f'{sys.executable} -c "{script}" <&- >&- 2>&-')

    assert result.returncode == 0
    assert int((tmp_path / "number").read_text()) > 2


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
