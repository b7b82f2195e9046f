"""Members in one process, one after the other: the model, text, optimiser and schedule of a job."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.cooperative.ways import Codec, Outer, Tensors, TopK, Way, mean_of
from emeth_tui.training.data.dataset import Blocks, TokenisedDataset, epoch_order, load_tokens, token_ids
from emeth_tui.training.devices import open_device
from emeth_tui.training.files.models import DEVNET_SMALL, JobModel, open_model
from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.model.optimiser import (
    MAX_GRADIENT_NORM,
    make_optimiser,
    scheduled_share,
    set_rate,
)
from emeth_tui.training.run.evaluation import mean_loss


@dataclass(frozen=True, slots=True)
class Setup:
    """The job that all ways train."""

    dataset: Path
    members: int = 3
    epochs: int = 10
    batch_size: int = 4
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one way made of the job, with one seed."""

    way: str
    seed: int
    valid_loss: float
    bytes_up: int  # of one member, over the whole job
    bytes_down: int
    compute_s: float  # CPU seconds of one member


@dataclass(slots=True)
class _Member:
    model: Gpt2
    optimiser: torch.optim.Optimizer
    blocks: Blocks


def train(setup: Setup, way: Way, seed: int, cache: Path) -> Outcome:
    """Train the job once. Raise DatasetError."""
    model = open_model(DEVNET_SMALL)
    parts = [_tokens(setup, model, part, cache) for part in range(1, setup.members + 1)]
    members = [_member(model, tokens, seed) for tokens in parts]
    codecs = [way.make_codec() for _ in members]
    down, outer = way.make_codec(), Outer(way.outer_rate, way.outer_momentum)
    base = _weights(members[0])
    up_bytes = down_bytes = 0
    started = time.process_time()
    for epoch in range(setup.epochs):
        for number, member in enumerate(members):
            _train_epoch(setup, member, model.spec.learning_rate, [seed, number], epoch)
        if not way.every_epoch and epoch + 1 < setup.epochs:
            continue
        sent = [
            codec.send(_minus(_weights(member), base)) for codec, member in zip(codecs, members, strict=True)
        ]
        up_bytes += sent[0][1]
        mean, taken = _sent_back(
            mean_of([difference for difference, _bytes in sent]), down, sent[0][1], setup
        )
        down_bytes += taken
        step = outer.step(mean)  # by each member for itself
        base = [weight + difference for weight, difference in zip(base, step, strict=True)]
        for member in members:
            _set_weights(member, base)
    compute_s = (time.process_time() - started) / setup.members
    loss = mean_loss(members[0].model, parts[0].valid, open_device("cpu"))
    return Outcome(way.name, seed, loss, up_bytes, down_bytes, compute_s)


def _sent_back(mean: Tensors, down: Codec, up_bytes: int, setup: Setup) -> tuple[Tensors, int]:
    """Return what members receive of the mean, and the bytes that it takes."""
    if isinstance(down, TopK):  # the members' few numbers are fewer than those of their mean
        return mean, setup.members * up_bytes
    return down.send(mean)


def _tokens(setup: Setup, model: JobModel, part: int, cache: Path) -> TokenisedDataset:
    source = replace(model.token_source(setup.language), part=part, parts=setup.members)
    return load_tokens(setup.dataset, cache / f"{part}-{setup.members}", source)


def _member(model: JobModel, tokens: TokenisedDataset, seed: int) -> _Member:
    module = model.build(model.shape(tokens.vocab_size))
    model.set_initial_weights(module, seed)
    module.train()
    return _Member(module, make_optimiser(module), tokens.train)


def _train_epoch(setup: Setup, member: _Member, rate: float, seed: list[int], epoch: int) -> None:
    torch.manual_seed(seed[0] * 1_000 + seed[1])
    blocks = len(member.blocks)
    order = epoch_order(seed[0], epoch, blocks)
    for start in range(0, blocks, setup.batch_size):
        chosen = order[start : start + setup.batch_size]
        loss = member.model.loss(torch.from_numpy(token_ids(member.blocks[chosen])))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(member.model.parameters(), MAX_GRADIENT_NORM)
        done = (epoch + (start + len(chosen)) / blocks) / setup.epochs
        set_rate(member.optimiser, rate * scheduled_share(done))
        member.optimiser.step()
        member.optimiser.zero_grad()


def _weights(member: _Member) -> Tensors:
    return [parameter.detach().clone() for parameter in member.model.parameters()]


def _minus(weights: Tensors, base: Tensors) -> Tensors:
    return [a - b for a, b in zip(weights, base, strict=True)]


def _set_weights(member: _Member, weights: Tensors) -> None:
    with torch.no_grad():
        for parameter, weight in zip(member.model.parameters(), weights, strict=True):
            parameter.copy_(weight)
