"""The process on the node's machine that reaches one host over ssh: without the key, started by the node.

It ends when the node does, because its input ends.
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

from emeth_tui.hosts.no_pickles import refuse_pickles

MAX_MEMORY_BYTES = 1 << 30


def main() -> None:
    """Run a link: `python -m emeth_tui.hosts.link.process DESTINATION REMOTE_COMMAND NODE JOBS_DIR SSH…`."""
    refuse_pickles()
    from emeth_tui.hosts.link.route import Route
    from emeth_tui.hosts.link.starter import fork_starter

    destination, remote_command, node, jobs_dir, *ssh = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the node decides what they mean
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    route = Route(destination, tuple(ssh), remote_command, node)
    starter = fork_starter(route.words)
    from emeth_tui.hosts.link.running import run_link  # late: the process that was forked stays small

    run_link(route, Path(jobs_dir), starter)


if __name__ == "__main__":
    main()
