"""The averages of one job on the node's disk: which there are, and what is known of each."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from emeth_tui.files import link_or_copy, write_atomically
from emeth_tui.training.run.best_weights import BestSoFar

# As training.cooperation.average names them: the node loads no torch.
AVERAGES = "averages"


class Facts(msgspec.Struct, frozen=True):
    """What is known of an epoch whose average is made; `valid_loss` from then on that it counts."""

    train_loss: float
    seconds: float
    valid_loss: float | None = None


class Averages:
    """Files by epoch, each with its facts beside it, written last: without them it does not count as made."""

    def __init__(self, job_directory: Path) -> None:
        self._job_directory = job_directory
        self._directory = job_directory / AVERAGES

    def newest(self, epochs: int) -> int:
        """Return the last epoch, of so many, that is averaged; 0 when none is."""
        for epoch in range(epochs, 0, -1):
            if self._path(epoch).is_file() and self.facts(epoch) is not None:
                return epoch
        return 0

    def facts(self, epoch: int) -> Facts | None:
        """Return what is known of an epoch; None when it is not averaged."""
        try:
            return msgspec.json.decode(self._path(epoch).with_suffix(".json").read_bytes(), type=Facts)
        except (OSError, msgspec.MsgspecError):
            return None

    def made(self, epoch: int, facts: Facts, keep: set[int], parts: Sequence[Path] = ()) -> None:
        """Note that an epoch's average is made; delete those of other epochs than it and `keep`.

        With an average go its links in the directories of `parts`. What leads from one average to the next is
        kept of the last two alone.
        """
        self.note(epoch, facts)
        averages = {self._path(kept).stem for kept in {epoch, *keep}}
        last = {self._path(kept).stem for kept in (epoch - 1, epoch)}
        for path in self._directory.iterdir():
            if path.stem not in (averages if path.suffix in {".pt", ".json"} else last):
                for part in parts:
                    _drop_link(path, part / "checkpoints" / _checkpoint_name(path.stem))
                path.unlink(missing_ok=True)

    def size_bytes(self, epoch: int) -> int:
        """Return the size of an average in full."""
        return self._path(epoch).stat().st_size

    def note(self, epoch: int, facts: Facts) -> None:
        """Write down what is known of an epoch. Raise OSError."""
        write_atomically(self._path(epoch).with_suffix(".json"), msgspec.json.encode(facts))

    def begin_anew(self, part_directory: Path, epoch: int) -> None:
        """Leave the average alone of a part's checkpoints. Raise OSError."""
        checkpoints = part_directory / "checkpoints"
        for path in checkpoints.glob("epoch-*-block-*.pt"):
            path.unlink(missing_ok=True)
        if epoch:
            checkpoints.mkdir(parents=True, exist_ok=True)
            link_or_copy(self._path(epoch), checkpoints / _checkpoint_name(self._path(epoch).stem))

    def _path(self, epoch: int) -> Path:
        return self._directory / f"epoch-{epoch:06d}.pt"


def best_of(losses: Mapping[int, float], counted: int, epochs: int) -> BestSoFar:
    """Judge the losses of the epochs that count, 0 included; a lost database may have had more."""
    best = BestSoFar()
    best.start(losses[0])
    for epoch in range(1, counted + 1):
        if epoch in losses:
            best.judge(epoch, losses[epoch], last=epoch == epochs)
    return best


def link_dataset(dataset: Path, directory: Path) -> None:
    """Have a part's directory hold the job's dataset. Raise OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = directory / dataset.name
    if target.exists() and target.samefile(dataset):
        return
    target.unlink(missing_ok=True)
    link_or_copy(dataset, target)


def drop_checkpoints_after(directory: Path, epoch: int) -> None:
    """Delete checkpoints that go on from an average that is lost."""
    for path in (directory / "checkpoints").glob("epoch-*-block-*.pt"):
        with contextlib.suppress(ValueError):
            if int(path.name.split("-")[1]) > epoch:
                path.unlink(missing_ok=True)


def _drop_link(path: Path, link: Path) -> None:
    """Delete a file under its other name, unless that is another file by now."""
    with contextlib.suppress(FileNotFoundError):  # its member deletes there as well
        if link.samefile(path):
            link.unlink()


def _checkpoint_name(average: str) -> str:
    """Name the checkpoint between two epochs as training.files.checkpoint does."""
    return f"{average}-block-{0:09d}.pt"
