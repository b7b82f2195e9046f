"""One job of `finetune`: what it starts from, what it reaches, and what that is worth on text of its kind."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.finetune.material import Domain
from benchmarks.training.reference import tokenised
from emeth_tui.model import Language
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.training import job, reports
from emeth_tui.training.devices import Device
from emeth_tui.training.files.checkpoint import load_result
from emeth_tui.training.files.models import BLOCK_TOKENS, open_model
from emeth_tui.training.job_control import Control
from emeth_tui.training.model.gpt2 import tensor_shapes
from emeth_tui.training.run.evaluation import mean_loss

EPOCHS = 30  # protocol.md §8
_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Cell:
    """A job to be trained."""

    language: Language
    domain: str
    size_bytes: int
    batch: int
    rate: float | None  # None: the model's own
    seed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job's losses on its validation text: as the model came, after each epoch, and of the result.

    `elsewhere` are those on text of the same kind that no job sees, before and after.
    """

    cell: Cell
    valid_tokens: int
    start: float
    by_epoch: Sequence[float]
    best: float
    final: float
    went_back: int
    elsewhere: tuple[float, float]
    seconds: float
    validated_share: float  # of the time that training took


class _Story:
    """What a job reports."""

    def __init__(self) -> None:
        self.control = Control()
        self.start = self.final = float("nan")
        self.epochs: list[reports.EpochDone] = []
        self.went_back = self.valid_tokens = 0

    def hear(self, event: reports.Event) -> None:
        match event:
            case reports.Prepared(valid_tokens=tokens):
                self.valid_tokens = tokens
            case reports.Untrained(loss):
                self.start = loss
            case reports.EpochDone():
                self.epochs.append(event)
            case reports.BackToBest():
                self.went_back += 1
            case reports.Trained(_, loss):
                self.final = loss
                self.control.write_result(_HASH)


def train(cell: Cell, domain: Domain, model: Path, device: Device, epochs: int = EPOCHS) -> Outcome:
    """Train a job in one go, on one thread and in fp32: the same cell gives the same losses."""
    story = _Story()
    with tempfile.TemporaryDirectory(prefix="emeth-finetune-") as place:
        directory = Path(place) / "job"
        directory.mkdir()
        text = domain.cut(cell.language, cell.size_bytes, cell.seed)
        (directory / reports.DATASET_NAME).write_text(text, encoding="utf-8")
        request = reports.TrainRequest(
            job_id=hashlib.sha256(text.encode()).hexdigest()[:16],
            language=cell.language.value,
            epochs=epochs,
            directory="job",
            model=str(model),
            batch_size=cell.batch,
            learning_rate=cell.rate,
            seed=cell.seed,
            threads=1,
            deterministic=not device.is_cuda,
        )
        job.run(request, Path(place), device, story.hear, story.control)
        elsewhere = _losses_elsewhere(domain.elsewhere, model, directory / RESULT_NAME, device)
    work = story.epochs[-1].work
    losses = [epoch.valid_loss for epoch in story.epochs]
    return Outcome(
        cell=cell,
        valid_tokens=story.valid_tokens,
        start=story.start,
        by_epoch=losses,
        best=min(story.start, *losses),
        final=story.final,
        went_back=story.went_back,
        elsewhere=elsewhere,
        seconds=work.trained_s + work.validated_s + work.saving_s,
        validated_share=work.validated_s / work.trained_s if work.trained_s else 0.0,
    )


def _losses_elsewhere(text: str, directory: Path, result: Path, device: Device) -> tuple[float, float]:
    files = open_model(str(directory)).files
    assert files is not None
    tokenizer = files.tokenizer(lower_case=False)
    blocks = tokenised(text, tokenizer, BLOCK_TOKENS)
    model = open_model(str(directory)).build(files.shape())
    losses = []
    for weights in (files.weights(), load_result(result, tensor_shapes(files.shape())).state_dict):
        model.import_weights(weights)
        losses.append(mean_loss(model.to(device.torch_device), blocks, device))
    return losses[0], losses[1]
