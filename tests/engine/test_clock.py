"""Whether this machine's clock is right: by the dates of answers, and by blocks from the future."""

from __future__ import annotations

from emeth_tui.engine.clock import FRESH_S, MAX_DIFFERENCE_S, ChainClock
from emeth_tui.model import SECONDS_PER_DAY, ServiceName
from emeth_tui.notices.reasons.market import ClockAhead, ClockBehind

NOW = 1_800_000_000.0
STORAGE, INFO, CHAIN = ServiceName.STORAGE, ServiceName.INFO_SERVER, ServiceName.CHAIN


class Times:
    """A clock on the wall and one that only goes forward."""

    def __init__(self) -> None:
        self.wall_s = NOW
        self.monotonic_s = 0.0
        self.clock = ChainClock(lambda: self.wall_s, lambda: self.monotonic_s)

    def answer(self, service: ServiceName, date_unix_s: float, *, took_s: float = 0.0) -> None:
        self.clock.saw_date(service, date_unix_s, self.wall_s - took_s, self.wall_s)


def test_without_evidence_nothing_is_wrong() -> None:
    times = Times()
    assert times.clock.why_wrong() is None
    times.clock.saw_block(int(NOW) - 86_400)  # a quiet chain
    assert times.clock.why_wrong() is None


def test_a_difference_that_signed_calls_survive_is_right() -> None:
    times = Times()
    for date_unix_s in (NOW - MAX_DIFFERENCE_S - 1, NOW + MAX_DIFFERENCE_S):
        times.answer(STORAGE, date_unix_s)
        assert times.clock.why_wrong() is None


def test_more_is_wrong_in_either_direction() -> None:
    times = Times()
    times.answer(STORAGE, NOW - MAX_DIFFERENCE_S - 2)
    assert times.clock.why_wrong() == ClockAhead(STORAGE, MAX_DIFFERENCE_S + 1, MAX_DIFFERENCE_S)
    times.answer(STORAGE, NOW + MAX_DIFFERENCE_S + 1)
    assert times.clock.why_wrong() == ClockBehind(STORAGE, MAX_DIFFERENCE_S + 1, MAX_DIFFERENCE_S)
    times.answer(STORAGE, NOW)
    assert times.clock.why_wrong() is None


def test_an_answer_that_took_long_is_no_evidence() -> None:
    times = Times()
    times.answer(STORAGE, NOW - 100, took_s=120.0)
    assert times.clock.why_wrong() is None


def test_the_storages_date_decides_over_the_info_servers_and_the_chains() -> None:
    times = Times()
    times.clock.saw_block(int(NOW) + 3_600)
    times.answer(INFO, NOW - 3_600)
    times.answer(STORAGE, NOW)
    assert times.clock.why_wrong() is None


def test_the_info_servers_date_serves_where_the_storage_gives_none() -> None:
    times = Times()
    times.answer(INFO, NOW + 100)
    assert times.clock.why_wrong() == ClockBehind(INFO, 100, MAX_DIFFERENCE_S)


def test_a_block_from_the_future_counts_where_no_date_does() -> None:
    times = Times()
    times.clock.saw_block(int(NOW) + 100)
    assert times.clock.why_wrong() == ClockBehind(CHAIN, 100, MAX_DIFFERENCE_S)


def test_a_block_from_the_future_counts_until_the_next_one() -> None:
    times = Times()
    times.clock.saw_block(int(NOW) + 3_650 * SECONDS_PER_DAY)
    assert times.clock.now_unix_s() == NOW + 3_650 * SECONDS_PER_DAY
    times.clock.saw_block(int(NOW) - 10)
    assert times.clock.now_unix_s() == NOW
    assert times.clock.why_wrong() is None


def test_an_old_date_is_not_believed() -> None:
    times = Times()
    times.answer(STORAGE, NOW - 3_600)
    times.monotonic_s += FRESH_S + 1
    assert times.clock.why_wrong() is None
