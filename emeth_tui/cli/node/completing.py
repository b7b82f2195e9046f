"""What the shell completes beyond names of commands and options: ids of jobs, keys of settings.

Completion must never fail nor wait: where something cannot be read, nothing is offered.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import click
from click.shell_completion import CompletionItem

from emeth_tui.cli.node.place import place_of
from emeth_tui.errors import EmethError
from emeth_tui.model import JobId

MOST_OFFERED = 200


def matching(typed: str, ids: Iterable[tuple[JobId, str]]) -> list[CompletionItem[str]]:
    """Return the ids that begin as typed, with or without 0x, each with its help."""
    prefix = "" if typed.lower().startswith("0x") else "0x"
    wanted = prefix + typed.lower()
    items = (
        CompletionItem(job_id.removeprefix(prefix), help=text)
        for job_id, text in ids
        if job_id.startswith(wanted)
    )
    return [*islice(items, MOST_OFFERED)]


class JobIdType(click.ParamType[str]):
    """The beginning of a job's id."""

    name = "id"

    def __init__(self, *, open_only: bool = False) -> None:
        self._open_only = open_only

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Offer this node's jobs, the newest first, each with its state."""
        try:
            with place_of(ctx).tables() as tables:
                jobs = tables.jobs.all()[::-1]
        except (EmethError, OSError):
            return []
        offered = (job for job in jobs if not (self._open_only and job.state.is_final))
        return matching(incomplete, ((job.job_id, job.state.value) for job in offered))


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
