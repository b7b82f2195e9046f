"""`emeth-tui request`: have a text trained by whoever takes the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emeth_tui.cli.node.at_rest import take_secrets
from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.output.confirming import YES, confirm
from emeth_tui.cli.output.printing import JSON, Output, example, print_json
from emeth_tui.cli.output.progress import progress
from emeth_tui.cli.requester.place import requester_of, wallet_of
from emeth_tui.cli.types import Emt, Utf8Path
from emeth_tui.errors import ExitCode
from emeth_tui.model import Language, lifetime_in
from emeth_tui.streams import narrate
from emeth_tui.words.formats import exact_token
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.requester.orders import Estimate, Order
    from emeth_tui.engine.requester.requester import Requester
    from emeth_tui.engine.view.following import FollowedJob
    from emeth_tui.model import JobId

LEAST_EPOCHS, MOST_EPOCHS = 30, 1_000  # protocol.parameters, which --help need not load


class Span(click.ParamType[int]):
    """A length of time, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        seconds = lifetime_in(value)
        if seconds is None:
            self.fail(f"{value!r} is not a time from 1s to 10000d, such as 90m, 6h or 2d", param, ctx)
        return seconds


@click.command(
    epilog=example(
        "emeth-tui request novel.txt --language en --fee 20 --deadline 6h",
        "emeth-tui request novel.txt --language en --fee 20 --private --yes",
    )
)
@click.argument("file", type=Utf8Path(exists=True, dir_okay=False))
@click.option("--language", type=click.Choice([one.value for one in Language]), required=True)
@click.option(
    "--epochs", type=click.IntRange(LEAST_EPOCHS, MOST_EPOCHS), default=LEAST_EPOCHS, show_default=True
)
@click.option("--fee", type=Emt(), metavar="EMT", required=True, help="What the job pays.")
@click.option(
    "--deadline",
    type=Span(),
    metavar="TIME",
    default="24h",
    show_default=True,
    help="How long it may take: 90m, 6h, 2d.",
)
@click.option("--private", is_flag=True, help="Show the text to the job's node and the verifier alone.")
@click.option("--anyway", is_flag=True, help="Request what nodes with the usual settings do not take.")
@click.option("--again", is_flag=True, help="Request and pay for another job on the terms of one before.")
@YES
@JSON
@click.pass_context
def request(
    context: click.Context,
    file: Path,
    language: str,
    epochs: int,
    fee: int,
    deadline: int,
    private: bool,
    anyway: bool,
    again: bool,
    yes: bool,
    as_json: bool,
) -> ExitCode:
    """Have the network train its model on a text: measures it as a node will, shows the cost, and asks.

    Then the text is stored, exactly the fee approved, the job requested and its id printed. Where that breaks
    off, the same command goes on from there; nothing is paid twice. Once the job is requested, the same
    command with --yes ends with exit code 30 and names it, unless --again is given. While a node of this
    account runs, the node does all of this. `emeth-tui requests` shows what became of the job.
    """
    place = place_of(context)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    from emeth_tui.engine.requester.orders import Order

    order = Order(file, Language(language), epochs, fee, deadline, private, anyway, again)
    secrets = take_secrets()
    asking = _Asking(output, order, yes)
    work = _by_the_node(place, asking) if place.pid is not None else _alone(place, asking, secrets)
    made = run(work)
    if as_json:
        from emeth_tui.listings.requests import request_record

        print_json(asdict(request_record(made)))
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Asking:
    """An order that somebody gives, and whether they are asked once more."""

    output: Output
    order: Order
    yes: bool

    def decide(self, estimated: Estimate) -> Order:
        """Show what the order comes to, and ask; return what is agreed to.

        Raise CommandRefused, InsufficientFunds or NotConfirmed.
        """
        from emeth_tui.listings.requests import request_facts

        if estimated.job_id is not None:
            narrate(_("an earlier run began to request this; it goes on"))
        again = self.order.again or not self.yes  # a question says so by itself
        if (refused := estimated.refusal(anyway=self.order.anyway, again=again)) is not None:
            raise refused
        if not estimated.is_requested:
            asked = (
                _("Request this job and pay {amount} EMT?")
                if estimated.before is None
                else _("This was requested already. Request another job for it and pay {amount} EMT more?")
            )
            question = asked.format(amount=exact_token(self.order.fee_wei))
            confirm(self.output, question, request_facts(estimated), yes=self.yes)
        again = self.order.again or estimated.before is not None
        return replace(self.order, job_id=estimated.job_id, again=again)

    def note_requested(self, job_id: JobId) -> None:
        """Print the id of the job."""
        if not self.output.as_json:
            print(job_id, flush=True)


async def _by_the_node(place: Place, asking: _Asking) -> FollowedJob:
    """Have the running node request the job: it is the account's one sender."""
    from emeth_tui.control.wire import order_words

    async with place.node(own_codes=True) as node:
        estimated: Estimate = await node.connection.do("estimate_request", **order_words(asking.order))
    words = order_words(asking.decide(estimated))
    async with place.node(own_codes=True) as node:  # anew: somebody may have thought for long
        narrate(_("the running node requests it; waiting for the block to be final"))
        followed: FollowedJob = await node.connection.do("request_job", **words)
    asking.note_requested(followed.request.job_id)
    return followed


async def _alone(place: Place, asking: _Asking, secrets: Mapping[str, str]) -> FollowedJob:
    """Request the job here, holding the state."""
    from emeth_tui.engine.requester.ordering import estimate, place_order
    from emeth_tui.process.threads import in_thread
    from emeth_tui.settings import ClaimSettings
    from emeth_tui.training.data.measuring import Measured, measure

    network, order = place.network(), asking.order
    most_bytes = ClaimSettings().max_dataset_bytes
    model = network.models[order.language]

    def measure_it() -> Measured:
        return measure(order.path, order.language, model, max_bytes=most_bytes)

    measured = await in_thread(measure_it)  # an interrupt does not wait for a large text
    async with requester_of(place, network, wallet_of(place, secrets)) as requester:
        estimated = await estimate(requester, order, measured)
        agreed = asking.decide(estimated)
        with progress(_("storing")) as on_progress:
            job_id = await place_order(requester, agreed, estimated, on_progress)
        asking.note_requested(job_id)
        return await _conclude(requester, job_id)


async def _conclude(requester: Requester, job_id: JobId) -> FollowedJob:
    """Wait until the request is final; say so once."""
    said: list[bool] = []

    def say() -> None:
        if not said:
            narrate(_("waiting for the block to be final"))
        said.append(True)

    return await requester.conclude(job_id, say)
