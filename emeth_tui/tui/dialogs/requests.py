"""The requester's dialogs: an order, what it comes to, taking it back, where its model goes, a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from emeth_tui.engine.requester.orders import Order
from emeth_tui.errors import SettingsError
from emeth_tui.foreign_text import clean
from emeth_tui.listings.requests import request_facts
from emeth_tui.model import Language, lifetime_in, token_to_wei
from emeth_tui.notices.reasons.screen import EntryMissing, EntryNotUnderstood
from emeth_tui.protocol.job_ids import short
from emeth_tui.protocol.parameters import MAX_EPOCHS, MIN_EPOCHS
from emeth_tui.settings.basics import typed_path
from emeth_tui.tui.dialogs.dialog import Choice, Dialog, facts_table
from emeth_tui.tui.dialogs.form import Entry, Form
from emeth_tui.tui.drawing.lines import line
from emeth_tui.words.formats import exact_emt, exact_token
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.requester.orders import Estimate
    from emeth_tui.engine.view.following import FollowedJob
    from emeth_tui.model import JobId
    from emeth_tui.notices.notice import Reason

FEE_EMT, LIFETIME = "20", "24h"
YES_LETTERS = frozenset({"y", "yes"})


def order_dialog() -> Form[Order]:
    """Ask what is to be trained, and on which terms."""
    entries = [
        Entry(_("file")),
        Entry(_("language"), Language.EN.value),
        Entry(_("epochs"), str(MIN_EPOCHS)),
        Entry(_("fee in EMT"), FEE_EMT),
        Entry(_("deadline in"), LIFETIME),
        Entry(_("private (y/n)"), "n"),
    ]
    hint = _("A file on the node's machine. Enter measures it and shows what it comes to, unpaid")
    return Form(_("Request a job"), hint, entries, lambda values: _order(entries, values))


def _order(entries: Sequence[Entry], values: Sequence[str]) -> Order:
    """Read an order. Raise SettingsError naming the line that is not understood."""
    file, language, epochs, fee, lifetime, private = values
    names = [entry.label for entry in entries]
    if not file:
        raise SettingsError(EntryMissing(names[0]))
    if language not in {one.value for one in Language}:
        raise SettingsError(EntryNotUnderstood(names[1], language, ", ".join(one.value for one in Language)))
    if not (epochs.isascii() and epochs.isdecimal() and MIN_EPOCHS <= int(epochs[:9]) <= MAX_EPOCHS):
        raise SettingsError(EntryNotUnderstood(names[2], epochs, f"{MIN_EPOCHS}–{MAX_EPOCHS:,}"))
    lifetime_s = lifetime_in(lifetime)
    if lifetime_s is None:
        raise SettingsError(EntryNotUnderstood(names[4], lifetime, "90m, 6h, 2d"))
    if private.lower() not in YES_LETTERS | {"n", "no", ""}:
        raise SettingsError(EntryNotUnderstood(names[5], private, "y, n"))
    return Order(
        path=typed_path(file).absolute(),
        language=Language(language),
        epochs=int(epochs),
        fee_wei=_fee_wei(names[3], fee),
        lifetime_s=lifetime_s,
        private=private.lower() in YES_LETTERS,
    )


def _fee_wei(name: str, text: str) -> int:
    try:
        fee_wei = token_to_wei(text)
    except ValueError:
        fee_wei = -1
    if not 0 <= fee_wei < 2**256:
        raise SettingsError(EntryNotUnderstood(name, text, "20, 12.5"))
    return fee_wei


def estimate_dialog(order: Order, estimated: Estimate) -> Dialog[Order | None]:
    """Show what an order comes to, and ask whether to pay it; the default is No."""
    order = replace(order, job_id=estimated.job_id, again=estimated.before is not None)
    refused, hard = (estimated.refusal(anyway=anyway, again=True) for anyway in (False, True))
    why: Reason | None = None if refused is None else refused.reason
    if hard is None and refused is not None:  # what the answer below requests all the same
        why = estimated.terms.refusal
    yes = _("Yes, request it and pay {amount} EMT").format(amount=exact_token(order.fee_wei))
    if estimated.before is not None:
        yes = _("Yes, request another job for it and pay {amount} EMT more").format(
            amount=exact_token(order.fee_wei)
        )
    if estimated.is_requested:
        yes = _("Yes, go on with it: it is requested, and paid once")
    choices: list[Choice[Order | None]] = [
        Choice("n", _("No, request nothing"), None),
        Choice("y", yes, order, why),
    ]
    if refused is not None and hard is None:
        choices.append(Choice("a", _("Yes, although nodes may not take it"), replace(order, anyway=True)))
    facts = [(label, line((text, role))) for label, text, role in request_facts(estimated)]
    title = _("Request a job for {file}?").format(file=clean(order.path.name))
    return Dialog(title, facts_table([*facts, (_("file"), line((clean(str(order.path)), "")))]), choices)


def cancel_dialog(followed: FollowedJob) -> Dialog[bool]:
    """Ask whether to take a request back; the default is No."""
    request = followed.request
    amount = exact_token(request.fee_wei)
    moves = (
        _("nothing was paid: the request is forgotten, and what was signed for it is not sent any more")
        if followed.on_chain is None
        else _("{amount} EMT come back to this account; the transaction costs gas").format(amount=amount)
    )
    yes = (
        _("Yes, forget it")
        if followed.on_chain is None
        else _("Yes, cancel it and get {amount} EMT back").format(amount=amount)
    )
    facts = [
        (_("file"), line((clean(str(request.path)), ""))),
        (_("fee"), line((exact_emt(request.fee_wei), "accent"))),
        (_("what moves"), line((moves, ""))),
    ]
    title = _("Cancel the request of job {job}?").format(job=short(request.job_id))
    return Dialog(title, facts_table(facts), [Choice("n", _("No, leave it"), False), Choice("y", yes, True)])


def directory_dialog(job_id: JobId, default: Path) -> Form[Path]:
    """Ask where a job's model goes."""
    entry = Entry(_("directory"), str(default))

    def read(values: Sequence[str]) -> Path:
        if not values[0]:
            raise SettingsError(EntryMissing(entry.label))
        return typed_path(values[0]).absolute()

    hint = _("A new directory on the node's machine. Enter fetches the result, checks it and writes it there")
    return Form(_("Fetch the model of job {job}").format(job=short(job_id)), hint, [entry], read)


def prompt_dialog(job_id: JobId) -> Form[str]:
    """Ask what both models are to go on from."""
    entry = Entry(_("prompt"))

    def read(values: Sequence[str]) -> str:
        if not values[0]:
            raise SettingsError(EntryMissing(entry.label))
        return values[0]

    hint = _("Enter continues it with the job's model, and with the one that training started from")
    return Form(_("Sample the model of job {job}").format(job=short(job_id)), hint, [entry], read)
