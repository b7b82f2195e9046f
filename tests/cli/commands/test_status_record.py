"""The node at a glance: when a pause of claiming ends, what a rule holds a device for, what is at risk."""

from __future__ import annotations

from dataclasses import replace

from emeth_tui.cli.commands.status import money_facts
from emeth_tui.engine.pauses.view import HeldDevice
from emeth_tui.listings.status import status_of
from emeth_tui.model import token_to_wei
from emeth_tui.notices.reasons.market import PausedByOperator
from emeth_tui.notices.reasons.pauses.by_hand import PausedUntil
from emeth_tui.notices.reasons.pauses.rules import GpuHot
from tests.tui.stand_in import NOW, snapshot


def test_a_pause_for_a_time_says_its_end() -> None:
    timed = status_of(1, "0", snapshot(claims_paused=PausedUntil(1_800_000_000, "01-15 09:00")))
    open_end = status_of(1, "0", snapshot(claims_paused=PausedByOperator()))

    assert timed.claims_paused_until == "2027-01-15T08:00:00Z"
    assert open_end.claims_paused_until is None


def test_a_device_that_a_rule_holds_says_why_and_since_when() -> None:
    held = HeldDevice(0, GpuHot(84, 75, "11-28 14:03"), NOW - 60)

    first, second = status_of(1, "0", snapshot(held=(held,))).workers[:2]

    assert (first.held, first.held_kind) == ("84 °C, until 75 °C; since 11-28 14:03", "gpu_hot")
    assert first.held_since is not None
    assert (second.held, second.held_kind, second.held_since) == (None, None, None)


def test_what_is_at_risk_is_never_said_to_be_less() -> None:
    deposits = snapshot().deposits
    assert deposits is not None
    for at_risk_wei, said in ((token_to_wei("10.6425"), "10.6425 EMT"), (token_to_wei(5) + 1, "5.01 EMT")):
        facts = money_facts(snapshot(deposits=replace(deposits, at_risk_wei=at_risk_wei)))
        assert facts[0][1].endswith(f", {said} at risk")
