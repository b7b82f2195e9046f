"""The outbox: what is in it survives, what was heard goes, and it is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.hosts.keeper import outbox
from emeth_tui.hosts.keeper.outbox import Outbox, OutboxFull


def test_what_was_not_heard_is_there_again(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "a")
    for line in (b"1\n", b"2\n", b"3\n"):
        first.add(line)
    first.forget(1)
    first.end({"kind": "keeper_ended"})
    again = Outbox(tmp_path / "a")
    assert again.lines[-2:] == (b"2\n", b"3\n")
    assert again.ended == {"kind": "keeper_ended"}
    again.delete()
    assert not (tmp_path / "a").exists()


def test_a_line_that_was_torn_by_a_crash_is_gone(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "a")
    first.add(b"whole\n")
    first.add(b"torn")
    first.end({})
    again = Outbox(tmp_path / "a")
    assert again.lines == (b"whole\n",)
    again.add(b"next\n")
    again.end({})
    assert (tmp_path / "a" / "lines").read_bytes() == b"0\nwhole\nnext\n"


def test_what_was_heard_is_taken_off_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "COMPACT_BYTES", 10)
    first = Outbox(tmp_path / "a")
    for number in range(6):
        first.add(b"line %d\n" % number)
    first.forget(4)
    first.add(b"line 6\n")
    assert (tmp_path / "a" / "lines").read_bytes() == b"4\nline 4\nline 5\nline 6\n"
    first.end({})
    again = Outbox(tmp_path / "a")
    again.forget(5)  # of all that there have been
    assert again.lines == (b"line 5\n", b"line 6\n")
    again.delete()


def test_it_takes_so_much_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_BYTES", 10)
    full = Outbox(tmp_path / "a")
    full.add(b"12345678\n")
    with pytest.raises(OutboxFull):
        full.add(b"90\n")
    assert full.lines == (b"12345678\n",)
    full.delete()
