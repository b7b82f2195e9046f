"""Prices of other times: which hold when, and what is no such entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal

import pytest

from emeth_tui.engine.money.earnings import days_of, net_of_days
from emeth_tui.model import Prices, token_to_wei
from emeth_tui.settings import Settings
from emeth_tui.settings.values import read_earlier

DAY_S = 86_400


def unix_s(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def prices(*entries: str) -> Prices:
    return Prices("EUR", Decimal(1), Decimal("0.02"), None, read_earlier(entries))


def test_each_price_holds_until_its_date() -> None:
    known = prices("before 2026-07-01 emt 0.9 energy 0.3", "before  2026-01-01  EMT 0.5")

    assert known.at(unix_s("2025-12-31T23:59:59")).emt == Decimal("0.5")
    assert known.at(unix_s("2025-12-31T23:59:59")).energy == Decimal("0.3")
    assert known.at(unix_s("2026-01-01")).emt == Decimal("0.9")
    assert known.at(unix_s("2026-06-30")).native == Decimal("0.02")
    assert known.at(unix_s("2026-07-01")).emt == known.at(None).emt == Decimal(1)
    assert known.at(unix_s("2026-07-01")).energy is None


def test_days_are_valued_at_their_own_prices() -> None:
    (first,) = days_of([], [], withdrawn_wei={int(unix_s("2026-06-30")) // DAY_S: token_to_wei(10)})
    second = replace(first, slot=first.slot + 1)
    known = prices("before 2026-07-01 emt 0.5")

    assert net_of_days([first, second], known) == Decimal(15)
    assert net_of_days([], known) == 0
    assert net_of_days([first], Prices("EUR")) is None


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "2026-07-01 emt 1",
        "before 2026-07-01",
        "before 2026-13-01 emt 1",
        "before 2026-07-01 emt -1",
        "before 2026-07-01 emt 1 emt 2",
        "before 2026-07-01 gold 1",
        "before 2026-07-01 emt 1e9",
        "before 2026-07-01 emt ١",
        "before 2026-07-01 emt 1.123456789",
    ],
)
def test_what_is_no_entry_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="earlier_prices"):
        Settings.model_validate({"rewards": {"earlier_prices": [entry]}})


def test_the_settings_have_them() -> None:
    settings = Settings.model_validate(
        {"rewards": {"emt_price": 1, "earlier_prices": ["before 2026-07-01 emt 0.5"]}}
    )
    assert settings.rewards.prices.at(unix_s("2026-06-30")).emt == Decimal("0.5")
