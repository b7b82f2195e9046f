"""Compiled layers and head, where a GPU and a long job make them pay; elsewhere the training stays as it is.

A GPT-2's layers are alike, so one of them is compiled and serves all; of the head, what happens to its
logits between its products. The layers keep their parameters and names. A batch that is a little short (an
epoch's last one) is padded; others of another shape (validation) take the plain path, and if compiling fails
for any reason, so do all.
"""

from __future__ import annotations

import itertools
import logging
import time
import warnings
from collections.abc import Callable

import torch

from emeth_tui.training.devices import Device
from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.model.optimiser import loss_scale

# Reckoned, not measured: the time of a compiler without a cache, and how much of a step it saves.
_COMPILER_S = 20.0
_LIKELY_SAVING = 0.25
_FEWEST_STEPS = 50  # less would hardly be worth the trial of the plain path
_WORTH_IT = 1.03  # times as fast; less is within the noise of a trial
_TRIALS = 5
_BACKEND = "inductor"
# torch compiles a function for 8 shapes (recompile_limit) and then no more; the head's rows may come in two.
_MOST_IN_A_PROCESS = 4
_compilations = itertools.count(1)
log = logging.getLogger(__name__)


def compile_where_it_pays(
    model: Gpt2, rows: int, length: int, steps_left: int, device: Device, backend: str = _BACKEND
) -> bool:
    """Compile the layers for batches of `rows` by `length` tokens; return whether training is faster now.

    Leaves weights and random states as they are, and no gradients.
    """
    model.use_compiled(None)
    if not device.is_cuda or steps_left < _FEWEST_STEPS:
        return False
    devices = [device.torch_device] if device.torch_device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's, about itself
        return _compile(model, rows, length, steps_left, device, backend)


def may_pay(plain_s: float, steps_left: int) -> bool:
    """Return whether so many steps of `plain_s` leave enough to save for the compiler's time."""
    return plain_s * steps_left * _LIKELY_SAVING > _COMPILER_S


def _compile(model: Gpt2, rows: int, length: int, steps_left: int, device: Device, backend: str) -> bool:
    started = time.monotonic()
    # Drawn, for equal ones would all add to one row of the embedding's gradient, one after the other.
    ids = device.put(torch.randint(model.shape.vocab_size, (rows, length)))
    try:
        plain_s = _trial_s(model, ids, device)
        if not may_pay(plain_s, steps_left):
            log.info("%d steps of %.1f ms: not worth compiling", steps_left, 1_000 * plain_s)
            return False
        if next(_compilations) % _MOST_IN_A_PROCESS == 0:
            # Takes milliseconds; shapes met again are compiled again, from its disk cache.
            torch.compiler.reset()
        model.use_compiled((rows, length), backend)
        compiled_s = _trial_s(model, ids, device)
    except Exception as error:  # no compiler, no triton, no memory, a new driver, errors of its own making
        reason = " ".join(str(error).splitlines()[:2])
        log.warning("layers stay uncompiled: %s: %s", type(error).__name__, reason, exc_info=True)
        plain_s, compiled_s = 0.0, 1.0
    pays = plain_s > _WORTH_IT * compiled_s
    if not pays:
        model.use_compiled(None)
    log.info(
        "compiling took %.0f s: layers are %s", time.monotonic() - started, "compiled" if pays else "plain"
    )
    return pays


def _trial_s(model: Gpt2, ids: torch.Tensor, device: Device) -> float:
    """Return the seconds of a forward and backward pass, the best of a few; the first also compiles."""
    model.train()
    leaves = [weight.leaf for weight in model.weights()]
    # As a step does: a loss that is scaled is another function to a compiler.
    scale = loss_scale(device.torch_device, device.compute_dtype)

    def forward_backward() -> None:
        with device.autocast():
            loss = model.loss(ids, scale=None if scale is None else scale.value)
        torch.autograd.grad(loss if scale is None else scale.apply(loss), leaves)
        device.wait()

    forward_backward()
    return min(_seconds(forward_backward) for _ in range(_TRIALS))


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
