"""Training drawn epochs again, from the states that a node has committed to, and comparing the outcome."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from emeth_tui.errors import JobError, TrainingError
from emeth_tui.notices.reasons.network import verification as why
from emeth_tui.notices.reasons.training.run import TrainingDiverged
from emeth_tui.protocol.replay import Commitment, Kind, StateRecord
from emeth_tui.training.data.dataset import TokenisedDataset, load_tokens
from emeth_tui.training.devices import open_device, set_deterministic
from emeth_tui.training.files.checkpoint import CheckpointStore
from emeth_tui.training.files.models import open_model
from emeth_tui.training.job_control import Control
from emeth_tui.training.model.gpt2 import EMBEDDING_NAME, Gpt2, tensor_shapes
from emeth_tui.training.model.optimiser import MAX_GRADIENT_NORM, make_optimiser
from emeth_tui.training.replay.course import check_course, result_epoch
from emeth_tui.training.replay.keeping import kind_of
from emeth_tui.training.replay.states import (
    BEST,
    FIRST,
    SECOND,
    WEIGHTS,
    Parts,
    Tensors,
    digest_of,
    flat,
    read_state,
    weights_of,
)
from emeth_tui.training.run.cpu_trial import threads
from emeth_tui.training.run.loop import Trainer
from emeth_tui.training.run.microbatch import MicroBatch
from emeth_tui.training.run.state import Plan, Position, SavingLimits
from emeth_tui.training.verification.measures import Replayed

_NEVER_SAVES = SavingLimits(every_s=math.inf, gap_s=math.inf)
_CLIPPED = 1.01 * MAX_GRADIENT_NORM**2  # with room for rounding
_LEAST_ASTRAY = 0.01  # in ways of the shortest epoch: what orders differ by at least, to tell them apart
_LOSS_TOLERANCE = 0.02  # of a validation loss, between unlike devices


class Again:
    """A job's training, of which a verifier repeats parts. Raise DatasetError for a useless dataset."""

    def __init__(
        self,
        model: str,
        language: str,
        dataset: Path,
        cache: Path,
        seed: int,
        commitment: Commitment,
        device: str = "cpu",
    ) -> None:
        self._job_model = open_model(model)
        self._device = open_device(device)
        self._seed = seed
        self._cache = cache
        self._commitment = commitment
        self._tokens: TokenisedDataset = load_tokens(
            dataset, cache / "tokens", self._job_model.token_source(language)
        )
        self._shape = self._job_model.shape(self._tokens.vocab_size)
        spec = self._job_model.spec
        self._plan = Plan(
            epochs=commitment.epochs,
            batch_size=spec.batch_for(dataset.stat().st_size),
            learning_rate=spec.learning_rate,
            seed=seed,
            saving=_NEVER_SAVES,
            back_to_best=spec.pretrained,
            quick_steps=False,
            by_rule=True,
        )
        self.shapes = tensor_shapes(self._shape)
        set_deterministic(True)

    @property
    def pretrained(self) -> bool:
        """Whether all jobs start from the same weights."""
        return self._plan.back_to_best

    @property
    def differs_by_job(self) -> bool:
        """Whether each job on this text ends elsewhere.

        Otherwise an epoch of a pretrained model is one step on all blocks, whatever their order.
        """
        return not self.pretrained or len(self._tokens.train) > self._plan.batch_size

    def start(self) -> dict[str, Tensor]:
        """Return the weights that the job's training starts from, as a result holds them."""
        return self._start().export_weights()

    def check_records(self) -> None:
        """Check what follows in the records without training. Raise JobError."""
        steps = -(-len(self._tokens.train) // self._plan.batch_size)
        check_course(self._commitment, steps, pretrained=self.pretrained)
        if digest_of(self._weights(self._start())) != self._record(0).weights:
            raise JobError(why.StateNotCommitted(0))

    def check_result(self, weights: Tensors, last: Path | None) -> None:
        """Check that a result holds the weights that the training led to; `last` is the last state.

        Raise JobError.
        """
        claimed = weights_of(weights, self._shape.vocab_size)
        if not self._commitment.halvings:
            is_committed = digest_of(claimed) == self._record(result_epoch(self._commitment)).weights
        else:
            is_committed = last is not None and self._is_halved(claimed, last)
        if not is_committed:
            raise JobError(why.ResultNotCommitted())

    def _is_halved(self, claimed: Tensors, last: Path) -> bool:
        trained = self._delivered(last, self._commitment.epochs)[WEIGHTS]
        start = self._weights(self._start())
        for name, tensor in trained.items():
            for _ in range(self._commitment.halvings):
                tensor.lerp_(start[name], 0.5)
            if not torch.allclose(tensor, claimed[name].float(), rtol=1e-5, atol=1e-7):
                return False
        return True

    def train(self, first: int, last: int, states: Mapping[int, Path]) -> Replayed:
        """Train the epochs after `first` until `last` again. Raise JobError for what was never trained."""
        settled_loss = partial(
            self._settled_loss, exactly=self._commitment.repeats_on(self.own_kind(), first, last)
        )
        began = self._state(first, states)
        ended = self._delivered(states[last], last)
        before = self._weights(self._start()) if began is None else _copy(began[WEIGHTS])
        equal, shortest, moments_off = True, math.inf, 0.0
        for record, parts in self._epochs(first, last, began, self._seed, settled_loss):
            equal = equal and _same(record, self._record(record.epoch))
            shortest = min(shortest, _distance(parts[WEIGHTS], before))
            before = _copy(parts[WEIGHTS])
            if record.epoch == last:
                moments_off = _moments_off(parts, ended)
        other = None if equal else self._led_elsewhere(first, last, states)
        share = _share(_distance(before, ended[WEIGHTS]), shortest)
        return Replayed(
            first, last, equal, share, moments_off, _astray(before, ended[WEIGHTS], other, shortest)
        )

    def _led_elsewhere(self, first: int, last: int, states: Mapping[int, Path]) -> Tensors | None:
        """Return the weights to which another order of the blocks leads; None where it diverges."""
        weights: Tensors | None = None
        began, seed = self._state(first, states), self._foreign_seed()
        try:
            for _record, parts in self._epochs(first, last, began, seed, self._claimed_loss):
                weights = parts[WEIGHTS]
        except JobError:
            return None
        return weights if weights is None else _copy(weights)

    def _epochs(
        self,
        first: int,
        last: int,
        began: Parts | None,
        seed: int,
        settled_loss: Callable[[int, float], float],
    ) -> Iterator[tuple[StateRecord, Parts]]:
        """Train the epochs after `first`, in the order of a seed. Raise JobError where they diverge."""
        model = self._start()
        trainer = self._trainer(model, seed)
        with threads(min(self._record(last).kind.threads, _cores())), contextlib.closing(trainer):
            content = self._content(model, first, began)
            try:
                yield from trainer.train_again(content, last, settled_loss)
            except TrainingError as error:
                if not isinstance(error.reason, TrainingDiverged):
                    raise  # it says nothing about the node's training
                raise JobError(error.reason) from error

    def _state(self, epoch: int, states: Mapping[int, Path]) -> Parts | None:
        return self._delivered(states[epoch], epoch) if epoch else None

    def _foreign_seed(self) -> int:
        """Return the seed of an order that was not known before the states were committed to."""
        digest = hashlib.sha256(self._commitment.root + b"order").digest()
        return int.from_bytes(digest, "big") % 2**31

    def own_kind(self) -> Kind:
        """Describe what this verifier trains on, with the most threads that it does so on."""
        return msgspec.structs.replace(kind_of(self._device), threads=_cores())

    def _settled_loss(self, epoch: int, measured: float, *, exactly: bool) -> float:
        """Return the loss that a node judged an epoch by, if it may be so. Raise JobError."""
        claimed = self._record(epoch).valid_loss
        tolerance = 0.0 if exactly else _LOSS_TOLERANCE
        if claimed is None or abs(claimed - measured) > tolerance * abs(measured):
            raise JobError(why.LossDiffers(epoch, claimed or 0.0, measured))
        return claimed

    def _claimed_loss(self, epoch: int, _measured: float) -> float:
        claimed = self._record(epoch).valid_loss
        return math.inf if claimed is None else claimed

    def _record(self, epoch: int) -> StateRecord:
        return self._commitment.records[epoch]

    def _start(self) -> Gpt2:
        model = self._job_model.build(self._shape, dropout=False)
        self._job_model.set_initial_weights(model, self._seed)
        return model

    def _weights(self, model: Gpt2) -> dict[str, Tensor]:
        return weights_of(dict(model.named_parameters()), self._shape.vocab_size)

    def _trainer(self, model: Gpt2, seed: int) -> Trainer:
        batch = min(self._plan.batch_size, len(self._tokens.train))
        return Trainer(
            model=model,
            tokens=self._tokens,
            plan=replace(self._plan, seed=seed),
            store=CheckpointStore(self._cache / "again", {}),
            device=self._device,
            report=lambda _event: None,
            control=Control(),
            set_initial_weights=lambda fresh: self._job_model.set_initial_weights(fresh, self._seed),
            micro_batch=MicroBatch(batch, self._device),
        )

    def _delivered(self, path: Path, epoch: int) -> Parts:
        """Read a state, and check that it is the one committed to. Raise JobError."""
        parts = read_state(path, self.shapes)
        record = self._record(epoch)
        moments = {part: parts[part] for part in (FIRST, SECOND)}
        if not _can_be_moments(parts):
            raise JobError(why.StateInvalid())
        if (digest_of(parts[WEIGHTS]), digest_of(flat(moments))) != (record.weights, record.optimiser):
            raise JobError(why.StateNotCommitted(epoch))
        if BEST in parts:
            best = record.best.epoch if record.best is not None else 0
            if not best or digest_of(parts[BEST]) != self._record(best).weights:
                raise JobError(why.StateNotCommitted(epoch))
        elif record.best is not None and record.weights != self._record(record.best.epoch or epoch).weights:
            raise JobError(why.StateNotCommitted(epoch))
        return parts

    def _content(self, model: Gpt2, epoch: int, parts: Parts | None) -> dict[str, Any]:
        """Return a state as a checkpoint holds it; without parts, that from which the training starts."""
        record = self._record(epoch)
        loss = math.inf if record.valid_loss is None else record.valid_loss
        weights = dict(model.state_dict()) if parts is None else self._padded(parts[WEIGHTS])
        return {
            **asdict(Position(epoch=epoch, valid_loss=loss)),
            "model": weights,
            "optimiser": self._optimiser(model, parts, record.steps),
            "random": {},
            "best": {} if record.best is None else msgspec.structs.asdict(record.best),
            "best_weights": self._padded(parts[BEST]) if parts is not None and BEST in parts else {},
            "loss_sum": 0.0,
            "loss_tokens": 0.0,
        }

    def _optimiser(self, model: Gpt2, parts: Parts | None, steps: int) -> dict[str, Any]:
        state: dict[str, Any] = make_optimiser(model).state_dict()
        if parts is None:
            return state
        matrices_first = sorted(model.named_parameters(), key=lambda named: named[1].ndim < 2)
        first, second = self._padded(parts[FIRST]), self._padded(parts[SECOND])
        state["state"] = {
            place: {"step": torch.tensor(float(steps)), "exp_avg": first[name], "exp_avg_sq": second[name]}
            for place, (name, _) in enumerate(matrices_first)
        }
        return state

    def _padded(self, tensors: Tensors) -> dict[str, Tensor]:
        padded = dict(tensors)
        rows = self._shape.padded_vocab_size - self._shape.vocab_size
        embedding = padded[EMBEDDING_NAME]
        padded[EMBEDDING_NAME] = torch.cat([embedding, embedding.new_zeros(rows, embedding.shape[1])])
        return padded


def _same(one: StateRecord, other: StateRecord) -> bool:
    return (one.weights, one.optimiser, one.steps) == (other.weights, other.optimiser, other.steps)


def _cores() -> int:
    """Return how many threads this verifier trains on at most, however many a node says."""
    return min(os.cpu_count() or 1, 256)


def _can_be_moments(parts: Parts) -> bool:
    """Whether AdamW's moments can have come of gradients that were clipped.

    Others would hold weights still, or carry them anywhere, whatever the gradients are.
    """
    second = parts[SECOND].values()
    return (
        all(bool((tensor >= 0).all()) for tensor in second)
        and _norm(parts[FIRST].values()) <= _CLIPPED
        and math.fsum(float(tensor.sum(dtype=torch.float64)) for tensor in second) <= _CLIPPED
    )


def _moments_off(trained: Parts, delivered: Parts) -> float:
    """Return how far delivered moments are off, as a share of those that were trained."""
    shares = [_share(_distance(trained[FIRST], delivered[FIRST]), _norm(trained[FIRST].values()))]
    roots = [{name: tensor.sqrt() for name, tensor in each[SECOND].items()} for each in (trained, delivered)]
    shares.append(_share(_distance(*roots), _norm(roots[0].values())))
    return max(shares)


def _share(off: float, whole: float) -> float:
    if not off:
        return 0.0
    return off / whole if whole else math.inf


def _copy(tensors: Tensors) -> dict[str, Tensor]:
    return {name: tensor.to("cpu", copy=True) for name, tensor in tensors.items()}


def _distance(one: Tensors, other: Tensors) -> float:
    """Return the Euclidean distance of two models' weights."""
    squares = [
        (one[name].to("cpu", torch.float64) - other[name].to("cpu", torch.float64)).square().sum()
        for name in other
    ]
    return math.sqrt(float(torch.stack(squares).sum()))


def _astray(trained: Tensors, ended: Tensors, other: Tensors | None, shortest: float) -> float:
    """Return how far weights are off on the way to where another order of the blocks led.

    Another job's are of an order as foreign as that one. 0 where nothing can be said: orders hardly differ.
    """
    if other is None or not _distance(other, trained) > _LEAST_ASTRAY * shortest:
        return 0.0
    along = whole = 0.0
    for name, tensor in trained.items():
        way = other[name].double() - tensor.double()
        along += float(((ended[name].double() - tensor.double()) * way).sum())
        whole += float(way.square().sum())
    return along / whole


def _norm(tensors: Iterable[Tensor]) -> float:
    squares = [tensor.to("cpu", torch.float64).square().sum() for tensor in tensors]
    return math.sqrt(float(torch.stack(squares).sum()))
