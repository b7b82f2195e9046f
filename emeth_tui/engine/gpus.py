"""What NVML says of the GPUs that train: load, memory, temperature, power. Read in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pynvml

READ_EVERY_S = 2.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU at a moment. What the driver does not tell is None."""

    device: str  # as the settings name it: `cuda:0`
    load_percent: int | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    temperature_c: int | None
    power_w: float | None


class GpuMeter:
    """Keeps the newest readings of the `cuda:N` among `devices`; without a driver there are none."""

    def __init__(self, devices: Sequence[str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._devices = tuple(dict.fromkeys(name for name in devices if name.startswith("cuda:")))
        self._monotonic = monotonic
        self._readings: tuple[GpuReading, ...] = ()
        self._asked_at = -READ_EVERY_S
        self._reading: asyncio.Future[tuple[GpuReading, ...]] | None = None

    def latest(self) -> tuple[GpuReading, ...]:
        """Give the newest readings, and have new ones made when they are old. Called on the event loop."""
        if self._devices and self._reading is None and self._monotonic() - self._asked_at >= READ_EVERY_S:
            self._asked_at = self._monotonic()
            self._reading = asyncio.get_running_loop().run_in_executor(None, read_gpus, self._devices)
            self._reading.add_done_callback(self._take)
        return self._readings

    def _take(self, reading: asyncio.Future[tuple[GpuReading, ...]]) -> None:
        self._reading = None
        if not reading.cancelled() and reading.exception() is None:
            self._readings = reading.result()


def read_gpus(devices: Sequence[str]) -> tuple[GpuReading, ...]:
    """Ask NVML about `cuda:N` devices; those that it does not know are left out. May take some ms."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        logger.debug("no NVIDIA driver: %s", error)
        return ()
    try:
        return tuple(reading for name in devices if (reading := _read(name)) is not None)
    finally:
        pynvml.nvmlShutdown()


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
        memory_total_bytes=None if memory is None else int(memory.total),
        temperature_c=_ask(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power_w=None if power_mw is None else power_mw / 1000,
    )


def _handle(index: int) -> Any:
    """Find the GPU that a process sees as `cuda:index`: CUDA_VISIBLE_DEVICES renumbers them."""
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
