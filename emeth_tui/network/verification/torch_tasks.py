"""The torch processes' tasks: examine a result for the verifier, train a job for the rival."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from emeth_tui.model import JobId
from emeth_tui.protocol.hash_chain import links_from_digest
from emeth_tui.protocol.job_ids import training_seed
from emeth_tui.protocol.replay import read_commitment
from emeth_tui.training.devices import open_device
from emeth_tui.training.files.checkpoint import load_result
from emeth_tui.training.job import run
from emeth_tui.training.job_control import Control
from emeth_tui.training.replay.again import Again
from emeth_tui.training.replay.states import most_bytes
from emeth_tui.training.reports import Event, Prepared, ResultWritten, Trained, TrainRequest
from emeth_tui.training.run.evaluation import Evaluator, spread_sample
from emeth_tui.training.verification.measures import Learning
from emeth_tui.training.verification.sketches import load_sketches, own_share, sketch, start_share
from emeth_tui.training.verification.yardstick import SHORT_EPOCHS, Yardstick

EXAMINED_BLOCKS = 256  # of the validation text: no dataset is too large for a verifier on one core


def examine(model: str, language: str, dataset: str, result: str) -> dict[str, Any]:
    """Examine a result file: return its own epochs and hash, and the losses measured here, on a sample.

    Raise JobError for a file that is not a result of this job's model, or DatasetError.
    """
    evaluator = Evaluator(model, language, Path(dataset))
    evaluator.valid = spread_sample(evaluator.valid, EXAMINED_BLOCKS)
    claimed = load_result(Path(result), evaluator.tensor_shapes)
    return {
        "epochs": claimed.epochs,
        "hash": claimed.hash_hex,
        "loss": evaluator.loss(claimed.state_dict),
        "untrained_loss": evaluator.untrained_loss(),
        "states": claimed.states,
        "state_bytes": most_bytes(evaluator.tensor_shapes),
    }


def measure(
    model: str,
    language: str,
    dataset: str,
    result: str,
    job_id: str,
    earlier: list[str],
    sketch_path: str,
    secret: str,
) -> dict[str, Any]:
    """Examine a result file, train a short run beside it, and measure both: see `Learning`.

    The result's sketch is written to `sketch_path`; `earlier` are those of other results on the text.
    Raise what `examine` raises, TrainingError.
    """
    with tempfile.TemporaryDirectory(prefix="emeth-measuring-") as cache:
        yardstick = Yardstick(model, language, Path(dataset), Path(cache), training_seed(JobId(job_id)))
        claimed = load_result(Path(result), yardstick.tensor_shapes)
        start = yardstick.start().export_weights()
        begun, made = sketch(start, secret), sketch(claimed.state_dict, secret)
        learning = Learning(
            pretrained=yardstick.pretrained,
            memorises=yardstick.memorises,
            start=yardstick.losses_of(start),
            short=yardstick.losses(yardstick.short_run(SHORT_EPOCHS)),
            result=yardstick.losses_of(claimed.state_dict),
            own_share=own_share(made, begun, load_sketches(earlier, len(made))),
            start_share=start_share(made, begun),
        )
    np.save(sketch_path, made, allow_pickle=False)
    return {
        "epochs": claimed.epochs,
        "hash": claimed.hash_hex,
        "loss": learning.result.valid,
        "untrained_loss": learning.start.valid,
        "learning": asdict(learning),
    }


def replay(
    model: str,
    language: str,
    dataset: str,
    result: str,
    job_id: str,
    segments: list[list[int]],
    states: dict[str, str],
    earlier: list[str],
    sketch_path: str,
    secret: str,
) -> dict[str, Any]:
    """Train segments of a job's epochs again, from the states at their ends: see `Replayed`.

    The result's sketch is written to `sketch_path`; `earlier` are those of other results on the text.
    `result` was examined. Raise JobError for what does not follow from the states that it commits to.
    """
    paths = {int(epoch): Path(path) for epoch, path in states.items()}
    with tempfile.TemporaryDirectory(prefix="emeth-again-") as cache:
        evaluator = Evaluator(model, language, Path(dataset))
        claimed = load_result(Path(result), evaluator.tensor_shapes)
        commitment = read_commitment(claimed.states, claimed.epochs)
        again = Again(model, language, Path(dataset), Path(cache), training_seed(JobId(job_id)), commitment)
        made, begun = sketch(claimed.state_dict, secret), sketch(again.start(), secret)
        known = load_sketches(earlier, len(made)) if again.differs_by_job else []
        np.save(sketch_path, made, allow_pickle=False)
        again.check_records()
        again.check_result(claimed.state_dict, paths.get(claimed.epochs))
        outcomes = [again.train(first, last, paths) for first, last in segments]
    return {
        "outcomes": [asdict(outcome) for outcome in outcomes],
        "kind": msgspec.to_builtins(again.own_kind()),
        "own_share": own_share(made, begun, known),
        "pretrained": again.pretrained,
    }


def train(
    job_id: str,
    model: str,
    language: str,
    epochs: int,
    dataset: str,
    work_dir: str,
    verification_key: str,
    *,
    replay: bool = False,
) -> dict[str, Any]:
    """Train a job on one thread and write its result; `dataset` is in `work_dir`.

    With `replay`, by the rule of protocol.md §9b.

    Raise DatasetError and TrainingError.
    """
    control = Control()
    digest = path = ""
    directory = Path(work_dir)
    valid_loss = 0.0

    def report(event: Event) -> None:
        nonlocal digest, path, valid_loss
        if isinstance(event, Prepared):
            digest = event.dataset_digest
        elif isinstance(event, Trained):
            valid_loss = event.valid_loss
            control.write_result(links_from_digest(digest, verification_key, event.epochs)[-1])
        elif isinstance(event, ResultWritten):
            path = str(directory / event.name)

    request = TrainRequest(
        job_id=job_id,
        language=language,
        epochs=epochs,
        directory=directory.name,
        dataset=Path(dataset).name,
        model=model,
        seed=training_seed(JobId(job_id)),
        threads=1,
        replay=replay,
    )
    run(request, directory.parent, open_device("cpu"), report, control)
    return {"result": path, "valid_loss": valid_loss}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "examine": examine,
    "measure": measure,
    "replay": replay,
    "train": train,
}
