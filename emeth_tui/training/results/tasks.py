"""The tasks of the requester's child process: what it does with a result and the job's dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from emeth_tui.training.results.continuing import continue_tokens, encode_prompt, text_of
from emeth_tui.training.results.export import export
from emeth_tui.training.results.opened import OpenedResult

PROMPTS = 2  # from the validation text, where none is given
PROMPT_TOKENS = 24


def write(model: str, language: str, dataset: str, result: str, directory: str) -> dict[str, Any]:
    """Check and measure a result, and write it into an empty directory for transformers."""
    opened = OpenedResult(model, language, Path(dataset), Path(result))
    export(opened, Path(directory))
    return {**_figures(opened), "start_loss": opened.start_loss()}


def sample(
    model: str,
    language: str,
    dataset: str,
    result: str,
    prompt: str,
    tokens: int,
    temperature: float,
    seed: int,
) -> dict[str, Any]:
    """Continue a prompt with a result."""
    opened = OpenedResult(model, language, Path(dataset), Path(result))
    tokenizer = opened.tokenizer()
    ids = continue_tokens(opened.trained(), encode_prompt(tokenizer, prompt), tokens, temperature, seed)
    return {**_figures(opened), "text": text_of(tokenizer, ids)}


def compare(
    model: str,
    language: str,
    dataset: str,
    result: str,
    prompts: list[str],
    tokens: int,
    temperature: float,
    seed: int,
    training_seed: int,
) -> dict[str, Any]:
    """Measure a result and the model that it started from, and continue the same prompts with both."""
    opened = OpenedResult(model, language, Path(dataset), Path(result))
    tokenizer = opened.tokenizer()
    encoded = [encode_prompt(tokenizer, prompt) for prompt in prompts]
    encoded = encoded or opened.first_validation_tokens(PROMPTS, PROMPT_TOKENS)
    models = opened.start(training_seed), opened.trained()
    samples = []
    for ids in encoded:
        start, trained = (
            text_of(tokenizer, continue_tokens(one, ids, tokens, temperature, seed)) for one in models
        )
        samples.append({"prompt": text_of(tokenizer, ids), "start": start, "result": trained})
    return {**_figures(opened), "start_loss": opened.start_loss(), "samples": samples}


def _figures(opened: OpenedResult) -> dict[str, Any]:
    claimed = opened.claimed
    return {
        "epochs": claimed.epochs,
        "hash": claimed.hash_hex,
        "claimed_loss": claimed.loss,
        "loss": opened.loss,
    }


TASKS: dict[str, Callable[..., dict[str, Any]]] = {"write": write, "sample": sample, "compare": compare}
