"""A device as training sees it: where tensors live and in which precision it calculates."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from emeth_tui.errors import TrainingError
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.training.run import DeviceUnusable, TorchForCpus, UnknownDevice
from emeth_tui.training.host_memory import available_bytes
from emeth_tui.training.run import allocator

# What says so without being an OutOfMemoryError: the host, libraries on the GPU, the driver itself.
_NO_MEMORY = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDA error: out of memory")
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Device:
    """One device, ready to use. `compute_dtype` is what matrix products are calculated in."""

    torch_device: torch.device
    name: str
    compute_dtype: torch.dtype
    gpu_uuid: str = ""  # as NVML writes it

    @property
    def is_cuda(self) -> bool:
        return self.torch_device.type == "cuda"

    @property
    def refuses_memory(self) -> bool:
        """True where too large an allocation fails; the host's memory kills instead."""
        return self.is_cuda

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Return the context in which a forward pass runs in the device's precision."""
        if self.compute_dtype == torch.float32:
            return contextlib.nullcontext()
        # Each weight is cast once a pass anyway, and the cache would be one for all threads.
        return torch.autocast(self.torch_device.type, dtype=self.compute_dtype, cache_enabled=False)

    def put(self, tensor: Tensor) -> Tensor:
        """Copy a tensor to the device, without waiting for the copy."""
        if not self.is_cuda:
            return tensor
        return tensor.pin_memory().to(self.torch_device, non_blocking=True)

    def make_current(self) -> None:
        """Have this thread's work go to the device; on a thread of its own it would go to the first GPU."""
        if self.is_cuda:
            torch.cuda.set_device(self.torch_device)

    def wait(self) -> None:
        """Wait until the device has done all that it was given."""
        if self.is_cuda:
            torch.cuda.synchronize(self.torch_device)

    def memory_bytes(self) -> int:
        """Return the bytes that a job may hold here, including what it already holds on a GPU."""
        if not self.is_cuda:
            return available_bytes()
        free_bytes, _total = torch.cuda.mem_get_info(self.torch_device)
        return int(free_bytes) + torch.cuda.memory_reserved(self.torch_device)

    def keep_freed(self) -> None:
        """Keep one step's memory for the next, until `free_cache`; on a GPU torch does so itself."""
        if not self.is_cuda:
            allocator.keep_freed()

    def free_cache(self) -> None:
        """Return memory that no tensor uses to the device."""
        gc.collect()
        if self.is_cuda:
            torch.cuda.empty_cache()
            if hasattr(torch.accelerator, "empty_host_cache"):  # torch 2.6 has not
                torch.accelerator.empty_host_cache()  # pinned: `put` takes it, and nobody else can use it
        else:
            allocator.give_back()

    def start_peak(self) -> None:
        """Begin to measure the peak of memory."""
        if self.is_cuda:
            torch.cuda.reset_peak_memory_stats(self.torch_device)

    def peak_bytes(self) -> int:
        """Return the most memory that tensors held since `start_peak`; known of GPUs only, else 1."""
        return torch.cuda.max_memory_allocated(self.torch_device) if self.is_cuda else 1


def open_device(name: str) -> Device:
    """Bind to `cpu` or `cuda:N`. Raise TrainingError when this machine has no such device."""
    if name == "cpu":
        return Device(torch.device("cpu"), _cpu_name(), torch.float32)
    try:
        device = torch.device(name)
        if device.type != "cuda":
            raise TrainingError(UnknownDevice(name))
        if torch.version.cuda is None:
            raise TrainingError(TorchForCpus(name))
        torch.cuda.set_device(device)
        generation, _ = torch.cuda.get_device_capability(device)
        name, uuid = torch.cuda.get_device_name(device), _gpu_uuid(device)
        return Device(device, name, _fastest_on_gpu(generation), uuid)
    except (RuntimeError, AssertionError, ValueError) as error:  # a missing device or driver
        reason = one_line(str(error).splitlines()[0])
        raise TrainingError(DeviceUnusable(name, reason)) from error


def _gpu_uuid(device: torch.device) -> str:
    """Return a GPU's UUID as NVML writes it. A part of one (MIG) has a UUID of its own."""
    properties = torch.cuda.get_device_properties(device)
    kind = "MIG" if " MIG " in properties.name else "GPU"
    return f"{kind}-{properties.uuid}"


def _fastest_on_gpu(generation: int) -> torch.dtype:
    """Return the precision for a compute capability: bf16 from 8 on, fp16 for 7, which has matrix units."""
    if generation >= 8:
        return torch.bfloat16
    return torch.float16 if generation == 7 else torch.float32


def calculated_in(kind: str) -> torch.dtype:
    """Return the precision of matrix products on this kind of device: autocast's where it is on."""
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.float32


def preload(device: Device) -> None:
    """Load torch's compiler where steps may be compiled, a second's worth, so that no job waits for it."""
    if device.is_cuda:
        importlib.import_module("torch._dynamo")


def set_threads(threads: int) -> None:
    """Set how many CPU threads an operation of this process may use."""
    torch.set_num_threads(threads)


def set_deterministic(deterministic: bool) -> None:
    """Refuse operations whose result depends on timing, or allow them again."""
    if deterministic:
        os.environ.setdefault(
            "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
        )  # torch asks for it; read once, on first use
    if torch.cuda.is_available():
        torch.use_deterministic_algorithms(deterministic)
    else:  # the same for all but compiled code; the other loads torch's compiler
        torch.set_deterministic_debug_mode("error" if deterministic else "default")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether torch ran out of memory, on a GPU or on the host."""
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in _NO_MEMORY)


def _cpu_name() -> str:
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
