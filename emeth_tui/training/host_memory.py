"""The memory of this host, within the limit of its container. Loads no torch."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_MEMORY_INFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")  # v2


def available_bytes() -> int:
    """Return the memory that this process could still take, within its container's limit."""
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    available = os.sysconf("SC_AVPHYS_PAGES") * page_bytes
    with contextlib.suppress(OSError, ValueError):
        lines = _MEMORY_INFO.read_text(encoding="ascii").splitlines()
        (line,) = (line for line in lines if line.startswith("MemAvailable:"))
        available = int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError):  # no container, or none with a limit
        limit, used = (int((_CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        statistics = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        available = min(available, limit - used + int(statistics.get("inactive_file", 0)))
    return max(0, available)
