"""GPU readings are asked for in a thread, not too often, and what the driver does not know is left out."""

from __future__ import annotations

import threading

import pynvml
import pytest

from emeth_tui.engine.gpus import meter as meter_module
from emeth_tui.engine.gpus.meter import GpuMeter, read_gpus
from emeth_tui.engine.gpus.reading import GpuReading

READING = GpuReading("cuda:0", 97, 8, 71, 251.0)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def read_through(meter: GpuMeter) -> None:
    """Wait until the reading that was asked for is in."""
    assert meter._reading is not None
    await meter._reading


async def test_readings_are_made_beside_the_event_loop_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def read(devices: object) -> tuple[GpuReading, ...]:
        threads.append(threading.current_thread())
        assert devices == ("cuda:0",)
        return (READING,)

    monkeypatch.setattr(meter_module, "read_gpus", read)
    clock = Clock()
    meter = GpuMeter(lambda: ["cpu", "cuda:0", "cuda:0"], clock)
    assert meter.latest() == ()
    await read_through(meter)
    assert meter.latest() == (READING,)
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
    clock.now += meter_module.READ_EVERY_S
    meter.latest()
    await read_through(meter)
    assert len(threads) == 2


async def test_a_machine_without_gpus_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "read_gpus", lambda _devices: pytest.fail("asked"))
    assert GpuMeter(lambda: ["cpu"]).latest() == ()


class Driver:
    """The part of NVML that we use, with one GPU that does not report its power."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[object] = []
        answers = {
            "nvmlInit": lambda: None,
            "nvmlShutdown": lambda: None,
            "nvmlDeviceGetHandleByIndex": self._handle,
            "nvmlDeviceGetHandleByUUID": self._handle,
            "nvmlDeviceGetMemoryInfo": lambda _handle: pynvml.c_nvmlMemory_t(24, 16, 8),
            "nvmlDeviceGetUtilizationRates": lambda _handle: pynvml.c_nvmlUtilization_t(97, 3),
            "nvmlDeviceGetTemperature": lambda _handle, _sensor: 71,
            "nvmlDeviceGetPowerUsage": self._no_power,
        }
        for name, answer in answers.items():
            monkeypatch.setattr(pynvml, name, answer)

    def _handle(self, which: object) -> object:
        self.asked.append(which)
        if which == 7:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return which

    def _no_power(self, _handle: object) -> int:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def test_what_the_driver_does_not_tell_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert read_gpus(["cuda:0", "cuda:7"]) == (GpuReading("cuda:0", 97, 8, 71, None),)


def test_visible_devices_are_renumbered(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-aa")
    readings = read_gpus(["cuda:0", "cuda:1", "cuda:2"])
    assert [reading.device for reading in readings] == ["cuda:0", "cuda:1"]
    assert driver.asked == [3, "GPU-aa"]


def test_without_a_driver_there_are_no_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    assert read_gpus(["cuda:0"]) == ()
