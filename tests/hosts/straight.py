"""Stands in for ssh: joins the streams to the keeper whose socket is in the directory named first."""

import sys
from pathlib import Path

from emeth_tui.transport.local_socket import connected_socket, join_to_streams

if __name__ == "__main__":
    join_to_streams(connected_socket(Path(sys.argv[1])))
