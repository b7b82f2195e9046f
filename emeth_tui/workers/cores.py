"""How many CPU cores this process may use, and each worker's share of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "max 100000" or "<microseconds> <period>" (cgroup v2)


def usable_cores(quota_file: Path = _CGROUP_QUOTA) -> int:
    """Count the cores that the scheduler and the container's quota leave us; at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on every platform
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text(encoding="ascii").split()
        cores = min(cores, int(quota) // int(period))
    except (OSError, ValueError):
        pass  # no container, or none with a limit
    return max(1, cores)


def thread_shares(devices: Sequence[str], cores: int) -> list[int]:
    """Divide the cores: CPU workers share all of them, a GPU's worker takes what is its part of the host."""
    cpu_workers = sum(device == "cpu" for device in devices)
    return [max(1, cores // (cpu_workers if device == "cpu" else len(devices))) for device in devices]
