"""Service: whether systemd starts the node, keeps it after a logout, and gives it time to stop."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Room, note, ok, warning
from emeth_tui.doctor.subject import Subject
from emeth_tui.notices.reasons.doctor import machine as found
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.process.threads import in_thread
from emeth_tui.workers.limits import Limits

_RUNNING = Path("run/systemd/system")
_SYSTEM_UNITS = Path("etc/systemd/system")
_LINGER = Path("var/lib/systemd/linger")
_STARTS_NODE = re.compile(r"^ExecStart=.*\bemeth[-_]tui\b", re.MULTILINE)
_STOP_LIMIT = re.compile(r"^TimeoutStopSec=(\d+)s?\s*$", re.MULTILINE)
NEEDED_S = round(Limits().stop_saving_s) + 10  # a large checkpoint, and the rest of the way out


@dataclass(frozen=True, slots=True)
class System:
    """Where systemd's files are; `root` is another place than `/` in tests alone."""

    root: Path = Path("/")
    user: str = ""
    user_units: Path = Path()


async def _unit(subject: Subject) -> Sequence[Finding]:
    return await in_thread(service_findings, this_system())


def this_system() -> System:
    """Return where the files are on this machine."""
    return System(user=getpass.getuser(), user_units=Path("~/.config/systemd/user").expanduser())


def service_findings(system: System) -> list[Finding]:
    """Look for units that start a node, and at what happens to them."""
    if not (system.root / _RUNNING).is_dir():
        return [note(found.NoSystemd())]
    of_user, of_system = list(_units(system.user_units)), list(_units(system.root / _SYSTEM_UNITS))
    if not of_user and not of_system:
        return [note(found.NoUnit(), remedies.WriteUnit())]
    units = [*of_user, *of_system]
    return [
        *(ok(found.UnitThere(unit)) for unit in units),
        *(_lingers(system, unit) for unit in of_user[:1]),
        *(finding for unit in units if (finding := _stops_too_soon(unit)) is not None),
    ]


def _units(directory: Path) -> Iterator[Path]:
    for unit in sorted(directory.glob("*.service")):
        if _STARTS_NODE.search(_text(unit)):
            yield unit


def _lingers(system: System, unit: Path) -> Finding:
    if (system.root / _LINGER / system.user).exists():
        return ok(found.UnitLingers(system.user))
    return warning(found.UnitEndsAtLogout(system.user, unit), remedies.EnableLinger(system.user))


def _stops_too_soon(unit: Path) -> Finding | None:
    limits = _STOP_LIMIT.findall(_text(unit))
    if not limits or int(limits[-1]) >= NEEDED_S:
        return None
    too_soon = found.UnitStopsTooSoon(unit, float(limits[-1]), NEEDED_S)
    return warning(too_soon, remedies.GiveTimeToStop(NEEDED_S))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


CHECKS = (Check(Room.SERVICE, "unit", _unit),)
