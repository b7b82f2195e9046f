"""What a node reads of a held rejection: a stranger's words, for all that it knows."""

from __future__ import annotations

import json

import pytest

from emeth_tui.protocol.appeals import read_held

REJECTION = {"reason": {"kind": "not_last_link", "epochs": 30}, "text": "no"}


@pytest.mark.parametrize("until", [0, 253_402_300_799])
def test_a_held_rejection_has_a_date(until: int) -> None:
    held = read_held(body_with(until))

    assert (held.until_unix_s, held.is_open, held.reason.kind) == (until, True, "not_last_link")


@pytest.mark.parametrize("until", [-1, 253_402_300_800, 2**53, None])
def test_what_no_calendar_has_is_no_date(until: object) -> None:
    with pytest.raises(ValueError, match="until"):
        read_held(body_with(until))


def body_with(until: object) -> bytes:
    said = {"rejection": REJECTION, "until": until, "appealed": False, "open": True}
    return json.dumps(said).encode()
