"""`emeth-tui store`: the copies of the node's database, and what else a node has left behind."""

from __future__ import annotations

from pathlib import Path

import click

from emeth_tui.cli.node.settings import options_of, settings_of
from emeth_tui.cli.output.printing import example
from emeth_tui.errors import ExitCode, StoreDamaged
from emeth_tui.streams import narrate


@click.group()
def store() -> None:
    """List the copies of the node's database, go back to one, or see what belongs to no job.

    A copy is kept when a node has started, before a newer version changes the database, and every hour while
    the node runs. --config, --network, --state-dir and --devnet before `store` say which node.
    """


@store.command("backups", epilog=example("emeth-tui store backups"))
@click.pass_context
def store_backups(context: click.Context) -> ExitCode:
    """List the copies, the newest first."""
    from emeth_tui.store.safety.backups import DIRECTORY, contents, copies
    from emeth_tui.words.formats import Count, size

    state_dir = _state_dir(context)
    known = copies(state_dir)
    if not known:
        narrate(f"{state_dir / DIRECTORY}: no copies yet")
    for copy in known:
        try:
            holds = contents(copy)
        except StoreDamaged as error:
            print(f"{copy.name}  {error}")
        else:
            by = f", written by emeth-tui {holds.version}" if holds.version else ""
            print(
                f"{copy.name}  {size(holds.size_bytes)}, {Count(holds.jobs):job|jobs}, "
                f"{Count(holds.transactions):transaction|transactions}{by}"
            )
    return ExitCode.OK


@store.command("restore", epilog=example("emeth-tui store restore"))
@click.argument("name", required=False)
@click.pass_context
def store_restore(context: click.Context, name: str | None) -> ExitCode:
    """Make a copy the node's database again [default: the newest]; the present file is set aside.

    The node must not run. At its next start it looks on the chain for what the copy does not know.
    """
    from emeth_tui.store.safety.backups import restore

    restored = restore(_state_dir(context), name)
    aside = f"; the file before it is now {restored.set_aside}" if restored.set_aside else ""
    print(f"{restored.copy.name} is the node's database again{aside}")
    return ExitCode.OK


@store.command("leftovers", epilog=example("emeth-tui store leftovers --remove"))
@click.option("--remove", is_flag=True, help="Delete them.")
@click.pass_context
def store_leftovers(context: click.Context, remove: bool) -> ExitCode:
    """List the directories in the cache that belong to no job of the node, or delete them.

    The node must not run. At its start it takes up what is a job of its account on the chain.
    """
    from emeth_tui.store.database import Store
    from emeth_tui.words.formats import size
    from emeth_tui.workers.job_files import LocalJobFiles

    settings = settings_of(options_of(context))
    files = LocalJobFiles(settings.jobs_dir)
    with Store(settings.state_dir) as opened:
        unknown = {
            name: size_bytes
            for name, size_bytes in files.usage().by_job.items()
            if opened.jobs.get(name) is None
        }
        for name, size_bytes in unknown.items():
            print(f"{settings.jobs_dir / name}  {size(size_bytes)}{'  deleted' if remove else ''}")
            if remove:
                files.delete(name)
    if not unknown:
        narrate(f"{settings.jobs_dir}: nothing but the node's own jobs")
    return ExitCode.OK


def _state_dir(context: click.Context) -> Path:
    return settings_of(options_of(context)).state_dir
