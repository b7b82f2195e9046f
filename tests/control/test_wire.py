"""Lines of the control socket that no side of ours would write."""

from __future__ import annotations

from typing import Any

import pytest

from emeth_tui.control.wire import MAX_PATH_CHARS, parts, request_line
from emeth_tui.errors import ControlError
from emeth_tui.model import MAX_LIFETIME_S


@pytest.mark.parametrize(
    "received",
    [b"", b"[]", b"7", b"{", b"\xff", b'{"id": 1, "answer": ' + b"[" * 90_000 + b"]" * 90_000 + b"}"],
)
def test_what_is_no_object_is_refused(received: bytes) -> None:
    with pytest.raises(ControlError):
        parts(received)


ORDER = {"id": 1, "do": "request_job", "path": "/novel.txt", "language": "en", "epochs": 30, "fee_wei": 1}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({**ORDER, "lifetime_s": MAX_LIFETIME_S + 1}, "lifetime_s: "),
        ({**ORDER, "lifetime_s": 60, "path": "/" + "x" * MAX_PATH_CHARS}, "path: "),
        ({"id": 1, "do": "resume_job", "job_id": "0xabc"}, "job_id: "),
        ({"id": 1, "ask": "log_search", "words": ["x"] * 21}, "words: "),
    ],
)
def test_what_the_node_would_not_read_is_named(words: dict[str, Any], why: str) -> None:
    with pytest.raises(ControlError, match=f"would not read it: {why}"):
        request_line(words)
