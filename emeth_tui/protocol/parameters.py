"""A job's parameters as written by its requester (protocol.md §6): untrusted input, checked here."""

from __future__ import annotations

import json
from dataclasses import dataclass

from emeth_tui.errors import JobError
from emeth_tui.model import Language
from emeth_tui.notices.reasons import market as why

MIN_EPOCHS = 30  # needed to be verified; more earns nothing (protocol.md §2)
MAX_EPOCHS = 1_000  # ours: a job asking for more is a mistake or a trap
MAX_PARAM_CHARS = 4_096  # ours: `{"language": "en", "epoch": 30}` needs 32
MAX_DATASET_NAME_CHARS = 255  # ours: the longest file name


@dataclass(frozen=True, slots=True)
class JobParameters:
    """What to train: the text's language and the number of epochs that the requester asks for."""

    language: Language
    epochs: int


def parse_parameters(param: str) -> JobParameters:
    """Parse `jobDetails.param`. Raise JobError naming what is wrong with it."""
    if len(param) > MAX_PARAM_CHARS:
        raise JobError(why.ParametersTooLong(len(param)))
    try:
        parsed = json.loads(param)
    except (ValueError, RecursionError) as error:
        raise JobError(why.ParametersNotJson()) from error
    if not isinstance(parsed, dict):
        raise JobError(why.ParametersNotObject())
    try:
        language = Language(parsed.get("language"))
    except ValueError as error:
        raise JobError(why.UnknownLanguage()) from error
    epochs = parsed.get("epoch")
    if isinstance(epochs, bool) or not isinstance(epochs, int) or not 1 <= epochs <= MAX_EPOCHS:
        raise JobError(why.InvalidEpochs(MAX_EPOCHS))
    return JobParameters(language, epochs)


def write_parameters(parameters: JobParameters) -> str:
    """Return `jobDetails.param` for a job (protocol.md §6)."""
    return json.dumps({"language": parameters.language.value, "epoch": parameters.epochs})


def epochs_to_train(parameters: JobParameters) -> int:
    """Return how many epochs to train: as many as requested, but at least what a verifier accepts."""
    return max(parameters.epochs, MIN_EPOCHS)


def check_dataset_name(name: str) -> str:
    """Check `jobDetails.dataset`: one plain file name; it goes into URLs and never into a local path.

    Raise JobError otherwise.
    """
    if len(name) > MAX_DATASET_NAME_CHARS or not is_plain_name(name):
        raise JobError(why.InvalidDatasetName())
    return name


def is_plain_name(name: str) -> bool:
    """Whether a name is one printable file name, without a way to another directory."""
    return bool(name) and name.isprintable() and not {"/", "\\"} & set(name) and name not in {".", ".."}
