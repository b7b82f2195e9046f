"""Commands of the requester: `request` has a text trained, `requests` shows what became of it."""

from emeth_tui.cli.requester.listing import requests
from emeth_tui.cli.requester.requesting import request
from emeth_tui.cli.requester.results import compare, fetch, sample

for _command in (fetch, sample, compare):
    requests.add_command(_command)

__all__ = ["request", "requests"]
