"""GPUs as NVML reports them. The library takes a while to load: import this only when it is needed.

NVML counts GPUs by their place on the bus, CUDA from the fastest one on unless a variable says otherwise. So
the two are matched by UUID.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pynvml

from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.engine.gpus.visible import DEVICE_ORDER, UNKNOWN, VISIBLE_DEVICES, visible_gpus

logger = logging.getLogger(__name__)


def cuda_gpus() -> list[str]:
    """Describe the GPUs that CUDA shows here: the one of `cuda:0` first. Empty without a driver."""
    with _driver() as found:
        described = _described_gpus() if found else {}
        visible = visible_gpus(os.environ.get(VISIBLE_DEVICES), list(described))
        visible = [uuid for uuid in visible if not uuid.startswith("MIG-") or _handle(uuid) is not None]
    if not _order_is_known():
        return [" / ".join(dict.fromkeys(described.values()))] * len(visible)
    return [described.get(uuid, "GPU") for uuid in visible]


def _order_is_known() -> bool:
    """Whether CUDA's order is known without CUDA; else each device is described as any of the GPUs."""
    by_bus = os.environ.get(DEVICE_ORDER) == "PCI_BUS_ID"
    return by_bus or os.environ.get(VISIBLE_DEVICES, "").startswith(("GPU-", "MIG-"))


def read(uuids: Mapping[str, str]) -> tuple[GpuReading, ...]:
    """Read GPUs, given as device (`cuda:0`) to UUID; those unknown to NVML are left out. May take some ms."""
    with _driver() as found:
        handles = {device: _handle(uuid) for device, uuid in uuids.items()} if found else {}
        return tuple(_read(device, handle) for device, handle in handles.items() if handle is not None)


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
    described: dict[str, str] = {}
    for index in range(_ask("nvmlDeviceGetCount") or 0):
        handle = _ask("nvmlDeviceGetHandleByIndex", index)
        described[_ask("nvmlDeviceGetUUID", handle) or f"{UNKNOWN}{index}"] = _describe(handle)
    return described


def _describe(handle: Any) -> str:
    name = _ask("nvmlDeviceGetName", handle) or "GPU"
    memory = _ask("nvmlDeviceGetMemoryInfo", handle)
    return f"{name}, {memory.total / 1e9:.0f} GB" if memory is not None else str(name)


def _read(device: str, handle: Any) -> GpuReading:
    memory = _ask("nvmlDeviceGetMemoryInfo", handle)
    load = _ask("nvmlDeviceGetUtilizationRates", handle)
    power_mw = _ask("nvmlDeviceGetPowerUsage", handle)
    return GpuReading(
        device=device,
        load_percent=None if load is None else int(load.gpu),
        memory_used_bytes=None if memory is None else int(memory.used),
        temperature_c=_ask("nvmlDeviceGetTemperature", handle, pynvml.NVML_TEMPERATURE_GPU),
        power_w=None if power_mw is None else power_mw / 1000,
    )


def _handle(uuid: str) -> Any:
    return _ask("nvmlDeviceGetHandleByUUID", uuid)


def _ask(question: str, *arguments: Any) -> Any:
    """Ask NVML; None where this GPU, its driver or the binding has no answer."""
    function = getattr(pynvml, question, None)
    try:
        return function(*arguments) if function else None
    except pynvml.NVMLError:
        return None
