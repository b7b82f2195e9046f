"""GPUs as NVML reports them. The library takes a while to load: import this only when it is needed.

NVML counts GPUs by their place on the bus, CUDA from the fastest one on unless a variable says otherwise. So
the two are matched by UUID.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pynvml

from emeth_tui.engine.gpus.reading import DriverFacts, GpuFacts, GpuProcess, Version
from emeth_tui.engine.gpus.visible import DEVICE_ORDER, UNKNOWN, VISIBLE_DEVICES, visible_gpus

logger = logging.getLogger(__name__)


def cuda_gpus() -> list[str]:
    """Describe the GPUs that CUDA shows here: the one of `cuda:0` first. Empty without a driver."""
    with _driver() as found:
        described = _described_gpus() if found else {}
        visible = visible_gpus(os.environ.get(VISIBLE_DEVICES), list(described))
        visible = [uuid for uuid in visible if not uuid.startswith("MIG-") or handle_of(uuid) is not None]
    if not _order_is_known():
        return [" / ".join(dict.fromkeys(described.values()))] * len(visible)
    return [described.get(uuid, "GPU") for uuid in visible]


def _order_is_known() -> bool:
    """Whether CUDA's order is known without CUDA; else each device is described as any of the GPUs."""
    by_bus = os.environ.get(DEVICE_ORDER) == "PCI_BUS_ID"
    return by_bus or os.environ.get(VISIBLE_DEVICES, "").startswith(("GPU-", "MIG-"))


def examine() -> DriverFacts | None:
    """Describe the driver and every GPU of this machine; None without a driver. May take a second."""
    with _driver() as found:
        if not found:
            return None
        handles = _handles()
        visible = visible_gpus(os.environ.get(VISIBLE_DEVICES), list(handles))
        ordered = len(handles) == 1 or len({_describe(handle) for handle in handles.values()}) == 1
        places = {uuid: f"cuda:{index}" for index, uuid in enumerate(visible)}
        if not (ordered or _order_is_known()):
            places = {}
        gpus = tuple(_facts(places.get(uuid, ""), handle) for uuid, handle in handles.items())
        return DriverFacts(str(ask("nvmlSystemGetDriverVersion") or "?"), _cuda(), gpus, len(visible))


@contextmanager
def _driver() -> Iterator[bool]:
    """Open NVML while the body runs; yields False without a driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        logger.debug("no NVIDIA driver: %s", error)
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()


def _described_gpus() -> dict[str, str]:
    """Describe all GPUs by UUID, in NVML's order."""
    return {uuid: _describe(handle) for uuid, handle in _handles().items()}


def _handles() -> dict[str, Any]:
    handles: dict[str, Any] = {}
    for index in range(ask("nvmlDeviceGetCount") or 0):
        handle = ask("nvmlDeviceGetHandleByIndex", index)
        handles[ask("nvmlDeviceGetUUID", handle) or f"{UNKNOWN}{index}"] = handle
    return handles


def _cuda() -> Version | None:
    """Return the newest CUDA that the driver serves; NVML writes 12.4 as 12040."""
    number = ask("nvmlSystemGetCudaDriverVersion")
    return None if number is None else (number // 1_000, number % 1_000 // 10)


def _facts(device: str, handle: Any) -> GpuFacts:
    memory = ask("nvmlDeviceGetMemoryInfo", handle)
    capability = ask("nvmlDeviceGetCudaComputeCapability", handle)
    return GpuFacts(
        device=device,
        name=str(ask("nvmlDeviceGetName", handle) or "GPU"),
        capability=None if capability is None else (int(capability[0]), int(capability[1])),
        total_bytes=None if memory is None else int(memory.total),
        free_bytes=None if memory is None else int(memory.total - memory.used),
        processes=tuple(
            GpuProcess(int(one.pid), one.usedGpuMemory)
            for one in ask("nvmlDeviceGetComputeRunningProcesses", handle) or ()
        ),
    )


def _describe(handle: Any) -> str:
    name = ask("nvmlDeviceGetName", handle) or "GPU"
    memory = ask("nvmlDeviceGetMemoryInfo", handle)
    return f"{name}, {memory.total / 1e9:.0f} GB" if memory is not None else str(name)


def handle_of(uuid: str) -> Any:
    """Return NVML's handle of a GPU, None for one that it does not know."""
    return ask("nvmlDeviceGetHandleByUUID", uuid)


def ask(question: str, *arguments: Any) -> Any:
    """Ask NVML; None where this GPU, its driver or the binding has no answer."""
    function = getattr(pynvml, question, None)
    try:
        return function(*arguments) if function else None
    except pynvml.NVMLError:
        return None
