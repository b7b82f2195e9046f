"""Requested jobs as records, and the facts to decide by before one is requested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from rich.cells import set_cell_size

from emeth_tui.foreign_text import clean
from emeth_tui.listings import request_records as records
from emeth_tui.listings.texts import iso, iso_or_none
from emeth_tui.protocol.job_ids import short
from emeth_tui.words.formats import Count, duration, duration_range, exact_emt, moment, size
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from pathlib import Path

    from emeth_tui.engine.requester.orders import Estimate
    from emeth_tui.engine.view.following import FollowedJob
    from emeth_tui.training.data.measuring import Measured

Fact = tuple[str, str, str]  # a label, what it comes to, and the role that this plays
_STATE_ROLES = {
    "verified": "good",
    "failed": "bad",
    "timeout": "bad",
    "declined": "warn",
    "unfinished": "warn",
    "unseen": "warn",
    "canceled": "muted",
}


def request_record(followed: FollowedJob) -> records.RequestRecord:
    """Make a requested job's record."""
    request, job = followed.request, followed.on_chain
    return records.RequestRecord(
        job_id=request.job_id,
        state=followed.state,
        file=clean(str(request.path)),
        language=request.language.value,
        epochs=request.epochs,
        dataset_bytes=request.dataset_bytes,
        model=request.model,
        private=request.private,
        fee_wei=str(request.fee_wei),
        deadline_at=iso(followed.deadline_unix_s),
        dataset=request.dataset or None,
        node=job.node if job and job.started_at_unix_s else None,
        requested_at=iso_or_none((job.requested_at_unix_s if job else 0) or None),
        started_at=iso_or_none((job.started_at_unix_s if job else 0) or None),
        submitted_at=iso_or_none((job.submitted_at_unix_s if job else 0) or None),
    )


def request_facts(estimated: Estimate) -> list[Fact]:
    """Return what a request costs and what nodes will make of it."""
    measured, wish, terms = estimated.measured, estimated.wish, estimated.terms
    model, balance_wei, now_unix_s = estimated.model, estimated.balance_wei, estimated.now_unix_s
    left_s = wish.deadline_unix_s - now_unix_s
    return [
        *_before(estimated),
        (_("dataset"), f"{size(measured.size_bytes)}, {wish.language.value}, {_tokens(measured)}", ""),
        (_("model"), _("{model}, {n:epoch|epochs}").format(model=clean(model), n=Count(wish.epochs)), ""),
        (_("fee"), exact_emt(wish.fee_wei), "accent"),
        (_("balance"), exact_emt(balance_wei), "bad" if balance_wei < wish.fee_wei else ""),
        (
            _("a node earns"),
            _("{amount}, and {gas:,} gas").format(amount=exact_emt(terms.earned_wei), gas=terms.gas),
            "",
        ),
        (
            _("training takes"),
            _("{time} by the network's formula").format(
                time=duration_range(terms.needed.low_s, terms.needed.high_s)
            ),
            "",
        ),
        (
            _("deadline"),
            _("{time} UTC, in {left}").format(time=moment(wish.deadline_unix_s), left=duration(left_s)),
            "",
        ),
        (
            _("any node takes"),
            _("a deadline from {time} UTC on").format(time=moment(terms.earliest_deadline_unix_s)),
            "muted",
        ),
    ]


def _before(estimated: Estimate) -> list[Fact]:
    if (before := estimated.before) is None:
        return []
    text = _("job {job}, {time} UTC").format(job=short(before.job_id), time=moment(before.at_unix_s))
    return [(_("requested already"), text, "bad")]


def model_record(
    job_id: str, directory: Path, checked: bool, result: Path, figures: Mapping[str, Any]
) -> records.ModelRecord:
    """Make the record of a result that was written as a model."""
    return records.ModelRecord(
        job_id=job_id,
        directory=str(directory),
        epochs=figures["epochs"],
        hash=figures["hash"],
        hash_checked=checked,
        claimed_loss=figures["claimed_loss"],
        validation_loss=figures["loss"],
        start_loss=figures["start_loss"],
        result_bytes=result.stat().st_size,
    )


def model_facts(checked: bool, figures: Mapping[str, Any]) -> list[Fact]:
    """Return what was found out about a result."""
    chain = _("right") if checked else _("not checked: the verification key is not known here")
    return [
        (_("epochs"), str(figures["epochs"]), ""),
        (_("hash chain"), chain, "good" if checked else "warn"),
        *_losses(figures),
        (_("loss that the node claims"), f"{figures['claimed_loss']:.4f}", "muted"),
    ]


def comparison_record(job_id: str, answer: Mapping[str, Any]) -> records.ComparisonRecord:
    """Make the record of a comparison."""
    samples = [records.SampleRecord(one["prompt"], one["start"], one["result"]) for one in answer["samples"]]
    return records.ComparisonRecord(job_id, answer["loss"], answer["start_loss"], samples)


def comparison_facts(answer: Mapping[str, Any]) -> list[Fact]:
    """Return the losses of a comparison."""
    return _losses(answer)


def sample_lines(answer: Mapping[str, Any], width: int | None) -> Iterator[str]:
    """Show each prompt and below it, side by side, what both models add."""
    half = max(20, ((width or 100) - 3) // 2)
    for one in answer["samples"]:
        yield ""
        yield _("prompt: {text}").format(text=clean(one["prompt"]))
        left = _wrapped(_("before"), one["start"], half)
        right = _wrapped(_("after"), one["result"], half)
        for start, result in zip_longest(left, right, fillvalue=""):
            yield f"{set_cell_size(start, half)} | {result}".rstrip()


def _wrapped(title: str, text: str, width: int) -> list[str]:
    """Return lines of so many cells; wide characters count as two."""
    lines = [title]
    for paragraph in text.splitlines() or [""]:
        rest = clean(paragraph)
        while rest:
            lines.append(set_cell_size(rest, width).rstrip())
            rest = rest[max(1, len(lines[-1])) :].lstrip()
    return lines


def _losses(figures: Mapping[str, Any]) -> list[Fact]:
    better = figures["loss"] < figures["start_loss"]
    return [
        (_("validation loss"), f"{figures['loss']:.4f}", "good" if better else "bad"),
        (_("at the start"), f"{figures['start_loss']:.4f}", ""),
    ]


def request_state_role(state: str) -> str:
    """Return the role that a requested job's state plays."""
    return _STATE_ROLES.get(state, "")


def _tokens(measured: Measured) -> str:
    if measured.train_tokens is None or measured.valid_tokens is None:
        return _("tokens not counted: the model is not on this machine")
    return _("{train:,} tokens to train on, {valid:,} to validate").format(
        train=measured.train_tokens, valid=measured.valid_tokens
    )
