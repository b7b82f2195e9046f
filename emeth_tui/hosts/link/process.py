"""The process on the node's machine that reaches one host over ssh: without the key, started by the node.

It ends when the node does, because its input ends.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import sys
from functools import partial
from pathlib import Path

from emeth_tui.hosts import messages
from emeth_tui.hosts.frames import FrameReader, FrameWriter
from emeth_tui.hosts.link.line import Route, ssh_line
from emeth_tui.hosts.link.link import Link
from emeth_tui.hosts.logs import log_to_standard_error
from emeth_tui.hosts.no_pickles import refuse_pickles

MAX_MEMORY_BYTES = 1 << 30


async def _main(route: Route, jobs_dir: Path) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    writer = FrameWriter(asyncio.StreamWriter(transport, protocol, None, loop))
    await Link(partial(ssh_line, route), jobs_dir, writer).run(FrameReader(reader, messages.ToLink))


def main() -> None:
    """Run a link: `python -m emeth_tui.hosts.link.process DESTINATION REMOTE_COMMAND NODE JOBS_DIR SSH…`."""
    refuse_pickles()
    destination, remote_command, node, jobs_dir, *ssh = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the node decides what they mean
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    log_to_standard_error(logging.WARNING)
    asyncio.run(_main(Route(destination, tuple(ssh), remote_command, node), Path(jobs_dir)))


if __name__ == "__main__":
    main()
