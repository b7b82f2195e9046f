"""NVML kept open from reading to reading: only so does it say which errors there were in between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pynvml

from emeth_tui.engine.gpus.nvml import ask, handle_of
from emeth_tui.engine.gpus.reading import GpuReading, Slowdown

logger = logging.getLogger(__name__)
_GONE = frozenset({pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED})
_MOST_ERRORS = 32  # of one reading; a card that fails reports one after the other
_HEAT = pynvml.nvmlClocksThrottleReasonHwThermalSlowdown | pynvml.nvmlClocksThrottleReasonSwThermalSlowdown


class GpuSession:
    """Reads GPUs. Its calls may come from any thread, one at a time."""

    def __init__(self) -> None:
        self._open = False
        self._errors: Any = None  # NVML's set of events, None where there is none
        self._heard: set[str] = set()  # UUIDs whose errors come into the set
        self._seen: set[str] = set()

    def read(self, uuids: Mapping[str, str], is_others: Callable[[int], bool]) -> tuple[GpuReading, ...]:
        """Read GPUs, given as device (`cuda:0`) to UUID; those that NVML never knew are left out.

        `is_others` says of a process whether it is another program's. May take some ms.
        """
        if not self._begin():
            return ()
        handles = {device: handle_of(uuid) for device, uuid in uuids.items()}
        self._listen({uuids[device]: handle for device, handle in handles.items() if handle is not None})
        xids = self._new_xids()
        readings = tuple(
            _read(device, handles[device], is_others, tuple(xids.get(uuid, ())))
            for device, uuid in uuids.items()
            if handles[device] is not None or uuid in self._seen
        )
        self._seen |= {uuids[device] for device, handle in handles.items() if handle is not None}
        if any(reading.lost for reading in readings):
            self.close()  # an open session does not find a GPU again
        return readings

    def close(self) -> None:
        """Let go of the driver; the next reading opens it again."""
        if self._open:
            self._open = False
            self._heard.clear()
            if self._errors is not None:
                ask("nvmlEventSetFree", self._errors)
            ask("nvmlShutdown")

    def _begin(self) -> bool:
        if self._open:
            return True
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            logger.debug("no NVIDIA driver: %s", error)
            return False
        self._open = True
        self._errors = ask("nvmlEventSetCreate")
        return True

    def _listen(self, handles: Mapping[str, Any]) -> None:
        if self._errors is None:
            return
        for uuid, handle in handles.items():
            if uuid not in self._heard:
                self._heard.add(uuid)
                ask("nvmlDeviceRegisterEvents", handle, pynvml.nvmlEventTypeXidCriticalError, self._errors)

    def _new_xids(self) -> dict[str, list[int]]:
        """Return the errors since the last reading, by the GPU's UUID."""
        xids: dict[str, list[int]] = {}
        for _turn in range(_MOST_ERRORS if self._errors is not None else 0):
            event = ask("nvmlEventSetWait_v2", self._errors, 0)
            if event is None:
                break
            uuid = ask("nvmlDeviceGetUUID", event.device)
            if event.eventType == pynvml.nvmlEventTypeXidCriticalError and uuid is not None:
                xids.setdefault(uuid, []).append(int(event.eventData))
        return xids


def _read(device: str, handle: Any, is_others: Callable[[int], bool], xids: tuple[int, ...]) -> GpuReading:
    memory, lost = (None, True) if handle is None else _memory(handle)
    if lost:
        return GpuReading(device, None, None, None, None, lost=True, xids=xids)
    load = ask("nvmlDeviceGetUtilizationRates", handle)
    power_mw = ask("nvmlDeviceGetPowerUsage", handle)
    return GpuReading(
        device=device,
        load_percent=None if load is None else int(load.gpu),
        memory_used_bytes=None if memory is None else int(memory.used),
        temperature_c=ask("nvmlDeviceGetTemperature", handle, pynvml.NVML_TEMPERATURE_GPU),
        power_w=None if power_mw is None else power_mw / 1000,
        memory_temperature_c=_memory_temperature(handle),
        margin_c=ask("nvmlDeviceGetMarginTemperature", handle),
        fan_percent=ask("nvmlDeviceGetFanSpeed", handle),
        others_bytes=_others_bytes(handle, is_others),
        energy_mj=ask("nvmlDeviceGetTotalEnergyConsumption", handle),
        slowdown=_slowdown(handle),
        xids=xids,
    )


def _memory(handle: Any) -> tuple[Any, bool]:
    """Return what is known of a GPU's memory, and whether the GPU is gone."""
    try:
        return pynvml.nvmlDeviceGetMemoryInfo(handle), False
    except pynvml.NVMLError as error:
        return None, error.value in _GONE


def _memory_temperature(handle: Any) -> int | None:
    values = ask("nvmlDeviceGetFieldValues", handle, [pynvml.NVML_FI_DEV_MEMORY_TEMP])
    if not values or values[0].nvmlReturn != pynvml.NVML_SUCCESS:
        return None
    return int(values[0].value.uiVal) or None


def _others_bytes(handle: Any, is_others: Callable[[int], bool]) -> int | None:
    """Return how much memory other programs hold, graphics included; None where NVML does not say."""
    calculating = ask("nvmlDeviceGetComputeRunningProcesses", handle)
    drawing = ask("nvmlDeviceGetGraphicsRunningProcesses", handle)
    if calculating is None and drawing is None:
        return None
    by_pid = {one.pid: one.usedGpuMemory for one in [*(calculating or ()), *(drawing or ())]}
    return sum(used or 0 for pid, used in by_pid.items() if is_others(pid))


def _slowdown(handle: Any) -> Slowdown | None:
    bits = ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
    if bits is None:  # a driver or binding from before the name changed
        bits = ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle) or 0
    if bits & _HEAT:
        return Slowdown.HEAT
    if bits & pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown:
        return Slowdown.POWER_BRAKE
    return Slowdown.HARDWARE if bits & pynvml.nvmlClocksThrottleReasonHwSlowdown else None
