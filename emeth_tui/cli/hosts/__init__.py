"""`emeth-tui hosts`: other machines that train for this node."""

from emeth_tui.cli.hosts.changing import add, drain, remove, rotate
from emeth_tui.cli.hosts.far_end import keeper, stdio
from emeth_tui.cli.hosts.joining import join, service
from emeth_tui.cli.hosts.listing import hosts

for _command in (add, join, service, rotate, drain, remove, stdio, keeper):
    hosts.add_command(_command)

__all__ = ["hosts"]
