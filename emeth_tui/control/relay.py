"""The far end of `emeth-tui attach HOST`: ssh's standard streams, joined to the socket of the node there.

It passes bytes on and understands none of them: whether the versions at the two ends fit, those find out.
"""

from __future__ import annotations

from pathlib import Path

from emeth_tui.control.connection import ConnectionBroken
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.reasons.control import NobodyListens
from emeth_tui.transport.local_socket import connected_socket, join_to_streams


def relay(directory: Path) -> None:
    """Pass bytes on, both ways, until the node or the client closes.

    Raise ConnectionBroken when no node listens.
    """
    try:
        connected = connected_socket(directory)
    except OSError as error:
        raise ConnectionBroken(NobodyListens(directory, system_text(error))) from error
    join_to_streams(connected)
