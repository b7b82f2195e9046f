"""The process of the link for hosts over TLS; the node starts it (`hosts.node.tls_link`)."""

from __future__ import annotations

import sys

from emeth_tui.hosts.no_pickles import refuse_pickles
from emeth_tui.hosts.tls.lean import leave_out_numpy


def main() -> None:
    """Run a link: `python -m emeth_tui.hosts.tls.process DIRECTORY PORT JOBS_DIR SOCKET_DIR`."""
    refuse_pickles()
    leave_out_numpy()
    from emeth_tui.hosts.tls.link import run_link

    run_link(*sys.argv[1:])


if __name__ == "__main__":
    main()
