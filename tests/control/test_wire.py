"""Lines of the control socket that no side of ours would write."""

from __future__ import annotations

import pytest

from emeth_tui.control.wire import parts
from emeth_tui.errors import ControlError


@pytest.mark.parametrize(
    "received",
    [b"", b"[]", b"7", b"{", b"\xff", b'{"id": 1, "answer": ' + b"[" * 90_000 + b"]" * 90_000 + b"}"],
)
def test_what_is_no_object_is_refused(received: bytes) -> None:
    with pytest.raises(ControlError):
        parts(received)
