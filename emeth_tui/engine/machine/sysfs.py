"""Linux's files about the machine, under /proc and /sys. What is missing or makes no sense is None."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
_BUSY = (0, 1, 2, 5, 6)  # user, nice, system, irq, softirq (proc_stat(5)); a guest's time is in user
_STAT_FIELDS = 8  # guest and guest_nice, which come after them, count twice
_UTIME, _STIME = 11, 12  # of /proc/PID/stat, behind the name


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Processor time since the machine started, in ticks: all, what was busy, and that of each process."""

    total: int
    busy: int
    of_process: dict[int, int]


@dataclass(frozen=True, slots=True)
class EnergyZone:
    """A processor's counter of energy in µJ (RAPL), which begins again at 0 after `range_uj`."""

    energy_uj: int
    range_uj: int


def cpu_time(pids: Iterable[int], root: Path = ROOT) -> CpuTime | None:
    """Read how long the processors have worked, for all and for some processes."""
    first = _text(root / "proc/stat").partition("\n")[0].split()
    if first[:1] != ["cpu"] or not all(word.isdecimal() for word in first[1:]):
        return None
    ticks = [int(word) for word in first[1 : 1 + _STAT_FIELDS]]
    if len(ticks) <= max(_BUSY):
        return None
    times = {pid: _process_time(root / f"proc/{pid}/stat") for pid in pids}
    known = {pid: ticks for pid, ticks in times.items() if ticks is not None}
    return CpuTime(sum(ticks), sum(ticks[place] for place in _BUSY), known)


def exists(pid: int, root: Path = ROOT) -> bool:
    """Whether the process table has a process."""
    return (root / f"proc/{pid}").exists()


def free_memory_bytes(root: Path = ROOT) -> int | None:
    """Return how much memory programs can still have without swapping."""
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if name == "MemAvailable" and words and words[0].isdecimal():
            return int(words[0]) * 1024
    return None


def battery(root: Path = ROOT) -> tuple[int | None, bool | None]:
    """Return the charge of the machine's own batteries in percent, and whether it runs on them."""
    charges: list[int] = []
    discharging: list[bool] = []
    for supply in _entries(root / "sys/class/power_supply"):
        if _text(supply / "type") != "Battery" or _text(supply / "scope") == "Device":
            continue  # a mouse's is none of the machine's
        charge = _number(supply / "capacity")
        if charge is not None:
            charges.append(charge)
            discharging.append(_text(supply / "status") == "Discharging")
    if not charges:
        return None, None
    return sum(charges) // len(charges), any(discharging)


def energy_zones(root: Path = ROOT) -> dict[str, EnergyZone]:
    """Return the counters of the processors' packages; none where only root may read them."""
    zones: dict[str, EnergyZone] = {}
    for zone in _entries(root / "sys/class/powercap"):
        if not zone.name.startswith("intel-rapl:") or zone.name.count(":") != 1:
            continue  # a part of a package is in the package's
        energy, most = _number(zone / "energy_uj"), _number(zone / "max_energy_range_uj")
        if energy is not None and most is not None and _text(zone / "name").startswith("package"):
            zones[zone.name] = EnergyZone(energy, most)
    return zones


def _process_time(path: Path) -> int | None:
    fields = _text(path).rpartition(")")[2].split()
    if len(fields) <= _STIME or not (fields[_UTIME].isdecimal() and fields[_STIME].isdecimal()):
        return None
    return int(fields[_UTIME]) + int(fields[_STIME])


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isascii() and text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""
