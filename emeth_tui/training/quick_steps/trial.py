"""A short trial of how a GPU takes the steps of a training fastest."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import torch
from torch import Tensor

from emeth_tui.training.devices import Device, is_out_of_memory
from emeth_tui.training.model import one_pass
from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.quick_steps.way import Way
from emeth_tui.training.run.compiling import compile_where_it_pays
from emeth_tui.training.run.step import Stepper

# Reckoned, not measured: what it takes to make each, and how much of a step it saves.
_COMPILE_KERNELS_S, _SAVED_BY_ONE_PASS = 5.0, 0.1
_RECORD_S, _SAVED_BY_RECORDING = 1.0, 0.25
_LONGEST_RECORDED_S = 0.25  # a step that takes this long waits for no host
_FEWEST_STEPS = 50  # less would hardly be worth the trial of the plain way
_WORTH_IT = 1.03  # times as fast; less is within the noise of a trial
_TRIALS = 3
_TRIAL_S = 0.1  # of steps that are begun one after the other, as in training
_MOST_STEPS = 20
log = logging.getLogger(__name__)


def find_quickest(
    stepper: Stepper, model: Gpt2, batch: tuple[int, int], blocks_left: int, device: Device
) -> None:
    """Have steps on such batches taken as fast as they can be here.

    Leaves weights, states and random states as they are. Where memory runs out that a step does not handle,
    steps stay plain; where they were, the micro batch is halved. Raise TrainingError when it was one block.
    """
    try:
        _find_quickest(stepper, model, batch, blocks_left, device)
        return
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # Outside of the handler, whose traceback holds on to what took the memory.
    log.warning("out of memory while trying %s: steps stay plain", stepper.way)
    were_plain = stepper.way == Way()
    stepper.use(Way())
    model.use_compiled(None)
    if were_plain:
        stepper.take_less_memory()
    else:
        device.free_cache()


def _find_quickest(
    stepper: Stepper, model: Gpt2, batch: tuple[int, int], blocks_left: int, device: Device
) -> None:
    """See above. What is recorded comes last, for it is what came of the others."""
    rows, (blocks, length) = stepper.micro_batch.size, batch
    ids = drawn_ids(model, batch, device)
    model.train()
    use_one_pass_where_it_pays(stepper, ids, blocks_left // blocks, device)
    compile_where_it_pays(model, rows, length, blocks_left // rows, device)
    record_where_it_pays(stepper, ids, blocks_left // blocks, device)


def drawn_ids(model: Gpt2, batch: tuple[int, int], device: Device) -> Tensor:
    """Draw ids to try with; equal ones would all add to one row of the embedding's gradient, in turns."""
    generator = torch.Generator().manual_seed(0)
    return device.put(torch.randint(model.shape.vocab_size, batch, generator=generator))


def use_one_pass_where_it_pays(stepper: Stepper, ids: Tensor, steps_left: int, device: Device) -> None:
    """Have steps on such `ids` clipped and applied in one pass, if so many are faster for it.

    Leaves weights, states and random states as they are.
    """
    stepper.use(Way())
    scaled = device.compute_dtype == torch.float16
    if not device.is_cuda or scaled or steps_left < _FEWEST_STEPS or not one_pass.is_possible():
        return
    plain_s = step_s(stepper, ids, device)
    if plain_s * steps_left * _SAVED_BY_ONE_PASS > _COMPILE_KERNELS_S:
        _use_if_faster(stepper, Way(one_pass=True), plain_s, ids, device)


def record_where_it_pays(stepper: Stepper, ids: Tensor, steps_left: int, device: Device) -> None:
    """Record the steps on such `ids`, if so many are faster for it; after all that changes how they run.

    Leaves weights, states and random states as they are.
    """
    if not device.is_cuda or steps_left < _FEWEST_STEPS:
        return
    way = stepper.way
    unrecorded_s = step_s(stepper, ids, device)
    may_pay = unrecorded_s * steps_left * _SAVED_BY_RECORDING > _RECORD_S
    if may_pay and unrecorded_s < _LONGEST_RECORDED_S:
        _use_if_faster(stepper, Way(way.one_pass, shape_of(ids)), unrecorded_s, ids, device)


def times_of(ways: Iterable[Way], stepper: Stepper, ids: Tensor, device: Device) -> dict[Way, float]:
    """Return the seconds of a step each way, of those that can be gone here."""
    before, found = stepper.way, dict[Way, float]()
    for way in ways:
        stepper.use(way)
        seconds = step_s(stepper, ids, device)
        if stepper.way == way:
            found[way] = seconds
    stepper.use(before)
    return found


def shape_of(ids: Tensor) -> tuple[int, int]:
    """Return blocks and tokens a block."""
    blocks, tokens = ids.shape
    return blocks, tokens


def step_s(stepper: Stepper, ids: Tensor, device: Device) -> float:
    """Return the seconds of a step on these `ids`, the best of a few trials, without learning from them."""
    with stepper.trying():
        _take(stepper, ids, device, 1)  # makes what the way takes, and loads the kernels
        steps = min(_MOST_STEPS, max(1, int(_TRIAL_S / _take(stepper, ids, device, 1))))
        return min(_take(stepper, ids, device, steps) for _ in range(_TRIALS)) / steps


def _use_if_faster(stepper: Stepper, way: Way, present_s: float, ids: Tensor, device: Device) -> None:
    before, started = stepper.way, time.monotonic()
    stepper.use(way)
    seconds = step_s(stepper, ids, device)
    faster = stepper.way == way and present_s > _WORTH_IT * seconds
    if not faster:
        stepper.use(before)
    log.info(
        "a step took %.2f ms, %s %.2f: it is %s now; finding out took %.1f s",
        1_000 * present_s,
        way,
        1_000 * seconds,
        stepper.way,
        time.monotonic() - started,
    )


def _take(stepper: Stepper, ids: Tensor, device: Device, steps: int) -> float:
    started = time.perf_counter()
    for _ in range(steps):
        stepper.take(ids, 0.0, (0,))
    device.wait()
    return time.perf_counter() - started
