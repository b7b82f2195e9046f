"""What honest and dishonest nodes commit to under `replay`, and what training drawn epochs again shows."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from benchmarks.verification.results import Text, Weights, average, resized, trained, with_noise
from emeth_tui.errors import JobError
from emeth_tui.network.verification.judging import check_own_work, check_replay
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.protocol.job_ids import training_seed
from emeth_tui.protocol.replay import (
    Best,
    Commitment,
    StateRecord,
    commitment_text,
    delivered_epochs,
    drawn_segments,
    kept_epochs,
    read_commitment,
    record_line,
    state_name,
)
from emeth_tui.training import job, reports
from emeth_tui.training.devices import open_device
from emeth_tui.training.files.checkpoint import load_result
from emeth_tui.training.job_control import Control
from emeth_tui.training.replay.again import Again
from emeth_tui.training.replay.keeping import read_lines
from emeth_tui.training.replay.states import (
    BEST,
    FIRST,
    SECOND,
    WEIGHTS,
    Parts,
    digest_of,
    flat,
    read_state,
    weights_of,
    write_state,
)
from emeth_tui.training.run.best_weights import BestSoFar, Verdict
from emeth_tui.training.verification.sketches import own_share, sketch
from emeth_tui.training.verification.yardstick import Yardstick

EPOCHS = 30  # protocol.md §8
ACCEPTED = "accepted"
FAST = 4.0  # times the rate: what one epoch learns the most with
_BETTER = 1e-6  # a share: what a made-up loss is better than the one before
_HASH = "0" * 64
_SECRET = "calibration"  # noqa: S105 - picks the sketched weights of this measurement


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of one result's draw: the rule that it breaks, or that it is accepted."""

    node: str
    language: str
    size_bytes: int
    verdict: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a node commits to, and delivers when asked."""

    weights: Weights  # of the result
    records: Sequence[StateRecord]
    halvings: int
    states: Mapping[int, Path]


class _Job:
    """One job on a text: its training by rule, and its verifier."""

    def __init__(self, text: Text, name: str, place: Path) -> None:
        self.text, self.name = text, name
        self._place = place / name
        self._place.mkdir()
        self._dataset = self._place / reports.DATASET_NAME
        self._dataset.write_bytes(text.content)
        self.yardstick = Yardstick(text.model, text.language, self._dataset, self._place / "cache", self.seed)
        self.start = self.yardstick.start().export_weights()
        self._untrained = self.yardstick.losses_of(self.start).valid

    @property
    def seed(self) -> int:
        return training_seed(self.text.job_id(self.name))

    def honest(self) -> _Claim:
        """Train all epochs by rule."""
        states, result = self._train(EPOCHS, EPOCHS)
        commitment = read_commitment(result.states, EPOCHS)
        paths = {epoch: states / state_name(epoch) for epoch in kept_epochs(EPOCHS)}
        return _Claim(result.state_dict, commitment.records, commitment.halvings, paths)

    def stopped(self, epochs: int) -> _Claim:
        """Train so many epochs of all, and claim that the others changed nothing."""
        states, _ = self._train(EPOCHS, epochs)
        path = states / state_name(epochs)
        parts = read_state(path, self.yardstick.tensor_shapes)
        return self._standing(self._records(states)[: epochs + 1], parts, _kept(states, epochs))

    def freely(self, epochs: int, rate: float = 1.0, batch: int | None = None) -> Weights:
        """Train so many epochs as the node likes, at so many times the rate, and return the result."""
        return trained(
            self.text, self.yardstick, self.name, epochs, rate * self.yardstick.learning_rate, batch
        )

    def standing(self, weights: Weights) -> _Claim:
        """Claim weights from elsewhere as what every epoch has led to."""
        states, _ = self._train(1, 1)
        kept = weights_of(weights, 1 << 40)
        parts = {WEIGHTS: kept, FIRST: _zeros(kept), SECOND: _zeros(kept)}
        return self._standing(self._records(states)[:1], parts, {})

    def taken_over(self, claim: _Claim) -> _Claim:
        """Claim all states of another job on this text as one's own, but for the start."""
        states, _ = self._train(1, 1)
        return _Claim(
            claim.weights, [self._records(states)[0], *claim.records[1:]], claim.halvings, claim.states
        )

    def moved(self, claim: _Claim, noise: Weights) -> _Claim:
        """Claim such states with the same noise added to all of them, so that each leads to the next."""
        digests: dict[str, str] = {}
        states: dict[int, Path] = {}
        for epoch, path in claim.states.items():
            parts = read_state(path, self.yardstick.tensor_shapes)
            for part in {WEIGHTS, BEST} & set(parts):
                before = digest_of(parts[part])
                parts[part] = {name: tensor + noise[name] for name, tensor in parts[part].items()}
                digests[before] = digest_of(parts[part])
            states[epoch] = self._place / f"moved-{epoch}"
            write_state(states[epoch], parts)
        first, *others = self.taken_over(claim).records
        elsewhere = [msgspec.structs.replace(one, weights=digests.get(one.weights, _HASH)) for one in others]
        result = self._fitted(
            {name: tensor + noise[name] for name, tensor in claim.weights.items() if name in noise}
        )
        return _Claim(result, [first, *elsewhere], claim.halvings, states)

    def verdict(self, claim: _Claim, draw: str, earlier: Sequence[Weights], *, other_device: bool) -> str:
        """Return what a verifier makes of a claim; a dishonest one says that it has another device.

        `earlier` are the results on this text that the verifier has accepted.
        """
        if not self.yardstick.losses_of(claim.weights).valid < self._untrained:
            return "LearnedNothing"
        records = [_elsewhere(record) if other_device else record for record in claim.records]
        text = commitment_text([record_line(record) for record in records], claim.halvings)
        try:
            self._check(claim, read_commitment(text, EPOCHS), draw, earlier)
        except JobError as error:
            return type(error.reason).__name__
        return ACCEPTED

    def _check(self, claim: _Claim, commitment: Commitment, draw: str, earlier: Sequence[Weights]) -> None:
        text, cache = self.text, self._place / "again"
        again = Again(text.model, text.language, self._dataset, cache, self.seed, commitment)
        block_hash = random.Random(draw).randbytes(32)
        segments = drawn_segments(block_hash, commitment.root, EPOCHS)
        paths = {epoch: claim.states[epoch] for epoch in delivered_epochs(segments, commitment)}
        again.check_records()
        again.check_result(claim.weights, paths.get(EPOCHS))
        outcomes = [again.train(first, last, paths) for first, last in segments]
        check_replay(outcomes, commitment, again.own_kind())
        known = [sketch(one, _SECRET) for one in earlier] if again.differs_by_job else []
        share = own_share(sketch(claim.weights, _SECRET), sketch(self.start, _SECRET), known)
        check_own_work(share, pretrained=again.pretrained)

    def _standing(self, records: list[StateRecord], parts: Parts, states: Mapping[int, Path]) -> _Claim:
        """Claim that no epoch after those of the records changed anything; a loss looks better each time."""
        trained = len(records) - 1
        path = self._place / f"standing-{trained}-{digest_of(parts[WEIGHTS])[:8]}"
        write_state(path, parts)
        moments = {name: parts[name] for name in (FIRST, SECOND)}
        weights, optimiser = digest_of(parts[WEIGHTS]), digest_of(flat(moments))
        loss = self.yardstick.losses_of(self._fitted(parts[WEIGHTS])).valid
        if records[-1].best is not None:
            loss = min(loss, records[-1].best.loss)
        per_epoch = self._steps_per_epoch()
        for epoch in range(trained + 1, EPOCHS + 1):
            loss *= 1 - _BETTER
            before = records[-1]
            best, went_back = _judged(before.best, epoch, loss)
            records.append(
                msgspec.structs.replace(
                    before,
                    epoch=epoch,
                    weights=weights,
                    optimiser=optimiser,
                    steps=0 if went_back else before.steps + per_epoch,
                    valid_loss=loss,
                    best=best,
                )
            )
        later = {epoch: path for epoch in kept_epochs(EPOCHS) if epoch > trained}
        return _Claim(self._fitted(parts[WEIGHTS]), records, 0, {**states, **later})

    def _fitted(self, weights: Weights) -> Weights:
        return resized({**self.start, **weights}, self.yardstick.tensor_shapes, self.start)

    def _steps_per_epoch(self) -> int:
        states, _ = self._train(1, 1)
        return self._records(states)[1].steps

    def _records(self, states: Path) -> list[StateRecord]:
        return [msgspec.json.decode(line, type=StateRecord) for line in read_lines(states)]

    def _train(self, epochs: int, until: int) -> tuple[Path, Any]:
        """Train by rule, once; return the states' directory and, after all epochs, the result."""
        place = self._place / f"{epochs}-{until}"
        directory = place / "job"
        if not directory.exists():
            directory.mkdir(parents=True)
            (directory / reports.DATASET_NAME).write_bytes(self.text.content)
            self._run(place, epochs, until)
        states = directory / reports.STATES_DIRECTORY
        if until < epochs:
            return states, None
        return states, load_result(directory / RESULT_NAME, self.yardstick.tensor_shapes)

    def _run(self, place: Path, epochs: int, until: int) -> None:
        control = Control()

        def hear(event: reports.Event) -> None:
            if isinstance(event, reports.Trained):
                control.write_result(_HASH)
            elif isinstance(event, reports.EpochDone) and event.epoch == until < epochs:
                control.stop()

        request = reports.TrainRequest(
            job_id=self.text.job_id(self.name),
            language=self.text.language,
            epochs=epochs,
            directory="job",
            model=self.text.model,
            seed=self.seed,
            threads=1,
            replay=True,
        )
        job.run(request, place, open_device("cpu"), hear, control)


def draw_honest(text: Text, place: Path, jobs: int) -> Iterator[Drawn]:
    """Yield what becomes of honest results on a text, of so many jobs."""
    earlier: list[Weights] = []
    for letter in "abcdefgh"[:jobs]:
        job = _Job(text, letter, place)
        claim = job.honest()
        yield _drawn(job, "honest", claim, earlier, other_device=False)
        earlier.append(claim.weights)


def draw(
    text: Text, place: Path, other: Weights | None, nodes: Collection[str] = ()
) -> Iterator[Drawn | Weights]:
    """Yield what becomes of honest results on a text and of dishonest ones, then a result for the next.

    With `nodes`, only of these dishonest ones.
    """
    first, second, third = (_Job(text, letter, place) for letter in "abc")
    one, two = first.honest(), second.honest()
    yield _drawn(first, "honest", one, [], other_device=False)
    yield _drawn(second, "honest", two, [one.weights], other_device=False)
    for node, claim in _dishonest(third, text, one, two, first.start, other).items():
        if not nodes or node in nodes:
            yield _drawn(third, node, claim(), [one.weights, two.weights], other_device=True)
    yield one.weights


def _drawn(of: _Job, node: str, claim: _Claim, earlier: Sequence[Weights], *, other_device: bool) -> Drawn:
    verdict = of.verdict(claim, f"{of.text.number} {of.name} {node}", earlier, other_device=other_device)
    return Drawn(node, of.text.language, len(of.text.content), verdict)


def _dishonest(
    third: _Job, text: Text, one: _Claim, two: _Claim, start_of_one: Weights, other: Weights | None
) -> Mapping[str, Callable[[], _Claim]]:
    claims: dict[str, Callable[[], _Claim]] = {
        "untrained": lambda: third.standing(third.start),
        "one epoch": lambda: third.standing(third.freely(1)),
        "one fast epoch": lambda: third.standing(third.freely(1, rate=FAST, batch=2)),
        "half of the epochs": lambda: third.stopped(EPOCHS // 2),
        "copied": lambda: third.taken_over(one),
        "copied with noise": lambda: third.moved(one, _little(one.weights, start_of_one, text.number)),
        "averaged": lambda: third.standing(average(one.weights, two.weights)),
        "noise added": lambda: third.standing(with_noise(one.weights, start_of_one, text.number)),
    }
    if other is not None:
        fitted = resized(other, third.yardstick.tensor_shapes, third.start)
        claims["another text's"] = lambda: third.standing(fitted)
    return claims


def _little(weights: Weights, start: Weights, seed: int) -> Weights:
    """Return noise a tenth as long, in each tensor, as the way that a training took."""
    noisy = with_noise(weights, start, seed)
    return weights_of({name: (noisy[name] - tensor) / 5 for name, tensor in weights.items()}, 1 << 40)


def _zeros(tensors: Weights) -> Weights:
    return {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}


def _kept(states: Path, epochs: int) -> dict[int, Path]:
    return {epoch: states / state_name(epoch) for epoch in kept_epochs(EPOCHS) if epoch <= epochs}


def _judged(before: Best | None, epoch: int, loss: float) -> tuple[Best | None, bool]:
    if before is None:
        return None, False
    so_far = BestSoFar(**msgspec.structs.asdict(before))
    verdict = so_far.judge(epoch, loss, last=epoch == EPOCHS)
    return Best(**asdict(so_far)), verdict is Verdict.GO_BACK


def _elsewhere(record: StateRecord) -> StateRecord:
    """Claim another device in bf16, whose limits are the widest."""
    kind = msgspec.structs.replace(record.kind, device="another", precision="bfloat16")
    return msgspec.structs.replace(record, kind=kind)
