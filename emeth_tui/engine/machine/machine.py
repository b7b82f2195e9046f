"""The machine between two readings: how much others work, and what energy each worker's process took."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.engine.machine import sysfs
from emeth_tui.engine.machine.reading import MachineReading
from emeth_tui.engine.machine.sysfs import ROOT, CpuTime, EnergyZone

_NO_ENERGY: Mapping[int, int] = {}
_RANGE_BY_MOST = 4  # ranges are of 65 kJ and more: a quarter is a minute of 270 W


@dataclass(frozen=True, slots=True)
class MachineLook:
    """A reading, and the energy that some processes took since the last one, in µJ by process.

    The energy is the processors', shared out by the time for which each process kept them busy; None where it
    cannot be read.
    """

    reading: MachineReading
    energy_uj: Mapping[int, int] | None = None


class Machine:
    """Reads the machine again and again. Its calls may come from any thread, one at a time."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._time: CpuTime | None = None
        self._zones: dict[str, EnergyZone] = {}

    def look(self, own: Collection[int]) -> MachineLook:
        """Read the machine; `own` are the processes that are no other program's. May take some ms."""
        before, self._time = self._time, sysfs.cpu_time(own, self._root)
        zones_before, self._zones = self._zones, sysfs.energy_zones(self._root)
        charge, on_battery = sysfs.battery(self._root)
        reading = MachineReading(
            others_cpu_percent=_others_percent(before, self._time),
            free_memory_bytes=sysfs.free_memory_bytes(self._root),
            battery_percent=charge,
            on_battery=on_battery,
        )
        return MachineLook(reading, _shared_out(_energy_uj(zones_before, self._zones), before, self._time))


def _others_percent(before: CpuTime | None, now: CpuTime | None) -> float | None:
    if before is None or now is None or now.total <= before.total:
        return None
    others = now.busy - before.busy - sum(_since(before, now).values())
    return round(min(100.0, max(0.0, 100 * others / (now.total - before.total))), 1)


def _since(before: CpuTime, now: CpuTime) -> dict[int, int]:
    """Return the ticks of each process between two readings; a new one counts from its second on."""
    return {pid: max(0, ticks - before.of_process.get(pid, ticks)) for pid, ticks in now.of_process.items()}


def _energy_uj(before: Mapping[str, EnergyZone], now: Mapping[str, EnergyZone]) -> int | None:
    """Return what all packages took between two readings, None where none is known at both."""
    taken = [_taken_uj(before[name], zone) for name, zone in now.items() if name in before]
    return sum(taken) if taken else None


def _taken_uj(before: EnergyZone, now: EnergyZone) -> int:
    """Return what a package took. A counter that went back has passed its end, or begun anew after a sleep of
    the machine: between two readings no processor takes a good part of the range."""
    if now.energy_uj >= before.energy_uj:
        return now.energy_uj - before.energy_uj
    wrapped_uj = now.energy_uj - before.energy_uj + now.range_uj
    return wrapped_uj if wrapped_uj * _RANGE_BY_MOST <= now.range_uj else now.energy_uj


def _shared_out(
    energy_uj: int | None, before: CpuTime | None, now: CpuTime | None
) -> Mapping[int, int] | None:
    if energy_uj is None or before is None or now is None:
        return None
    ticks = _since(before, now)
    busy = max(now.busy - before.busy, sum(ticks.values()))
    return {pid: energy_uj * own // busy for pid, own in ticks.items()} if busy else _NO_ENERGY
