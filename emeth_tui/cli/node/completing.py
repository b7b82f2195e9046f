"""What the shell completes beyond names of commands and options: ids of jobs, keys of settings.

Completion must never fail nor wait: where something cannot be read, nothing is offered.
"""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from emeth_tui.cli.node.place import place_of
from emeth_tui.errors import EmethError

MOST_OFFERED = 200


class JobIdType(click.ParamType[str]):
    """The beginning of a job's id."""

    name = "id"

    def __init__(self, *, open_only: bool = False) -> None:
        self._open_only = open_only

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Offer this node's jobs, the newest first, each with its state."""
        typed = incomplete.lower()
        wanted = typed if typed.startswith("0x") else f"0x{typed}"
        try:
            with place_of(ctx).tables() as tables:
                jobs = tables.jobs.all()[::-1]
        except (EmethError, OSError):
            return []
        return [
            CompletionItem(job.job_id if typed.startswith("0x") else job.job_id[2:], help=job.state.value)
            for job in jobs
            if job.job_id.startswith(wanted) and not (self._open_only and job.state.is_final)
        ][:MOST_OFFERED]


class SettingKeyType(click.ParamType[str]):
    """The key of a setting."""

    name = "key"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Offer the keys that there are."""
        from emeth_tui.settings.schema import fields_by_key

        return [CompletionItem(key) for key in fields_by_key() if key.startswith(incomplete)]


JOB_ID = JobIdType()
OPEN_JOB_ID = JobIdType(open_only=True)
SETTING_KEY = SettingKeyType()
