"""A worker whose keeper died: it saves and leaves by itself, and until then nobody may take its place."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import anyio
import msgspec

_LOOK_EVERY_S = 0.1
_START_TIME_FIELD = 19  # of what follows the name in /proc/PID/stat (proc(5), field 22)


class Orphan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A process at a device. Ids are used again; with the time of its start it means this process alone."""

    device: str
    pid: int
    started: int

    @classmethod
    def of(cls, device: str, pid: int) -> Orphan:
        """Describe a process that lives."""
        return cls(device, pid, _start_time(pid))

    @property
    def lives(self) -> bool:
        """Whether it is still there."""
        return self.started != 0 and _start_time(self.pid) == self.started

    async def gone(self, limit_s: float) -> None:
        """Wait until it has left, and kill it after a while."""
        with anyio.move_on_after(limit_s):
            while self.lives:  # noqa: ASYNC110 - no event marks the end of a process that is not our child
                await anyio.sleep(_LOOK_EVERY_S)
        while self.lives:
            os.kill(self.pid, signal.SIGKILL)
            await anyio.sleep(_LOOK_EVERY_S)


def _start_time(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; 0 when there is none, or it is a zombie."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except (OSError, ValueError):
        return 0
    return 0 if state == "Z" else int(fields[_START_TIME_FIELD - 1])
