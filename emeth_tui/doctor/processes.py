"""Whose a process is."""

from __future__ import annotations

from pathlib import Path

_PROC = Path("/proc")
_MOST_ANCESTORS = 50


def is_part_of(pid: int, ancestor: int | None, proc: Path = _PROC) -> bool:
    """Whether a process is this one, or was started by it or by one of its own."""
    for _generation in range(_MOST_ANCESTORS):
        if ancestor is None or pid <= 1:
            return False
        if pid == ancestor:
            return True
        try:
            stat = (proc / str(pid) / "stat").read_text("ascii", "replace")
        except OSError:
            return False
        pid = int(stat.rpartition(")")[2].split()[1])
    return False
