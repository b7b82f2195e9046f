"""A lasting trouble is told once in a while, by the times of its events; and the clock may jump."""

from __future__ import annotations

from emeth_tui.alerts.repeats import REPEAT_S, Repeats
from emeth_tui.model import ServiceName
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.node import ServiceLost
from emeth_tui.notices.events.schedule import DeviceHeld
from emeth_tui.notices.reasons.foreign import Foreign

NOON_S = 1_000_000.0


def is_new(repeats: Repeats, at_unix_s: float) -> bool:
    body = DeviceHeld("cuda:0", Foreign("hot"))
    return repeats.is_new(Event(at_unix_s, body.severity, body))


def test_the_same_trouble_is_new_after_a_while_alone() -> None:
    repeats = Repeats()

    assert is_new(repeats, NOON_S)
    assert not is_new(repeats, NOON_S - 60)  # the chain's clock goes back a little at times
    assert not is_new(repeats, NOON_S + REPEAT_S - 1)
    assert is_new(repeats, NOON_S + REPEAT_S)


def test_a_clock_that_was_far_ahead_silences_nothing_once_it_is_right() -> None:
    repeats = Repeats()

    assert is_new(repeats, NOON_S + 365 * 86_400)
    assert is_new(repeats, NOON_S)
    assert not is_new(repeats, NOON_S + 60)


def test_troubles_that_take_turns_are_each_told_once_in_a_while() -> None:
    """A line that fails every few minutes takes all services with it each time."""
    repeats = Repeats()
    lost = [ServiceLost(service, Foreign("timed out")) for service in ServiceName]

    new = [
        repeats.is_new(Event(NOON_S + 300 * turn, body.severity, body)) for turn in range(10) for body in lost
    ]

    assert new == [True] * len(lost) + [False] * 9 * len(lost)
