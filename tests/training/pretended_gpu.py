"""A CPU that pretends to be a GPU, and to record work as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from emeth_tui.training.devices import Device, open_device

Outcome = TypeVar("Outcome")
# What waits for a device, because the host is to know a number.
WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "unique", "_unique2")


class PretendsToBeAGpu(Device):
    """The CPU, treated as a GPU."""

    @property
    def is_cuda(self) -> bool:
        return True

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def wait(self) -> None:
        pass

    def free_cache(self) -> None:
        pass

    def memory_bytes(self) -> int:
        return 1 << 30


def pretended_gpu(compute_dtype: torch.dtype = torch.float32) -> Device:
    cpu = open_device("cpu")
    return PretendsToBeAGpu(cpu.torch_device, cpu.name, compute_dtype)


class HostReadError(Exception):
    """Recorded work waits for the device."""


class _Tape(TorchDispatchMode):
    """Writes down each operation with the very tensors that it works on."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in WAITS:
            raise HostReadError(str(func))
        outcome = func(*args, **(kwargs or {}))
        self.operations.append((func, args, kwargs or {}, outcome))
        return outcome

    def play(self) -> None:
        """Do everything again, in the same places of memory and without a line of the code that did it."""
        with torch.no_grad():
            for func, args, kwargs, before in self.operations:
                for new, old in zip(_tensors(func(*args, **kwargs)), _tensors(before), strict=True):
                    if new is not old and new.data_ptr() != old.data_ptr():
                        old.copy_(new)


def _tensors(outcome: Any) -> list[torch.Tensor]:
    flat, _ = torch.utils._pytree.tree_flatten(outcome)
    return [each for each in flat if isinstance(each, torch.Tensor)]


class TapeRecorder:
    """Stands in for CUDA graphs: repeats operations, and refuses what they would refuse."""

    def __init__(self, device: Device) -> None:
        self.tapes: list[_Tape] = []

    def warm_up(self, work: Callable[[], object]) -> None:
        work()

    def record(self, work: Callable[[], Outcome]) -> tuple[Callable[[], object], Outcome]:
        tape = _Tape()
        with tape:
            outcome = work()
        self.tapes.append(tape)
        return tape.play, outcome
