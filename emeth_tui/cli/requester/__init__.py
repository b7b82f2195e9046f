"""Commands of the requester: `request` has a text trained, `requests` shows what became of it."""

from emeth_tui.cli.requester.listing import requests
from emeth_tui.cli.requester.requesting import request

REQUESTER_COMMANDS = (request, requests)
