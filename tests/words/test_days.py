"""Days of the network are named by their date."""

from __future__ import annotations

from emeth_tui.notices.reasons.network.transactions import NoRewardOfDay
from emeth_tui.words.sentences import english


def test_a_slot_is_a_date() -> None:
    assert english(NoRewardOfDay(19_674)) == "day 2023-11-13 has no reward to withdraw"
