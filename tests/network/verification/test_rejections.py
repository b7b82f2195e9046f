"""Reasons for rejections are kept across restarts, whatever became of the file's last line."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.model import JobId
from emeth_tui.network.verification.rejections import Rejections
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.network.verification import LearnedNothing, NotLastLink

FIRST, SECOND = JobId("0x" + "01" * 16), JobId("0x" + "02" * 16)


def test_reasons_are_there_after_a_restart_and_the_newest_counts(tmp_path: Path) -> None:
    path = tmp_path / "rejections.jsonl"
    before = Rejections(path)
    before.record(FIRST, NotLastLink(30))
    before.record(FIRST, NotLastLink(31))

    kept = Rejections(path).of(FIRST)

    assert kept == before.of(FIRST)
    assert kept is not None
    assert (kept["reason"], kept["text"]) == (
        to_data(NotLastLink(31)),
        "the result's hash is not the chain's last link after 31 epochs",
    )
    assert Rejections(path).of(SECOND) is None
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [b'{"job": "0x01', b"\xff\n", b"[]\n", b'{"job": 7}\n'])
def test_a_torn_line_costs_no_other(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "rejections.jsonl"
    Rejections(path).record(FIRST, NotLastLink(30))
    with path.open("ab") as file:
        file.write(torn)

    Rejections(path).record(SECOND, LearnedNothing(2.0, 1.0))

    kept = Rejections(path)
    assert kept.of(FIRST) is not None
    assert kept.of(SECOND) is not None
