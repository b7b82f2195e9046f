"""What a training by rule leaves for its verifier: a record for each epoch, and the state of every m-th."""

from __future__ import annotations

import logging
import math
import platform
from pathlib import Path

import msgspec
import torch

from emeth_tui.errors import TrainingError
from emeth_tui.files import disk_full_translated, remove_unfinished, write_atomically
from emeth_tui.notices.reasons.training.run import StatesMissing
from emeth_tui.protocol.replay import (
    COMMITMENT_NAME,
    Best,
    Kind,
    StateRecord,
    commitment_text,
    kept_epochs,
    kind_from_data,
    record_line,
    state_name,
)
from emeth_tui.training.devices import Device
from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.replay.states import (
    BEST,
    WEIGHTS,
    Parts,
    digest_of,
    flat,
    moments_of,
    weights_of,
    write_state,
)
from emeth_tui.training.run.best_keeper import BestKeeper
from emeth_tui.training.run.state import Position
from emeth_tui.training.run.step import Stepper

RECORDS_NAME = "records.jsonl"
log = logging.getLogger(__name__)


def kind_of(device: Device) -> Kind:
    """Describe what this process trains on."""
    threads = 1 if device.is_cuda else torch.get_num_threads()
    name = device.name if device.is_cuda else f"{platform.machine()} {device.name}"
    facts = {
        "device": name[:200],
        "precision": str(device.compute_dtype).removeprefix("torch."),
        "threads": min(threads, 256),
        "torch": torch.__version__[:200],
    }
    return kind_from_data(facts)


def state_of(model: Gpt2, stepper: Stepper, best: BestKeeper | None, at: Position) -> tuple[Parts, int]:
    """Return a training's state between two epochs, and the steps since its optimiser began."""
    moments, steps = moments_of(model, stepper.optimiser)
    vocab_size = model.shape.vocab_size
    parts = {WEIGHTS: weights_of(dict(model.named_parameters()), vocab_size), **moments}
    if best is not None and (apart := best.apart(at)):
        parts[BEST] = weights_of(apart, vocab_size)
    return parts, steps


def record_of(parts: Parts, steps: int, at: Position, best: BestKeeper | None, kind: Kind) -> StateRecord:
    """Return the record of a state."""
    moments = {name: tensors for name, tensors in parts.items() if name not in (WEIGHTS, BEST)}
    return StateRecord(
        epoch=at.epoch,
        weights=digest_of(parts[WEIGHTS]),
        optimiser=digest_of(flat(moments)),
        steps=steps,
        valid_loss=at.valid_loss if math.isfinite(at.valid_loss) else None,
        best=_best_of(best),
        kind=kind,
    )


def _best_of(best: BestKeeper | None) -> Best | None:
    if best is None:
        return None
    so_far = best.so_far
    return Best(
        start_loss=so_far.start_loss,
        loss=so_far.loss,
        epoch=so_far.epoch,
        waited=so_far.waited,
        went_back_after=so_far.went_back_after,
        rate_share=so_far.rate_share,
    )


class StateKeeper:
    """The records and states of one training, in a directory of their own."""

    def __init__(self, directory: Path, epochs: int, kind: Kind) -> None:
        self._directory = directory
        self._kept = set(kept_epochs(epochs))
        self._kind = kind
        directory.mkdir(parents=True, exist_ok=True)
        remove_unfinished(directory)
        self._lines = read_lines(directory)

    def go_on_after(self, epoch: int, *, within: bool) -> bool:
        """Forget what comes after so many epochs; return False where something before is missing.

        `within` says whether a part of the next epoch is trained, for which the state before it is recorded.
        """
        wanted = epoch + 1 if epoch or within else 0
        files = (self._directory / state_name(each) for each in self._kept if each <= epoch)
        if len(self._lines) < wanted or not all(path.is_file() for path in files):
            log.warning("the states of %d epochs are not all there: the training begins anew", epoch)
            self._forget_after(0)
            return False
        self._forget_after(wanted)
        return True

    def note(self, model: Gpt2, stepper: Stepper, best: BestKeeper | None, at: Position) -> None:
        """Record the state between two epochs, and keep it if it is one of those. Raise DiskFull."""
        if len(self._lines) > at.epoch:
            return
        parts, steps = state_of(model, stepper, best, at)
        if at.epoch in self._kept:
            write_state(self._directory / state_name(at.epoch), parts)
        self._lines.append(record_line(record_of(parts, steps, at, best, self._kind)))
        self._write()

    def commitment(self, epochs: int, halvings: int) -> str:
        """Write and return what the result carries. Raise TrainingError where a record is missing."""
        if len(self._lines) != epochs + 1:
            raise TrainingError(StatesMissing(epochs))
        text = commitment_text(self._lines, halvings)
        path = self._directory / COMMITMENT_NAME
        with disk_full_translated(path):
            write_atomically(path, text.encode())
        return text

    def _forget_after(self, lines: int) -> None:
        if len(self._lines) > lines:
            del self._lines[lines:]
            self._write()

    def _write(self) -> None:
        path = self._directory / RECORDS_NAME
        with disk_full_translated(path):
            write_atomically(path, "".join(f"{line}\n" for line in self._lines).encode())


def read_lines(directory: Path) -> list[str]:
    """Return the records that lie in a directory, as far as they are whole and in order. Raise OSError."""
    lines: list[str] = []
    try:
        text = (directory / RECORDS_NAME).read_text("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return lines
    for line in text.splitlines():
        try:
            if msgspec.json.decode(line, type=StateRecord).epoch != len(lines):
                break
        except msgspec.DecodeError:
            break
        lines.append(line)
    return lines
