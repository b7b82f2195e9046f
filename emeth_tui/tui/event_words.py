"""Events in the interface's language: by their stable kind and their data, else in the engine's own words."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.model import Event, format_token
from emeth_tui.tui.i18n import _
from emeth_tui.tui.lines import clean
from emeth_tui.tui.words import size

# The engine's events as templates for translators. What a catalogue does not translate is shown as it came.
TEMPLATES = {
    "claiming": (
        "claiming: {language}, {dataset}, fee {fee} EMT, deposit {deposit} EMT, needs {low_s} to {high_s} s"
    ),
    "claimed": "claimed, deposit {deposit} EMT",
    "claim_lost": "another node was faster; it cost nothing",
    "canceled": "the requester canceled it before our claim",
    "downloaded": "dataset downloaded, {size}",
    "training": "training: {epochs} epochs over {tokens} tokens, {resumed_epoch} of them done before",
    "epoch_done": "epoch {epoch} of {epochs} done in {seconds} s, validation loss {valid_loss}",
    "steps_skipped": "{steps} steps gave no finite numbers and were not applied; learning rate lowered",
    "out_of_memory": "the device ran out of memory; going on with at most {micro_batch} blocks at once",
    "diverged": "{reason}; going back to the last good checkpoint with a lower learning rate",
    "trained": "trained: {epochs} epochs, validation loss {valid_loss}",
    "uploaded": "result uploaded, {size}",
    "submitted": "submitted, waiting for the verifier",
    "verified": "verified: {earned} EMT earned, {gas} gas",
    "declined": "declined; it cost {lost} EMT",
    "failed": "the verifier rejected it; it cost {lost} EMT",
    "timeout": "timed out on the chain; it cost {lost} EMT",
    "withdrawn": "withdrawn for day {slot}: {amount} EMT",
    "running_late": (
        "slower than it was taken for: {low_s} to {high_s} s are left to do, {deadline_s} s to the deadline"
    ),
    "job_paused": "paused",
    "job_resumed": "goes on",
    "claims_resumed": "claiming goes on",
    "setting_changed": "{key}: {before} → {after}",
    "setting_waits": "{key}: {before} → {after}, at the next start",
    "draining": "draining: ends when the jobs under way are submitted",
    "stopping": "stopping: saving every job under way",
    "stopped": "stopped; every job is saved",
}
_SIZES = {"dataset_bytes": "dataset", "size_bytes": "size"}


def event_text(event: Event) -> str:
    """Give an event's one line, safe to show."""
    template = TEMPLATES.get(event.kind)
    if template is None or (translated := _(template)) == template:
        return clean(event.text)
    try:
        return clean(translated.format(**_fields(event.data)))
    except (KeyError, ValueError, TypeError):
        return clean(event.text)  # an event of an older version, with other data


def _fields(data: Mapping[str, object]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in data.items():
        if name.endswith("_wei"):
            fields[name.removesuffix("_wei")] = format_token(int(str(value)))
        elif name in _SIZES:
            fields[_SIZES[name]] = size(int(str(value)))
        elif isinstance(value, float):
            fields[name] = f"{value:.3f}" if "loss" in name else f"{value:.1f}"
        elif isinstance(value, int) and name != "slot":
            fields[name] = f"{value:,}"
        else:
            fields[name] = str(value)
    return fields
