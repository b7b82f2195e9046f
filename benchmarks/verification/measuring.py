"""Train honest results, make dishonest ones of them, and measure all as a verifier does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.verification.results import Text, Weights, average, resized, trained, with_noise
from emeth_tui.protocol.job_ids import training_seed
from emeth_tui.training.verification.measures import Learning
from emeth_tui.training.verification.sketches import Sketch, own_share, sketch, start_share
from emeth_tui.training.verification.yardstick import SHORT_EPOCHS, Yardstick

EPOCHS = 30  # protocol.md §8
_SECRET = "calibration"  # noqa: S105 - picks the sketched weights of this measurement
_BATCHES = (None, 4, None, 16)  # of the second honest node; None: what a claim fixes
_FAST = 4.0  # times the rate: what one epoch learns the most with


@dataclass(frozen=True, slots=True)
class Run:
    """One result, and what the verifier measures on it."""

    node: str  # honest, or what it does instead
    language: str
    size_bytes: int
    learning: Learning


class _Job:
    """One job on a text, as its verifier prepares it."""

    def __init__(self, text: Text, name: str, place: Path) -> None:
        dataset = place / "dataset.txt"
        self.text, self.name = text, name
        self.yardstick = Yardstick(
            text.model, text.language, dataset, place / name, training_seed(text.job_id(name))
        )
        self.start = self.yardstick.start().export_weights()
        self.start_losses = self.yardstick.losses_of(self.start)
        self.short_losses = self.yardstick.losses(self.yardstick.short_run(SHORT_EPOCHS))

    def train(self, epochs: int, rate: float | None = None, batch: int | None = None) -> Weights:
        return trained(self.text, self.yardstick, self.name, epochs, rate, batch)

    def measure(self, node: str, weights: Weights, earlier: Sequence[Weights]) -> Run:
        """Measure a result that is submitted for this job, after some others on the same text."""
        start, result = self._sketch(self.start), self._sketch(weights)
        return Run(
            node=node,
            language=self.text.language,
            size_bytes=len(self.text.content),
            learning=Learning(
                pretrained=self.yardstick.pretrained,
                memorises=self.yardstick.memorises,
                start=self.start_losses,
                short=self.short_losses,
                result=self.yardstick.losses_of(weights),
                own_share=own_share(result, start, [self._sketch(one) for one in earlier]),
                start_share=start_share(result, start),
            ),
        )

    def _sketch(self, weights: Weights) -> Sketch:
        return sketch(weights, _SECRET)


def measure_honest(text: Text, jobs: int) -> Iterator[Run]:
    """Yield honest runs on a text, of so many jobs."""
    with tempfile.TemporaryDirectory(prefix="emeth-verification-") as name:
        place = Path(name)
        (place / "dataset.txt").write_bytes(text.content)
        earlier: list[Weights] = []
        for letter in "abcdefgh"[:jobs]:
            job = _Job(text, letter, place)
            result = job.train(EPOCHS)
            yield job.measure("honest", result, earlier)
            earlier.append(result)


def measure(text: Text, other: Weights | None) -> Iterator[Run | Weights]:
    """Yield two honest runs on a text, then the dishonest ones, and last a result for the next text."""
    with tempfile.TemporaryDirectory(prefix="emeth-verification-") as name:
        place = Path(name)
        (place / "dataset.txt").write_bytes(text.content)
        first, second, third = (_Job(text, letter, place) for letter in "abc")
        one = first.train(EPOCHS)
        yield first.measure("honest", one, [])
        two = second.train(EPOCHS, batch=_BATCHES[text.number % len(_BATCHES)])
        yield second.measure("honest", two, [one])
        for node, weights in _dishonest(third, text, one, two, first.start, other):
            yield third.measure(node, weights, [one, two])
        yield one


def _dishonest(
    job: _Job, text: Text, one: Weights, two: Weights, start_of_one: Weights, other: Weights | None
) -> Iterator[tuple[str, Weights]]:
    yield "untrained", job.start
    yield "one epoch", job.train(1)
    yield "one fast epoch", job.train(1, rate=_FAST * job.yardstick.learning_rate, batch=2)
    if text.number % 5 == 0:
        yield "half of the epochs", job.train(EPOCHS // 2)
    if other is not None:
        yield "another text's", resized(other, job.yardstick.tensor_shapes, job.start)
    yield "copied", one
    yield "averaged", average(one, two)
    yield "noise added", with_noise(one, start_of_one, text.number)
