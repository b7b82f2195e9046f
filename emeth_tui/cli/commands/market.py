"""`emeth-tui market`: what is on offer, and why each is taken or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.job_ids import short_ids
from emeth_tui.cli.node.place import Place, run
from emeth_tui.cli.output.listing import listing
from emeth_tui.cli.output.printing import Output, example
from emeth_tui.cli.output.table import Column
from emeth_tui.errors import ExitCode
from emeth_tui.model import format_token
from emeth_tui.words.formats import duration, size
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.market.rules import Offer
    from emeth_tui.engine.view.snapshot import Snapshot
    from emeth_tui.listings.records import OfferRecord

LONGEST_SHOWN_S = 10_000 * 86_400  # a stranger may write any deadline


@click.command(epilog=example("emeth-tui market", "emeth-tui market --suitable --csv > market.csv"))
@click.option("--suitable", is_flag=True, help="Only what the rules of the settings allow.")
@listing
def market(place: Place, output: Output, suitable: bool) -> ExitCode:
    """List the jobs on offer as the running node judges them; reward and profit are estimates."""
    from emeth_tui.listings.records import OfferRecord

    snapshot = run(snapshot_of(place))
    offers = [offer for offer in snapshot.offers if offer.refusal is None or not suitable]
    if not offers:
        output.nothing(
            _("no suitable job is on offer") if suitable else _("the info server offers no other jobs")
        )
    output.table(OfferRecord, offers, lambda offer: offer_record(snapshot, offer), lambda: _columns(snapshot))
    return ExitCode.OK


async def snapshot_of(place: Place) -> Snapshot:
    """Ask the running node for a picture of itself."""
    async with place.node() as node:
        return await node.snapshot()


def offer_record(snapshot: Snapshot, offer: Offer) -> OfferRecord:
    """Make an offer's record."""
    from emeth_tui.engine.market.rules import listed_language
    from emeth_tui.engine.money.profit import expectation
    from emeth_tui.listings import making

    deposit_wei = snapshot.rates.deposit_wei(offer.job.fee_wei)
    return making.offer(
        offer, expectation(snapshot, offer), deposit_wei, listed_language(offer.job), snapshot.prices
    )


def _columns(snapshot: Snapshot) -> list[Column[Offer]]:
    from emeth_tui.engine.money.profit import expectation
    from emeth_tui.words.sentences import text_of

    short = short_ids([offer.job.job_id for offer in snapshot.offers])

    def left(offer: Offer) -> str:
        return duration(min(offer.job.deadline_unix_s - snapshot.at_unix_s, LONGEST_SHOWN_S))

    def profit(offer: Offer) -> str:
        return format_token(expectation(snapshot, offer).profit_wei)

    def net(offer: Offer) -> str:
        left = expectation(snapshot, offer).net(snapshot.prices)
        return "–" if left is None else f"{left:,.2f} {snapshot.prices.currency}"

    return [
        Column(_("job"), lambda offer: short[offer.job.job_id], lambda _offer: "accent"),
        Column(_("fee"), lambda offer: format_token(offer.job.fee_wei), right=True),
        Column(_("≈ profit"), profit, right=True, rank=2),
        *([Column(_("≈ net"), net, right=True, rank=2)] if snapshot.prices.emt is not None else []),
        Column(_("size"), lambda offer: size(offer.job.dataset_bytes), right=True, rank=1),
        Column(_("deadline"), left, right=True),
        Column(_("needs"), lambda offer: duration(offer.needed.high_s), right=True, rank=3),
        Column(
            _("judgement"),
            lambda offer: text_of(offer.refusal) if offer.refusal else _("suitable"),
            lambda offer: "muted" if offer.refusal else "good",
            flexible=True,
        ),
    ]
