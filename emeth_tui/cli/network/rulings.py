"""`emeth-tui network second`, `network verdicts` and `network decide`: rejections that are not final yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.network.serving import say
from emeth_tui.cli.node.at_rest import take_secrets
from emeth_tui.cli.node.job_ids import find_job
from emeth_tui.cli.node.place import place_of
from emeth_tui.cli.output.printing import Output, example
from emeth_tui.cli.output.table import Column, table_lines
from emeth_tui.cli.requester.place import wallet_of
from emeth_tui.cli.types import FILE
from emeth_tui.errors import CommandRefused, ExitCode
from emeth_tui.words.formats import moment
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.model import JobId
    from emeth_tui.network.verification.appeals import Appeals, Held, Rule

_CONFIG = click.option(
    "--config", "path", type=FILE, required=True, help="The file of `network serve`, or one like it."
)


@click.command(epilog=example("emeth-tui network second --config second.toml"))
@_CONFIG
@click.pass_context
def second(context: click.Context, /, path: Path) -> ExitCode:
    """Give second opinions of results that a network's verifier means to reject.

    The wallet's account is the one that `[second] address` in the file of `network serve` names. Of its own
    file it reads profile, state_dir and log_format; its state_dir holds a copy of the network's
    verification_key. Prints the account when it begins. SIGTERM stops it.
    """
    from emeth_tui.network.extra import check_extra

    check_extra()
    from emeth_tui.network.serving.config import read_serve_settings
    from emeth_tui.network.serving.log_lines import log_to_stderr
    from emeth_tui.network.serving.verifying import give_opinions
    from emeth_tui.settings.profiles import read_profile

    settings = read_serve_settings(path)
    network = read_profile(settings.profile)
    wallet = wallet_of(place_of(context), take_secrets())
    log_to_stderr(settings.log_format)
    asyncio.run(give_opinions(settings, network, wallet, say))
    return ExitCode.OK


@click.command(epilog=example("emeth-tui network verdicts --config serve.toml"))
@_CONFIG
@click.pass_context
def verdicts(context: click.Context, /, path: Path) -> ExitCode:
    """List the results that were to be rejected, the newest first, and what becomes of each.

    Those that wait for the operator say so; `network decide` settles them.
    """
    output = Output(ascii_only=place_of(context).settings.screen.ascii)
    found, rule = asyncio.run(_all(path))
    if not found:
        output.nothing(_("no rejection was held"))
    output.lines(table_lines(_columns(rule), found, output.style))
    return ExitCode.OK


@click.command(epilog=example("emeth-tui network decide 6f2a verify --config serve.toml"))
@click.argument("job_id", metavar="ID")
@click.argument("ruling", metavar="verify|reject", type=click.Choice(["verify", "reject"]))
@_CONFIG
def decide(job_id: str, ruling: str, path: Path) -> ExitCode:
    """Decide what becomes of a result whose rejection is held, whatever any verifier says.

    The running service does it within seconds. It is final.
    """
    print(asyncio.run(_decide(path, job_id, ruling)))
    return ExitCode.OK


async def _all(path: Path) -> tuple[list[Held], Rule]:
    async with _appeals(path) as appeals:
        return await appeals.all(), appeals.rule


async def _decide(path: Path, typed: str, ruling: str) -> JobId:
    from emeth_tui.network.verification.appeals import Ruling
    from emeth_tui.notices.reasons.network.verification import ListVerdicts, SettledAlready

    async with _appeals(path) as appeals:
        job_id = find_job(typed, [held.job_id for held in await appeals.all()], ListVerdicts())
        if not await appeals.decide(job_id, Ruling(ruling)):
            raise CommandRefused(SettledAlready())
        return job_id


@asynccontextmanager
async def _appeals(path: Path) -> AsyncIterator[Appeals]:
    """Open the held rejections of the services that a file describes. Raise ServiceError."""
    from emeth_tui.hardening import take_out
    from emeth_tui.network.extra import check_extra

    check_extra()
    from emeth_tui.network.serving.config import read_serve_settings
    from emeth_tui.network.serving.credentials import VARIABLES
    from emeth_tui.network.serving.parts import open_database
    from emeth_tui.network.serving.verifying import rule_of
    from emeth_tui.network.verification.appeals import Appeals
    from emeth_tui.settings.profiles import read_profile

    settings = read_serve_settings(path)
    rule = rule_of(settings, read_profile(settings.profile))
    with closing(await open_database(settings, take_out(VARIABLES))) as database:
        yield Appeals(database, rule)


def _columns(rule: Rule) -> Sequence[Column[Held]]:
    now = time.time()
    return [
        Column(_("job"), lambda held: held.job_id),
        Column(_("state"), lambda held: _state(held, rule, now)),
        Column(_("reason"), lambda held: text_of(held.why()), rank=1, flexible=True),
    ]


def _state(held: Held, rule: Rule, now_unix_s: float) -> str:
    from emeth_tui.network.verification.appeals import Ruling

    ruling = held.ruling(rule, now_unix_s)
    if ruling is Ruling.ASK:
        return _("waits for you")
    if ruling is Ruling.WAIT:
        if held.asked_unix_s is not None:
            return _("second verifier asked")
        return _("appeal until {time}").format(time=moment(held.until_unix_s))
    return _("verified") if ruling is Ruling.VERIFY else _("rejected")
