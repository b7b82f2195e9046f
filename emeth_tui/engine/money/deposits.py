"""The deposits of each month, by what moved: taken, returned, kept, and held at its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from emeth_tui.model import JobId
from emeth_tui.store.movements import Movement, MovementKind


@dataclass(frozen=True, slots=True)
class MonthDeposits:
    """The deposits of one UTC month in wei. `held` is what lay in the contract at its end."""

    month: str  # 2026-11
    taken_wei: int
    returned_wei: int
    kept_wei: int
    held_wei: int


@dataclass(slots=True)
class _Stake:
    deposit_wei: int = 0
    taken_in: str = ""
    ended_in: str = ""
    came_back_wei: int = 0  # deposit and fee together: the token's logs do not part them


def month_of(unix_s: float) -> str:
    """Name the UTC month that a time is in: `2026-11`."""
    return f"{datetime.fromtimestamp(unix_s, tz=timezone.utc):%Y-%m}"


def deposits_in(month: str, movements: Iterable[Movement]) -> MonthDeposits:
    """Return a month's deposits; `movements` are all of the account's."""
    stakes = list(_stakes(movements).values())
    ended = [stake for stake in stakes if stake.ended_in == month]
    return MonthDeposits(
        month=month,
        taken_wei=sum(stake.deposit_wei for stake in stakes if stake.taken_in == month),
        returned_wei=sum(min(stake.deposit_wei, stake.came_back_wei) for stake in ended),
        kept_wei=sum(max(0, stake.deposit_wei - stake.came_back_wei) for stake in ended),
        held_wei=sum(stake.deposit_wei for stake in stakes if _is_held(stake, month)),
    )


def _stakes(movements: Iterable[Movement]) -> dict[JobId, _Stake]:
    stakes: dict[JobId, _Stake] = {}
    for movement in movements:
        if movement.job_id is None:
            continue
        stake = stakes.setdefault(movement.job_id, _Stake())
        if movement.kind is MovementKind.CLAIM:
            stake.deposit_wei -= movement.amount_wei
            stake.taken_in = stake.taken_in or month_of(movement.at_unix_s)
        elif movement.kind.ends_job:
            stake.came_back_wei += movement.amount_wei
            stake.ended_in = month_of(movement.at_unix_s)
    return stakes


def _is_held(stake: _Stake, month: str) -> bool:
    taken = bool(stake.taken_in) and stake.taken_in <= month
    return taken and (not stake.ended_in or stake.ended_in > month)
