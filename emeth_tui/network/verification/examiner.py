"""Having a result examined by the child process that may load it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from emeth_tui.model import JobId, Language
from emeth_tui.network.verification.judging import Examination
from emeth_tui.network.verification.originals import Originals
from emeth_tui.network.verification.torch_process import TorchProcess
from emeth_tui.settings import Network
from emeth_tui.training.verification.measures import Learning, Losses

EXAMINE_LIMIT_S = 3_600.0  # GPT-2 medium takes two seconds a block on a core, and is measured twice
MEASURE_LIMIT_S = 7_200.0  # a short run takes a tenth of the job's training


@dataclass(frozen=True, slots=True)
class Submission:
    """A job's files, in a directory that the examination may use."""

    job_id: JobId
    language: str
    dataset: Path
    result: Path
    digest: str  # `d` of protocol.md §9

    @property
    def sketch(self) -> Path:
        """Where an examination that compares results leaves this one's sketch."""
        return self.result.with_name("sketch.npy")


class Examiner(Protocol):
    """Examines a result file. Raise JobError for what is wrong with it, TorchProcessDied."""

    async def __call__(self, submission: Submission) -> Examination: ...


def examination_for(
    process: TorchProcess, network: Network, directory: Path
) -> tuple[Examiner, Originals | None]:
    """Return what the network's verification needs, and where it keeps sketches below a directory."""
    if network.verification == "chain":
        return _chain_examiner(process, network), None
    originals = Originals(directory)
    if network.verification == "replay":  # which has sketches made once epochs are trained again
        return _chain_examiner(process, network), originals
    return _learning_examiner(process, network, originals), originals


def _chain_examiner(process: TorchProcess, network: Network) -> Examiner:

    async def examine(submission: Submission) -> Examination:
        answer = await process.call("examine", _files(network, submission), timeout_s=EXAMINE_LIMIT_S)
        return _examination(answer)

    return examine


def _learning_examiner(process: TorchProcess, network: Network, originals: Originals) -> Examiner:

    async def examine(submission: Submission) -> Examination:
        arguments = {
            **_files(network, submission),
            **sketching(originals, submission),
            "job_id": submission.job_id,
        }
        answer = await process.call("measure", arguments, timeout_s=MEASURE_LIMIT_S)
        learning: dict[str, Any] = dict(answer["learning"])
        for name in ("start", "short", "result"):
            learning[name] = Losses(**learning[name])
        return _examination(answer, Learning(**learning))

    return examine


def sketching(originals: Originals, submission: Submission) -> dict[str, Any]:
    """Return what a task needs to compare a result with others on its text, and to sketch it."""
    earlier = originals.earlier(submission.digest, submission.job_id)
    return {
        "earlier": [str(path) for path in earlier],
        "sketch_path": str(submission.sketch),
        "secret": originals.secret,
    }


def _files(network: Network, submission: Submission) -> dict[str, Any]:
    return {
        "model": network.models[Language(submission.language)],
        "language": submission.language,
        "dataset": str(submission.dataset),
        "result": str(submission.result),
    }


def _examination(answer: dict[str, Any], learning: Learning | None = None) -> Examination:
    return Examination(
        epochs=answer["epochs"],
        hash_hex=answer["hash"],
        loss=answer["loss"],
        untrained_loss=answer["untrained_loss"],
        learning=learning,
        states=answer.get("states", ""),
        state_bytes=answer.get("state_bytes", 0),
    )
