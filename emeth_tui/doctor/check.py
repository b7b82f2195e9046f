"""A check, and running many of them side by side: none holds up another, whatever it does."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.doctor.finding import Finding, Result, Room, Unchecked, error, note, warning
from emeth_tui.doctor.subject import Subject
from emeth_tui.errors import EmethError
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.doctor.checkup import CheckBroke, CheckHung, NotChecked

DEADLINE_S = 20.0
_logger = logging.getLogger(__name__)
Look = Callable[[Subject], Awaitable[Sequence[Finding]]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `look` returns what it finds, or raises Unchecked, or an EmethError: an error."""

    room: Room
    name: str  # in the JSON report: stable across versions
    look: Look
    within_s: float = DEADLINE_S


async def run_checks(checks: Sequence[Check], subject: Subject) -> list[Result]:
    """Run all checks at once; return their findings in the checks' order."""
    found = await asyncio.gather(*(_findings(check, subject) for check in checks))
    return [
        Result(check.room, check.name, finding)
        for check, findings in zip(checks, found, strict=True)
        for finding in findings
    ]


async def _findings(check: Check, subject: Subject) -> Sequence[Finding]:
    looking = asyncio.ensure_future(check.look(subject))
    done, _still = await asyncio.wait({looking}, timeout=check.within_s)
    if not done:
        looking.cancel()
        return [warning(CheckHung(check.within_s), remedies.TryAgain())]
    try:
        return looking.result()
    except Unchecked as missing:
        return [note(NotChecked(missing.reason))]
    except EmethError as failed:
        return [error(failed.reason, remedies.MendFirst())]
    except Exception as broken:
        _logger.exception("the check %s of %s broke", check.name, check.room.value)
        return [warning(CheckBroke(one_line(type(broken).__name__), _place_of(broken)), remedies.ReportBug())]


def _place_of(broken: Exception) -> str:
    """Return the file and line that raised; what the exception says itself may hold anything."""
    frame = traceback.extract_tb(broken.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
