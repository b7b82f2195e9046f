"""What ssh starts on a host: its streams, joined to the keeper's socket. It understands nothing of them.

Where there is no keeper, the relay starts one, in a session of its own: it outlives ssh's.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from emeth_tui.errors import HostError
from emeth_tui.foreign_text import system_text
from emeth_tui.hardening import child_environment
from emeth_tui.hosts.keeper.place import KeeperPlace, Means
from emeth_tui.hosts.logs import opened_log
from emeth_tui.notices.reasons.network.host import KeeperNotStarted
from emeth_tui.transport.local_socket import connected_socket, join_to_streams

START_LIMIT_S = 60.0  # on a machine that is very busy
_BETWEEN_TRIES_S = 0.05


def relay(place: KeeperPlace, means: Means) -> None:
    """Pass bytes on, both ways, until one of the two sides closes. Raise HostError without a keeper."""
    join_to_streams(keeper_connection(place, means))


def keeper_connection(place: KeeperPlace, means: Means) -> socket.socket:
    """Connect to the keeper, a new one if need be. Raise HostError."""
    keeper: subprocess.Popen[bytes] | None = None
    log_path = place.logs / "keeper.log"
    give_up_at = time.monotonic() + START_LIMIT_S
    while True:
        try:
            return connected_socket(place.socket_dir)
        except OSError as error:
            if time.monotonic() > give_up_at:
                raise HostError(KeeperNotStarted(log_path, system_text(error))) from error
        if keeper is None or keeper.poll() is not None:  # it found another, which is leaving
            try:
                keeper = _start(place, means, log_path)
            except OSError as error:
                raise HostError(KeeperNotStarted(log_path, system_text(error))) from error
        time.sleep(_BETWEEN_TRIES_S)


def _start(place: KeeperPlace, means: Means, log_path: Path) -> subprocess.Popen[bytes]:
    place.make()
    words = [sys.executable, "-m", "emeth_tui", "hosts", "keeper", "--directory", str(place.root)]
    words += ["--limit", str(means.limit_bytes)]
    for device in means.devices:
        words += ["--on", device.name, str(device.threads)]
    descriptor = opened_log(log_path)
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd="/",
            env=child_environment(),
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
