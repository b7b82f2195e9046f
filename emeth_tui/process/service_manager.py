"""The service manager's socket: systemd learns over it that a service is ready, alive, and what it does."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class ServiceManager:
    """Sends states as sd_notify(3) does. One that does not listen is no reason to stop."""

    def __init__(self, address: str, watchdog_s: float | None) -> None:
        """The manager wants a sign of life every `watchdog_s` at the least, None for none."""
        self.watchdog_s = watchdog_s
        self._address = "\0" + address[1:] if address.startswith("@") else address  # an abstract one

    def notify(self, **states: str) -> None:
        """Send states such as `READY="1"` or `STATUS="…"`, in one datagram."""
        lines = "\n".join(f"{name}={value}" for name, value in states.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
            sending.setblocking(False)
            try:
                sending.sendto(lines.encode("utf-8", "replace"), self._address)
            except OSError:
                return


def service_manager(environment: Mapping[str, str] = os.environ) -> ServiceManager | None:
    """Return the manager that this process was started by; None without one that wants to hear of it."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return None
    wants_life = environment.get("WATCHDOG_PID") in {None, str(os.getpid())}
    limit_us = environment.get("WATCHDOG_USEC", "")
    has_limit = limit_us.isascii() and limit_us.isdecimal() and int(limit_us) > 0
    return ServiceManager(address, int(limit_us) / 1e6 if has_limit and wants_life else None)
