"""What a link's process does once ssh's starter is there."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from functools import partial
from pathlib import Path

from emeth_tui.hardening import take_out
from emeth_tui.hosts import messages
from emeth_tui.hosts.confinement import confine_link
from emeth_tui.hosts.frames import FrameReader, FrameWriter
from emeth_tui.hosts.link.line import ssh_line
from emeth_tui.hosts.link.link import Link
from emeth_tui.hosts.link.route import Route
from emeth_tui.hosts.link.started_ssh import SshStarter
from emeth_tui.hosts.logs import log_to_standard_error


async def _main(route: Route, jobs_dir: Path, starter: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    writer = FrameWriter(asyncio.StreamWriter(transport, protocol, None, loop))
    open_line = partial(ssh_line, route, SshStarter(starter).run_ssh)
    await Link(open_line, jobs_dir, writer).run(FrameReader(reader, messages.ToLink))


def run_link(route: Route, jobs_dir: Path, starter: socket.socket) -> None:
    """Run the link of one host, confined, until the node's messages end."""
    take_out(["SSH_AUTH_SOCK"])  # it is for ssh, which the starter starts
    log_to_standard_error(logging.WARNING)
    confine_link([jobs_dir])
    asyncio.run(_main(route, jobs_dir, starter))
