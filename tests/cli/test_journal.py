"""Into systemd's journal events go with their fields; everywhere else they are lines."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from emeth_tui.headless import LinePrinter, journal_fields
from emeth_tui.model import JobId, Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.job import Failed
from emeth_tui.process.journal import Journal, leads_to_journal
from emeth_tui.streams import LineWriter

JOB = JobId("0x6f2a" + "0" * 28)
FAILED = Event(0.0, Severity.ERROR, Failed(lost_wei=7), JOB)


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket at which the journal listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.settimeout(60)
        yield listening


def read(datagram: bytes) -> dict[str, str]:
    """Read an entry as journald does: a name, a length of eight bytes, so many bytes, and a new line."""
    fields = {}
    while datagram:
        name, _newline, rest = datagram.partition(b"\n")
        size = int.from_bytes(rest[:8], "little")
        fields[name.decode()] = rest[8 : 8 + size].decode()
        assert rest[8 + size : 9 + size] == b"\n"
        datagram = rest[9 + size :]
    return fields


def printed(path: Path, journal: Journal) -> str:
    with path.open("w", encoding="utf-8") as stream:
        output = LineWriter(stream)
        LinePrinter(output, "text", Severity.INFO, journal).print(FAILED)
        output.close()
    journal.close()
    return path.read_text("utf-8")


def test_an_event_is_an_entry_with_its_fields(tmp_path: Path, journald: socket.socket) -> None:
    assert printed(tmp_path / "out", Journal(str(tmp_path / "socket"))) == ""

    fields = read(journald.recv(65_536))
    assert fields == journal_fields(FAILED)
    assert fields == {
        "MESSAGE": "6f2a…00 the verifier rejected it; it cost 0.000000000000000007 EMT",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "emeth-tui",
        "EMETH_EVENT": "failed",
        "EMETH_JOB_ID": JOB,
        "EMETH_LOST_WEI": "7",
    }


def test_what_the_journal_does_not_take_is_printed(tmp_path: Path) -> None:
    assert "the verifier rejected it" in printed(tmp_path / "out", Journal(str(tmp_path / "nobody")))


def test_only_the_stream_that_systemd_names_is_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        assert leads_to_journal(stream.fileno(), f"{status.st_dev}:{status.st_ino}")
        assert not leads_to_journal(stream.fileno(), f"{status.st_dev}:{status.st_ino + 1}")
        assert not leads_to_journal(stream.fileno(), "")
    assert not leads_to_journal(10_000, "1:1")
