"""`emeth-tui appeal`: ask for a second opinion of a result that is to be rejected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.at_rest import take_secrets
from emeth_tui.cli.node.completing import OPEN_JOB_ID
from emeth_tui.cli.node.job_ids import known_job
from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.output.printing import JSON, Output, example
from emeth_tui.cli.output.result import result_of
from emeth_tui.cli.requester.place import wallet_of
from emeth_tui.errors import ExitCode, JobError
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.model import JobId


@click.command(epilog=example("emeth-tui appeal 6f2a"))
@click.argument("job_id", metavar="ID", type=OPEN_JOB_ID)
@JSON
@click.pass_context
def appeal(context: click.Context, job_id: str, as_json: bool) -> ExitCode:
    """Appeal where a verifier means to reject a job's result: a second verifier looks at it.

    Opens the wallet, which signs the appeal; no transaction is sent, and the node may run or not. With
    claims.appeal the node appeals by itself.
    """
    place = place_of(context)
    with result_of("appeal", Output(as_json, ascii_only=place.settings.screen.ascii)) as result:
        result.pid = place.pid
        appealed = known_job(place, job_id)
        run(_appeal(place, appealed, take_secrets()))
        result.note_job(appealed, _("job {job}: a second verifier is asked").format(job=appealed))
    return ExitCode.OK


async def _appeal(place: Place, job_id: JobId, secrets: Mapping[str, str]) -> None:
    from emeth_tui.clients.appeals import AppealClient
    from emeth_tui.clients.http.transport import open_transport
    from emeth_tui.notices.reasons.job import NothingToAppeal

    network, wallet = place.network(), wallet_of(place, secrets)
    async with open_transport() as transport:
        client = AppealClient(network, wallet, transport)
        if await client.held(job_id) is None:
            raise JobError(NothingToAppeal())
        await client.appeal(job_id)
