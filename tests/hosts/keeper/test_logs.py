"""What links and keepers log, and print, stays within two files of bounded size."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from emeth_tui.hosts import logs
from emeth_tui.hosts.logs import opened_log
from tests.terminal import ROOT

LINES = 400
TALKER = f"""
import logging, os
from emeth_tui.hosts import logs
logs.MAX_LOG_BYTES = 2_000
logs.log_to_standard_error(logging.WARNING)
for number in range({LINES}):
    logging.warning("line %d", number)
os.write(2, b"the last words\\n")
"""


def talk(stderr: int) -> None:
    words = [sys.executable, "-c", TALKER]
    subprocess.run(words, stderr=stderr, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=120)


@pytest.mark.process
def test_a_log_begins_anew_when_it_is_long(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "host-b.log"
    descriptor = opened_log(path)
    talk(descriptor)
    os.close(descriptor)
    assert sorted(each.name for each in path.parent.iterdir()) == ["host-b.log", "host-b.log.1"]
    assert all(each.stat().st_size < 2_200 for each in path.parent.iterdir())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    newest = path.read_text().splitlines()
    assert newest[-2:] == [newest[-2], "the last words"]
    assert newest[-2].endswith(f"WARNING root: line {LINES - 1}")


@pytest.mark.process
def test_what_is_no_file_or_was_removed_is_written_to_all_the_same(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    talk(writing)
    os.close(writing)
    with os.fdopen(reading) as said:
        assert len(said.readlines()) == LINES + 1

    path = tmp_path / "host-b.log"
    descriptor = opened_log(path)
    path.unlink()
    talk(descriptor)
    assert os.fstat(descriptor).st_size > 2_200
    assert not path.exists()
    os.close(descriptor)


def test_a_log_that_was_long_before_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_LOG_BYTES", 10)
    path = tmp_path / "host-b.log"
    for _start in range(3):
        descriptor = opened_log(path)
        os.write(descriptor, b"a traceback")
        os.close(descriptor)
    assert path.read_bytes() == (tmp_path / "host-b.log.1").read_bytes() == b"a traceback"
