"""Having a result examined by the child process that may load it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from emeth_tui.model import Language
from emeth_tui.network.verification.torch_process import TorchProcess
from emeth_tui.settings import Network

EXAMINE_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Examination:
    """A result file's own statements, and the losses measured on it."""

    epochs: int
    hash_hex: str
    loss: float
    untrained_loss: float


class Examiner(Protocol):
    """Examines a result file. Raise JobError for what is wrong with it, TorchProcessDied."""

    async def __call__(self, language: str, dataset: Path, result: Path) -> Examination: ...


def examiner(process: TorchProcess, network: Network) -> Examiner:
    """Return an examiner of results of this network's models."""

    async def examine(language: str, dataset: Path, result: Path) -> Examination:
        answer = await process.call(
            "examine",
            {
                "model": network.models[Language(language)],
                "language": language,
                "dataset": str(dataset),
                "result": str(result),
            },
            timeout_s=EXAMINE_LIMIT_S,
        )
        return Examination(answer["epochs"], answer["hash"], answer["loss"], answer["untrained_loss"])

    return examine
