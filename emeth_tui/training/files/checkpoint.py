"""What training leaves on the disk: checkpoints to go on from, and the result file that the network wants.

Both are written whole or not at all, and read with `torch.load(weights_only=True)` only. A result file
comes from a stranger where a verifier reads it, so nothing in it is believed before it is checked.
"""

from __future__ import annotations

import logging
import math
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from emeth_tui.errors import JobError
from emeth_tui.files import disk_full_translated, remove_unfinished, write_atomically
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.network.verification import CommitmentInvalid
from emeth_tui.notices.reasons.training import result as why
from emeth_tui.protocol.replay import MAX_COMMITMENT_CHARS
from emeth_tui.training.files.load_errors import LOAD_ERRORS, check_memory

_RESULT_KEYS = {"epoch", "model_state_dict", "loss", "hash"}  # protocol.md §9
_STATES_KEY = "states"  # protocol.md §9b
_HASH_CHARS = 64  # sha256 in hex
_MAX_EPOCHS = 1_000_000  # float32 counts exactly well beyond this
_ENVELOPE_BYTES = 4 << 20  # room for names and the archive's directory beside the tensors' own bytes
_WEIGHT_TYPES = {torch.float32, torch.float16, torch.bfloat16}
_ARCHIVE_MAGIC = b"PK\x03\x04"
CHECKPOINTS_KEPT = 2
_FORMAT = 3
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """A result file's content, checked: `loss` and all tensors are finite, `hash_hex` is 64 hex digits."""

    epochs: int
    state_dict: dict[str, Tensor]
    loss: float
    hash_hex: str
    states: str = ""  # what its node commits to (protocol.md §9b); as it came


def save_result(
    path: Path, epochs: int, state_dict: Mapping[str, Tensor], loss: float, hash_hex: str, states: str = ""
) -> int:
    """Write the result file of protocol.md §9 and return its size in bytes. Raise DiskFull.

    `states` is the commitment of §9b, which other networks' results do not hold.
    """
    content: dict[str, Any] = {
        "epoch": torch.tensor([float(epochs)]),
        "model_state_dict": dict(state_dict),
        "loss": torch.tensor([float(loss)]),
        "hash": hash_hex,
    }
    if states:
        content[_STATES_KEY] = states
    save_archive(path, content)
    return path.stat().st_size


def load_result(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Result:
    """Read a result file that anybody may have made; `shapes` names every tensor that it must hold.

    Raise JobError saying what is wrong with it, and what torch raises where memory is short.
    """
    _check_archive(path, shapes)
    check_memory(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except LOAD_ERRORS as error:
        raise JobError(why.ResultUnloadable(one_line(type(error).__name__))) from error
    if not isinstance(content, dict) or set(content) - {_STATES_KEY} != _RESULT_KEYS:
        raise JobError(why.ResultKeysWrong(", ".join(sorted(_RESULT_KEYS))))
    epochs = _number(content["epoch"], "epoch")
    if not epochs.is_integer() or not 1 <= epochs <= _MAX_EPOCHS:
        raise JobError(why.ResultEpochWrong(epochs))
    return Result(
        epochs=int(epochs),
        state_dict=_checked_weights(content["model_state_dict"], shapes),
        loss=_number(content["loss"], "loss"),
        hash_hex=_checked_hash(content["hash"]),
        states=_checked_states(content.get(_STATES_KEY, "")),
    )


def checkpoint_name(epoch: int, blocks_done: int) -> str:
    """Name the checkpoint of a position: names are in the order of positions."""
    return f"epoch-{epoch:06d}-block-{blocks_done:09d}.pt"


_BETWEEN_EPOCHS = f"block-{0:09d}"


class CheckpointStore:
    """The checkpoints of one job, newest last; each is a dict of tensors and plain values.

    `fingerprint` says what is being trained: a checkpoint of anything else is never gone on from, but for
    what `accepts` says may be given to it.
    """

    def __init__(
        self,
        directory: Path,
        fingerprint: Mapping[str, str | int],
        accepts: Callable[[Mapping[str, Any]], bool] | None = None,
    ) -> None:
        self._directory = directory
        self._fingerprint = dict(fingerprint)
        self._accepts = accepts
        directory.mkdir(parents=True, exist_ok=True)
        remove_unfinished(directory)
        self.drop_old()

    def save(self, epoch: int, blocks_done: int, state: Mapping[str, Any]) -> Path:
        """Write a checkpoint of this position, then drop old ones. Raise DiskFull."""
        path = self._directory / checkpoint_name(epoch, blocks_done)
        save_archive(path, {"format": _FORMAT, "fingerprint": self._fingerprint, **state})
        self.drop_old(path)
        return path

    def add(self, epoch: int, content: Mapping[str, Any]) -> None:
        """Keep what `accepts` says as the checkpoint after `epoch`, unless there is one. Raise DiskFull."""
        path = self._directory / checkpoint_name(epoch, 0)
        if not path.exists():
            save_archive(path, content)

    def load_newest(self, *, own: bool = False) -> dict[str, Any] | None:
        """Return the newest checkpoint that is whole and of this job, else None.

        With `own`, return the newest that was saved here. What is damaged is dropped. Raise what torch raises
        where memory is short.
        """
        for path in reversed(self._paths()):
            check_memory(path)
            try:
                state = _load_archive(path)
            except OSError as error:  # the disk, and perhaps not for long
                log.warning("checkpoint %s cannot be read, and is passed over: %s", path.name, error)
                continue
            except LOAD_ERRORS as error:
                log.warning("checkpoint %s is damaged (%s): dropped", path.name, type(error).__name__)
                path.unlink(missing_ok=True)
                continue
            if isinstance(state, dict) and self._is_ours(state):
                return state
            if isinstance(state, dict) and self._accepts and self._accepts(state):
                if own:
                    continue
                return state
            log.warning("checkpoint %s belongs to another training: dropped", path.name)
            path.unlink(missing_ok=True)
        return None

    def clear(self) -> None:
        """Drop all checkpoints."""
        for path in self._paths():
            path.unlink(missing_ok=True)

    def drop_old(self, newest: Path | None = None) -> None:
        """Keep two that were saved here, `newest` among them, and two that were given.

        After going back, the position of the newest may be before the others'.
        """
        saved: list[Path] = []
        given: list[Path] = []
        for path in sorted(self._paths(), key=lambda path: path == newest):
            (given if self._may_be_given(path) else saved).append(path)
        for old in (*saved[:-CHECKPOINTS_KEPT], *given[:-CHECKPOINTS_KEPT]):
            old.unlink(missing_ok=True)

    def _may_be_given(self, path: Path) -> bool:
        """Whether a checkpoint was not saved here, or cannot be read."""
        if self._accepts is None or not path.stem.endswith(_BETWEEN_EPOCHS):
            return False
        try:
            state = _load_archive(path, mmap=True)
        except LOAD_ERRORS:  # others delete here as well
            return True
        return isinstance(state, dict) and self._accepts(state)

    def _is_ours(self, state: Mapping[str, Any]) -> bool:
        return state.get("format") == _FORMAT and state.get("fingerprint") == self._fingerprint

    def _paths(self) -> list[Path]:
        return sorted(self._directory.glob("epoch-*-block-*.pt"))


def save_archive(path: Path, content: Mapping[str, Any]) -> None:
    """Write a dict of tensors and plain values whole or not at all. Raise DiskFull."""

    def write(file: BinaryIO) -> None:
        try:
            torch.save(content, file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # the archive writer hides the file's own error
                raise error.__context__ from error
            raise

    with disk_full_translated(path):
        write_atomically(path, write)


def _load_archive(path: Path, *, mmap: bool = False) -> Any:
    """Load a checkpoint of ours; with `mmap`, its tensors are read when they are used.

    torch reads another, older form as well, some of it for minutes.
    """
    with path.open("rb") as file:
        if file.read(len(_ARCHIVE_MAGIC)) != _ARCHIVE_MAGIC:
            raise zipfile.BadZipFile("no archive")
    return torch.load(str(path), map_location="cpu", weights_only=True, mmap=mmap)


def _check_archive(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse what costs memory before it can be judged: compressed or overlapping entries, or too much."""
    wanted_bytes = sum(math.prod(shape) for shape in shapes.values()) * torch.float32.itemsize
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise JobError(why.ResultNotTorch()) from error
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise JobError(why.ResultCompressed())
    held_bytes = sum(entry.file_size for entry in entries)
    if held_bytes > path.stat().st_size or held_bytes > wanted_bytes + _ENVELOPE_BYTES:
        raise JobError(why.ResultTooLarge(held_bytes, wanted_bytes))


def _number(value: object, name: str) -> float:
    if type(value) is not Tensor or value.shape != (1,) or value.dtype not in _WEIGHT_TYPES | {torch.float64}:
        raise JobError(why.ResultNotANumber(name))
    number = float(value)
    if not math.isfinite(number):
        raise JobError(why.ResultNotFinite(name, number))
    return number


def _checked_hash(value: object) -> str:
    if not isinstance(value, str) or len(value) != _HASH_CHARS or not set(value) <= set("0123456789abcdef"):
        raise JobError(why.ResultHashWrong())
    return value


def _checked_states(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_COMMITMENT_CHARS:
        raise JobError(CommitmentInvalid())
    return value


def _checked_weights(value: object, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    if not isinstance(value, dict):
        raise JobError(why.ResultWithoutWeights())
    missing, unknown = set(shapes) - set(value), set(value) - set(shapes)
    if missing or unknown:
        raise JobError(why.ResultTensorsDiffer(len(missing), len(unknown)))
    for name, shape in shapes.items():
        tensor = value[name]
        plain = type(tensor) is Tensor and tensor.layout == torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.dtype not in _WEIGHT_TYPES:
            raise JobError(why.ResultTensorNotPlain(name))
        if tuple(tensor.shape) != tuple(shape):
            raise JobError(why.ResultTensorShape(name, str(tuple(tensor.shape)), str(tuple(shape))))
        if not bool(torch.isfinite(tensor).all()):
            raise JobError(why.ResultTensorNotFinite(name))
    return {name: value[name] for name in shapes}
