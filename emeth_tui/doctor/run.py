"""Run all checks."""

from __future__ import annotations

from emeth_tui.clients.http.transport import open_transport
from emeth_tui.doctor.check import Check, run_checks
from emeth_tui.doctor.finding import Result
from emeth_tui.doctor.rooms import (
    clock,
    contracts,
    devices,
    disk,
    models,
    rpc,
    service,
    services,
    settings,
    software,
    terminal,
    wallet,
)
from emeth_tui.doctor.subject import QUICK_RETRY, Setup, Subject

CHECKS: tuple[Check, ...] = (
    *settings.CHECKS,
    *software.CHECKS,
    *devices.CHECKS,
    *rpc.CHECKS,
    *contracts.CHECKS,
    *wallet.CHECKS,
    *services.CHECKS,
    *disk.CHECKS,
    *clock.CHECKS,
    *models.CHECKS,
    *terminal.CHECKS,
    *service.CHECKS,
)


async def check_up(setup: Setup) -> list[Result]:
    """Look at everything, and return what was found, room by room."""
    async with open_transport(QUICK_RETRY) as transport:
        return await run_checks(CHECKS, Subject(setup, transport))
