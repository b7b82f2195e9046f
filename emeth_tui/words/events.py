"""Events in the interface's language: by their stable kind and their data, else in the engine's own words."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.foreign_text import clean
from emeth_tui.model import Event, JobState, format_token
from emeth_tui.words.formats import link_name, size, state_name
from emeth_tui.words.reasons import reason_text
from emeth_tui.words.translation import _

# The engine's events as templates for translators. What a catalogue does not translate is shown as it came.
TEMPLATES = {
    "claiming": (
        "claiming: {language}, {dataset}, fee {fee} EMT, deposit {deposit} EMT, needs {low_s} to {high_s} s"
    ),
    "claimed": "claimed, deposit {deposit} EMT",
    "chosen": "chosen by the operator",
    "claim_lost": "another node was faster; it cost nothing",
    "claim_lost_reason": "not claimed after all: {reason}; it cost nothing",
    "claims_paused": "claiming paused: {reason}",
    "idle": "taking no job: {reason}",
    "internal_error": "{what}: internal error, please report it: {error}",
    "job_stuck": "cannot go on: {error}; declining it costs {penalty} EMT, letting it time out {timeout} EMT",
    "job_trouble": "{error}; trying again",
    "link_lost": "{link} does not answer: {error}; trying again until it does",
    "link_restored": "{link} answers again after {lasted_s} s",
    "model_fetching": "fetching the model {model}; no job of it is taken before",
    "model_ready": "the model {model} is ready",
    "model_trouble": "{error}; no job of it is taken, trying again",
    "lost": "the chain was reorganised and another node has this job now",
    "rates_differ": "the contract's {name} is {actual}, not the published {published}",
    "resumed": "going on with this job, {state}",
    "submission_undone": "the chain was reorganised and lost our submission; submitting again",
    "summary": "{verified} jobs verified, EMT {emt_before} before, {emt_after} after",
    "withdraw_failed": "a reward cannot be withdrawn now: {error}",
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


def _state(value: str) -> str:
    return state_name(JobState(value))


_WORDS = {"reason": reason_text, "error": reason_text, "link": link_name, "state": _state}


def event_text(event: Event) -> str:
    """Give an event's one line, safe to show."""
    kind = f"{event.kind}_reason" if event.data.get("reason") else event.kind
    template = TEMPLATES.get(kind) or TEMPLATES.get(event.kind)
    if template is None or (translated := _(template)) == template:
        return clean(event.text)
    try:
        return clean(translated.format(**_fields(event.data)))
    except (KeyError, ValueError, TypeError):
        return clean(event.text)  # an event of an older version, with other data


def _fields(data: Mapping[str, object]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in data.items():
        if name in _WORDS:
            fields[name] = _WORDS[name](str(value))
        elif name.endswith("_wei"):
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
