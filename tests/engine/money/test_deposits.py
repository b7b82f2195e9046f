"""The deposits of a month: taken, returned, kept and held, by what moved."""

from __future__ import annotations

from datetime import datetime, timezone

from emeth_tui.engine.money.deposits import MonthDeposits, deposits_in
from emeth_tui.model import JobId, token_to_wei
from emeth_tui.store.movements import Movement, MovementKind


def moved(kind: MovementKind, job: int | None, emt: int, day: str) -> Movement:
    at = datetime.fromisoformat(day).replace(tzinfo=timezone.utc).timestamp()
    job_id = None if job is None else JobId(f"0x{job:032x}")
    return Movement(f"0x{abs(hash((kind, job, day))):064x}"[:66], 0, 1, at, kind, job_id, token_to_wei(emt))


MOVEMENTS = [
    moved(MovementKind.CLAIM, 1, -20, "2026-10-30"),
    moved(MovementKind.VERIFY, 1, 30, "2026-11-01"),  # deposit and fee
    moved(MovementKind.CLAIM, 2, -40, "2026-11-02"),
    moved(MovementKind.DECLINE, 2, 30, "2026-11-03"),
    moved(MovementKind.CLAIM, 3, -8, "2026-11-30"),
    moved(MovementKind.WITHDRAW, None, 500, "2026-11-05"),
    moved(MovementKind.VERIFY, 3, 4, "2026-12-01"),  # this contract keeps deposits
]


def test_each_month_accounts_for_its_deposits() -> None:
    october, november, december = (deposits_in(f"2026-{number}", MOVEMENTS) for number in (10, 11, 12))

    def emt(month: MonthDeposits) -> list[int]:
        amounts_wei = (month.taken_wei, month.returned_wei, month.kept_wei, month.held_wei)
        return [amount_wei // 10**18 for amount_wei in amounts_wei]

    assert emt(october) == [20, 0, 0, 20]
    assert emt(november) == [48, 50, 10, 8]
    assert emt(december) == [0, 4, 4, 0]
    held_wei = 0
    for month in (october, november, december):
        held_wei += month.taken_wei - month.returned_wei - month.kept_wei
        assert held_wei == month.held_wei
