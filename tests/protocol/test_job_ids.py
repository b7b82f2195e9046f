"""Job ids as people write them, as the contract has them, and as a log line shows them."""

from __future__ import annotations

import pytest

from emeth_tui.errors import JobError
from emeth_tui.model import JobId
from emeth_tui.protocol.job_ids import job_id_bytes, job_id_from_bytes, parse_job_id, short

TEXT = "0x6f2a" + "0" * 26 + "c1"


@pytest.mark.parametrize("text", [TEXT, TEXT.upper().replace("X", "x"), f" {TEXT}\n", TEXT.upper()])
def test_an_id_is_read_in_any_case(text: str) -> None:
    assert parse_job_id(text) == TEXT


@pytest.mark.parametrize("text", ["", "0x", TEXT[2:], TEXT[:-1], TEXT + "0", TEXT[:-1] + "g", "../" + TEXT])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(JobError) as caught:
        parse_job_id(text)

    assert str(text) in str(caught.value)


def test_a_long_text_is_not_repeated_in_whole() -> None:
    with pytest.raises(JobError) as caught:
        parse_job_id("9" * 1_000)

    assert str(caught.value).count("9") == 80


def test_the_contracts_bytes_and_back() -> None:
    raw = bytes.fromhex(TEXT[2:])

    assert job_id_bytes(JobId(TEXT)) == raw
    assert job_id_from_bytes(raw) == TEXT


def test_a_log_line_shows_the_ends() -> None:
    assert short(TEXT) == short(TEXT[2:]) == "6f2a…c1"
