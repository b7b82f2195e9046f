"""`emeth-tui request`: have a text trained by whoever takes the job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emeth_tui.cli.node.at_rest import take_secrets
from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.output.confirming import YES, confirm
from emeth_tui.cli.output.printing import JSON, Output, example, print_json
from emeth_tui.cli.output.progress import progress
from emeth_tui.cli.requester.place import refuse_beside_a_node, requester_of, wallet_of
from emeth_tui.cli.types import Emt, UserPath
from emeth_tui.errors import CommandRefused, ExitCode
from emeth_tui.model import Language
from emeth_tui.streams import narrate
from emeth_tui.words.formats import exact_token
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.view.following import FollowedJob
    from emeth_tui.model import JobId
    from emeth_tui.requester.measuring import Measured
    from emeth_tui.requester.requester import Requester
    from emeth_tui.requester.terms import Wish

LEAST_EPOCHS, MOST_EPOCHS = 30, 1_000  # protocol.parameters, which --help need not load
_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}


class Span(click.ParamType[int]):
    """A length of time, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _SPAN.fullmatch(value.strip().lower())
        if match is None:
            self.fail(f"{value!r} is not a time, such as 90m, 6h or 2d", param, ctx)
        return int(match[1]) * _SECONDS[match[2]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """The command's options."""

    path: Path
    language: Language
    epochs: int
    fee_wei: int
    lifetime_s: int
    private: bool
    anyway: bool
    yes: bool


@click.command(
    epilog=example(
        "emeth-tui request novel.txt --language en --fee 20 --deadline 6h",
        "emeth-tui request novel.txt --language en --fee 20 --private --yes",
    )
)
@click.argument("file", type=UserPath(exists=True, dir_okay=False))
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
    yes: bool,
    as_json: bool,
) -> ExitCode:
    """Have the network train its model on a text: measures it as a node will, shows the cost, and asks.

    Then the text is stored, exactly the fee approved, the job requested and its id printed. Where that breaks
    off, the same command goes on from there; nothing is paid twice. `emeth-tui requests` shows what became of
    it.
    """
    place = place_of(context)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    asked = _Asked(file, Language(language), epochs, fee, deadline, private, anyway, yes)
    refuse_beside_a_node(place)
    made = run(_request(place, output, asked, take_secrets()))
    if as_json:
        from emeth_tui.listings.requests import request_record

        print_json(asdict(request_record(made)))
    return ExitCode.OK


async def _request(place: Place, output: Output, asked: _Asked, secrets: Mapping[str, str]) -> FollowedJob:
    import asyncio

    from emeth_tui.requester.measuring import measure
    from emeth_tui.requester.terms import Wish
    from emeth_tui.settings import ClaimSettings

    network = place.network()
    most_bytes = ClaimSettings().max_dataset_bytes
    model = network.models[asked.language]
    measured = await asyncio.to_thread(measure, asked.path, asked.language, model, max_bytes=most_bytes)
    async with requester_of(place, network, wallet_of(place, secrets)) as requester:
        deadline_unix_s = int(await requester.now_unix_s()) + asked.lifetime_s
        wish = Wish(measured.size_bytes, asked.language, asked.epochs, asked.fee_wei, deadline_unix_s)
        known = requester.unfinished(measured, wish, private=asked.private)
        if known is not None:
            narrate(_("an earlier run began to request this; it goes on"))
        if known is None or not await requester.find_requested(known):
            await _decide(requester, output, asked, measured, wish)
            known = requester.unfinished(measured, wish, private=asked.private)
            known = known or requester.record(asked.path, measured, wish, private=asked.private)
            with progress(_("storing")) as on_progress:
                await requester.request(known, asked.path, deadline_unix_s, on_progress)
        if not output.as_json:
            print(known.job_id, flush=True)
        return await _conclude(requester, known.job_id)


async def _decide(
    requester: Requester, output: Output, asked: _Asked, measured: Measured, wish: Wish
) -> None:
    """Show what the request comes to, and ask. Raise CommandRefused, InsufficientFunds or NotConfirmed."""
    from emeth_tui.errors import InsufficientFunds
    from emeth_tui.listings.requests import request_facts
    from emeth_tui.notices.reasons.network.requesting import NodesRefuse
    from emeth_tui.notices.reasons.network.transactions import FeeUnaffordable
    from emeth_tui.requester.terms import terms_of

    now_unix_s = await requester.now_unix_s()
    terms = terms_of(wish, requester.network, await requester.chain.rates(), now_unix_s)
    if terms.refusal is not None and (terms.impossible or not asked.anyway):
        raise CommandRefused(terms.refusal if terms.impossible else NodesRefuse(terms.refusal))
    balance_wei = (await requester.chain.balances(requester.address)).emt_wei
    if balance_wei < wish.fee_wei:
        raise InsufficientFunds(FeeUnaffordable(wish.fee_wei, requester.address, balance_wei))
    model = requester.network.models[wish.language]
    facts = request_facts(measured, wish, terms, model, balance_wei, now_unix_s)
    question = _("Request this job and pay {amount} EMT?").format(amount=exact_token(wish.fee_wei))
    confirm(output, question, facts, yes=asked.yes)


async def _conclude(requester: Requester, job_id: JobId) -> FollowedJob:
    """Wait until the request is final; say so once."""
    said: list[bool] = []

    def say() -> None:
        if not said:
            narrate(_("waiting for the block to be final"))
        said.append(True)

    return await requester.conclude(job_id, say)
