"""Screens that list things: jobs that were, transactions, the market."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from emeth_tui.engine.discover import Offer
from emeth_tui.model import Job, JobId, JobState, JournaledTransaction, TransactionState, format_token
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.i18n import _
from emeth_tui.tui.lines import BLANK, Line, fit, left, line, right
from emeth_tui.tui.panels.keys import KeyHint
from emeth_tui.tui.ports import Records
from emeth_tui.tui.reason_words import reason_text
from emeth_tui.tui.scene import Scene
from emeth_tui.tui.screens.base import PageScreen
from emeth_tui.tui.words import duration, emt, moment, size, state_name

TRANSACTIONS_SHOWN = 500
ROOMY_CELLS = 96
_STATE_ROLES = {
    JobState.VERIFIED: "good",
    JobState.FAILED: "bad",
    JobState.TIMEOUT: "bad",
    JobState.DECLINED: "warn",
    JobState.LOST: "muted",
    JobState.CANCELED: "muted",
}
_STATE_SIGNS = {"good": "✓ ", "bad": "✗ ", "warn": "! "}


class HistoryScreen(PageScreen):
    """Every job that was ever ours, and what the days brought."""

    ROWS = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "details", "Details", id="details")]

    def __init__(self) -> None:
        super().__init__()
        self.jobs: Sequence[Job] = ()
        self._shown: list[Job] = []

    async def inquire(self, records: Records) -> None:
        self.jobs = await records.history()

    def hints(self) -> Sequence[KeyHint]:
        return [KeyHint("Enter", _("Details"), "details", brief=_("Details")), *super().hints()]

    @property
    def chosen_job_id(self) -> JobId | None:
        chosen = self.page.chosen
        return self._shown[chosen].job_id if chosen is not None and chosen < len(self._shown) else None

    def action_details(self) -> None:
        if self.chosen_job_id is not None:
            self.emeth.open_job(self.chosen_job_id)

    def heading(self, scene: Scene, width: int) -> list[Line]:
        ended = [job for job in self._shown if job.state.is_final]
        earned = sum(job.earned_wei for job in ended)
        lost = sum(job.lost_wei for job in ended)
        totals = _("{n} jobs, {verified} verified, {earned} earned, {lost} lost").format(
            n=len(self._shown),
            verified=sum(job.state is JobState.VERIFIED for job in ended),
            earned=emt(earned),
            lost=emt(lost),
        )
        roomy = width >= ROOMY_CELLS
        columns = left(_("taken"), 21 if roomy else 13) + left(_("job"), 9) + left(_("size"), 12)
        columns += left(_("outcome"), 14) + right(_("epochs"), 7) + (right(_("gas"), 8) if roomy else "")
        columns += right(_("earned"), 11) + right(_("lost"), 10)
        return [line((_("History"), "title"), ("   " + totals, "muted")), BLANK, line((columns, "muted"))]

    def content(self, scene: Scene, width: int) -> list[Line]:
        pairs = [(job, self._line(job, width)) for job in self.jobs]
        pairs = [(job, content) for job, content in pairs if self.passes(f"{content.text} {job.job_id}")]
        self._shown = [job for job, _content in pairs]
        if not pairs:
            return [line((_("no job yet") if not self.words else _("no job passes the filter"), "muted"))]
        return [content for _job, content in pairs]

    def _line(self, job: Job, width: int) -> Line:
        role = _STATE_ROLES.get(job.state, "accent")
        roomy = width >= ROOMY_CELLS
        taken = moment(job.created_at_unix_s)
        outcome = _STATE_SIGNS.get(role, "  ") + state_name(job.state)
        return fit(
            line(
                (left(taken, 21) if roomy else left(taken[5:16], 13), "muted"),
                (left(short(job.job_id), 9), "accent"),
                left(f"{job.language.value} {right(size(job.dataset_bytes), 8)}", 12),
                (left(outcome, 14), role),
                right(f"{job.epochs_done}/{job.epochs}", 7),
                right(f"{job.gas:,}" if job.gas else "–", 8) if roomy else "",
                (right(format_token(job.earned_wei), 11), "good" if job.earned_wei else "muted"),
                (right(format_token(job.lost_wei), 10), "bad" if job.lost_wei else "muted"),
            ),
            width,
        )


class TransactionsScreen(PageScreen):
    """What the node signed and sent."""

    ROWS = True

    def __init__(self) -> None:
        super().__init__()
        self.transactions: Sequence[JournaledTransaction] = ()

    async def inquire(self, records: Records) -> None:
        self.transactions = await records.transactions(TRANSACTIONS_SHOWN)

    def heading(self, scene: Scene, width: int) -> list[Line]:
        symbol = scene.snapshot.native_symbol
        columns = (
            (
                left(_("sent"), 21)
                + right(_("nonce"), 6)
                + "  "
                + left(_("purpose"), 10)
                + left(_("state"), 12)
            )
            + left(_("job"), 9)
            + right(_("gas"), 9)
            + right(_("fee {symbol}").format(symbol=symbol), 14)
        )
        title = line((_("Transactions"), "title"))
        return [title, BLANK, line((columns + "  " + _("hash"), "muted"))]

    def content(self, scene: Scene, width: int) -> list[Line]:
        lines = [self._line(tx, scene, width) for tx in self.transactions]
        lines = [content for content in lines if self.passes(content.text)]
        return lines or [line((_("no transaction yet"), "muted"))]

    def _line(self, tx: JournaledTransaction, scene: Scene, width: int) -> Line:
        sign, role = {
            TransactionState.SIGNED: ("… ", "warn"),
            TransactionState.MINED: ("✓ ", "good"),
            TransactionState.REVERTED: ("✗ ", "bad"),
            TransactionState.REPLACED: ("  ", "muted"),
        }[tx.state]
        state = _transaction_state(tx.state)
        if tx.state is TransactionState.SIGNED:
            state += " " + duration(scene.now - tx.created_at_unix_s)
        return fit(
            line(
                (left(moment(tx.created_at_unix_s), 21), "muted"),
                right(f"{tx.nonce:,}", 6) + "  ",
                left(tx.purpose, 10),
                (left(sign + state, 12), role),
                (left(short(tx.job_id) if tx.job_id else "", 9), "accent"),
                right(f"{tx.gas_used:,}" if tx.gas_used is not None else "–", 9),
                right(format_token(tx.fee_wei, 8) if tx.fee_wei is not None else "–", 14) + "  ",
                (tx.tx_hash, "muted"),
            ),
            width,
        )


def _transaction_state(state: TransactionState) -> str:
    return {
        TransactionState.SIGNED: _("sent"),
        TransactionState.MINED: _("mined"),
        TransactionState.REVERTED: _("reverted"),
        TransactionState.REPLACED: _("replaced"),
    }[state]


class MarketScreen(PageScreen):
    """What the info server offers, and why each is taken or not."""

    ROWS = True

    def heading(self, scene: Scene, width: int) -> list[Line]:
        columns = (
            (left(_("job"), 9) + right(_("fee"), 10) + right(_("profit"), 10) + right(_("size"), 10))
            + right(_("deadline"), 11)
            + right(_("needs"), 9)
            + "  "
            + _("judgement")
        )
        suits = sum(not offer.refusal for offer in scene.snapshot.offers)
        totals = _("{n} on offer, {suits} suit").format(n=len(scene.snapshot.offers), suits=suits)
        title = line((_("Market"), "title"), ("   " + totals, "muted"))
        return [title, self._chosen_judgement(width), line((columns, "muted"))]

    def _chosen_judgement(self, width: int) -> Line:
        """Tell in full why the chosen job is not taken: its own line has not always room for it."""
        chosen = self.page.chosen
        refusal = self._shown[chosen].refusal if chosen is not None and chosen < len(self._shown) else ""
        return fit(line((reason_text(refusal), "warn")), width) if refusal else BLANK

    def content(self, scene: Scene, width: int) -> list[Line]:
        pairs = [(offer, self._line(offer, scene, width)) for offer in scene.snapshot.offers]
        pairs = [(offer, content) for offer, content in pairs if self.passes(content.text)]
        self._shown = [offer for offer, _content in pairs]
        lines = [content for _offer, content in pairs]
        return lines or [line((_("the info server offers nothing that we do not have"), "muted"))]

    def _line(self, offer: Offer, scene: Scene, width: int) -> Line:
        job = offer.job
        profit = format_token(scene.snapshot.rates.earned_wei(job.fee_wei))
        left_s = min(job.deadline_unix_s - scene.now, 10_000 * 86_400)
        judgement = (
            ("– " + reason_text(offer.refusal), "muted") if offer.refusal else ("✓ " + _("suits"), "good")
        )
        return fit(
            line(
                (left(short(job.job_id), 9), "accent"),
                right(format_token(job.fee_wei), 10),
                right(profit, 10),
                right(size(job.dataset_bytes), 10),
                right(duration(left_s), 11),
                right(duration(offer.estimated_s), 9) + "  ",
                judgement,
            ),
            width,
        )
