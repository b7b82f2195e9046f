"""The outbox: what is in it survives, what was heard goes, and it is bounded."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def room_for_files_of(size_bytes: int) -> Iterator[None]:
    """Have no file grow beyond a size: what is written is cut there, as by a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_a_line_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    filling = Outbox(tmp_path / "a")
    filling.add(b"first\n")
    with room_for_files_of(len(b"0\nfirst\nsec")), pytest.raises(OSError, match="too large"):
        filling.add(b"second\n")
    assert filling.lines == (b"first\n",)
    filling.add(b"third\n")
    filling.end({})
    again = Outbox(tmp_path / "a")
    assert again.lines == (b"first\n", b"third\n")
    again.delete()


def test_on_a_full_disk_what_was_heard_stays_there_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "COMPACT_BYTES", 4)
    full = Outbox(tmp_path / "a")
    full.add(b"first\n")
    full.add(b"second\n")
    with room_for_files_of(3):
        full.forget(1)
    full.add(b"third\n")
    assert full.lines == (b"second\n", b"third\n")
    full.forget(2)
    full.add(b"last\n")
    assert (tmp_path / "a" / "lines").read_bytes() == b"2\nthird\nlast\n"
    full.delete()


def test_an_end_that_the_disk_has_no_room_for_is_said_all_the_same(tmp_path: Path) -> None:
    full = Outbox(tmp_path / "a")
    with room_for_files_of(1), pytest.raises(OSError, match="too large"):
        full.end({"kind": "keeper_ended"})
    assert full.ended == {"kind": "keeper_ended"}
    full.delete()
