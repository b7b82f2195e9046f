"""What the shell completes of the requester's commands. It must never fail nor wait."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from emeth_tui.cli.node.completing import matching
from emeth_tui.cli.node.place import place_of
from emeth_tui.cli.requester.place import known_requests
from emeth_tui.errors import EmethError

_ADDRESS_CHARS = 42


class RequestIdType(click.ParamType[str]):
    """The beginning of a requested job's id."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if len(value) == _ADDRESS_CHARS and value.lower().startswith("0x"):
            self.fail(f"{value} is an account's address, not a job's id: `emeth-tui watch {value}` shows it")
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Offer the jobs that were requested from here, the newest first, each with its file."""
        try:
            known = known_requests(place_of(ctx))[::-1]
        except (EmethError, OSError):
            return []
        return matching(incomplete, ((one.job_id, one.path.name) for one in known))


REQUEST_ID = RequestIdType()
