"""The deposits panel: amounts, and the owner's limits beside those that have one."""

from __future__ import annotations

from dataclasses import replace

from emeth_tui.model import token_to_wei
from emeth_tui.tui.frame import make_frame
from emeth_tui.tui.panels.deposits import deposit_lines
from tests.tui.stand_in import snapshot


def test_the_owners_limits_stand_beside_what_they_limit() -> None:
    deposits = snapshot().deposits
    assert deposits is not None
    limited = replace(deposits, staked_limit_wei=token_to_wei(100), lost_limit_wei=token_to_wei(20))

    def texts(shown: object) -> list[str]:
        frame = make_frame(snapshot(deposits=shown), None)
        return [line.text.rstrip() for line in deposit_lines(frame, 40)]

    without, within = texts(deposits), texts(limited)
    assert within[1] == without[1] + " / 100.00"
    assert within[4] == without[4] + " / 20.00"
    assert [within[index] for index in (0, 2, 3, 5)] == [without[index] for index in (0, 2, 3, 5)]
