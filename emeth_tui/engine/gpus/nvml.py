"""GPUs as NVML reports them. The library takes a while to load: import this only when it is needed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pynvml

from emeth_tui.engine.gpus.reading import GpuReading

logger = logging.getLogger(__name__)


def gpu_count() -> int:
    """Return the number of GPUs; 0 without a driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        logger.info("no NVIDIA driver: %s", error)
        return 0
    try:
        return int(pynvml.nvmlDeviceGetCount())
    finally:
        pynvml.nvmlShutdown()


def gpu_names() -> list[str]:
    """Return the GPUs' names and memory, by index; empty without a driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        logger.info("no NVIDIA driver: %s", error)
        return []
    try:
        return [_name(index) for index in range(int(pynvml.nvmlDeviceGetCount()))]
    finally:
        pynvml.nvmlShutdown()


def read(devices: Sequence[str]) -> tuple[GpuReading, ...]:
    """Read `cuda:N` devices; those unknown to NVML are left out. May take some ms."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        logger.debug("no NVIDIA driver: %s", error)
        return ()
    try:
        return tuple(reading for name in devices if (reading := _read(name)) is not None)
    finally:
        pynvml.nvmlShutdown()


def _name(index: int) -> str:
    handle = _ask(pynvml.nvmlDeviceGetHandleByIndex, index)
    name = _ask(pynvml.nvmlDeviceGetName, handle) or "GPU"
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, handle)
    return f"{name}, {memory.total / 1e9:.0f} GB" if memory is not None else str(name)


def _read(name: str) -> GpuReading | None:
    try:
        handle = _handle(int(name.removeprefix("cuda:")))
    except (pynvml.NVMLError, IndexError):
        return None
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, handle)
    load = _ask(pynvml.nvmlDeviceGetUtilizationRates, handle)
    power_mw = _ask(pynvml.nvmlDeviceGetPowerUsage, handle)
    return GpuReading(
        device=name,
        load_percent=None if load is None else int(load.gpu),
        memory_used_bytes=None if memory is None else int(memory.used),
        temperature_c=_ask(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power_w=None if power_mw is None else power_mw / 1000,
    )


def _handle(index: int) -> Any:
    """Return the GPU that a process sees as `cuda:index`: CUDA_VISIBLE_DEVICES renumbers them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if not visible:
        return pynvml.nvmlDeviceGetHandleByIndex(index)
    chosen = visible.split(",")[index].strip()
    if chosen.isdecimal():
        return pynvml.nvmlDeviceGetHandleByIndex(int(chosen))
    return pynvml.nvmlDeviceGetHandleByUUID(chosen)


def _ask(question: Callable[..., Any], *arguments: Any) -> Any:
    with suppress(pynvml.NVMLError):
        return question(*arguments)
    return None
