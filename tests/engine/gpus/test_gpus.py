"""GPU readings: taken in a thread, not too often, of the card that each worker holds."""

from __future__ import annotations

import threading

import pytest

from emeth_tui.engine.gpus import meter as meter_module
from emeth_tui.engine.gpus.meter import GpuMeter, read_gpus, uuids_by_device
from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.workers.views import WorkerView
from tests.engine.gpus.driver import LARGE, SMALL, Driver, no_driver

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

    def read(uuids: object) -> tuple[GpuReading, ...]:
        threads.append(threading.current_thread())
        assert uuids == {"cuda:0": SMALL}
        return (READING,)

    monkeypatch.setattr(meter_module, "read_gpus", read)
    clock = Clock()
    meter = GpuMeter(lambda: {"cuda:0": SMALL}, clock)
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
    monkeypatch.setattr(meter_module, "read_gpus", lambda _uuids: pytest.fail("asked"))
    assert GpuMeter(dict).latest() == ()


@pytest.mark.parametrize("visible", ["0", "1", "0,1", "1,0", ""])
def test_a_worker_is_shown_the_readings_of_its_own_card(
    monkeypatch: pytest.MonkeyPatch, visible: str
) -> None:
    """Whatever numbers the cards have to CUDA, and in this process: the workers say which ones they hold."""
    driver = Driver(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    readings = read_gpus({"cuda:0": LARGE, "cuda:1": SMALL, "cuda:2": "GPU-of-no-driver"})

    assert readings == (GpuReading("cuda:0", 20, 8, 71, None), GpuReading("cuda:1", 10, 8, 71, None))
    assert driver.open == 0


def test_without_a_driver_there_are_no_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    no_driver(monkeypatch)
    assert read_gpus({"cuda:0": SMALL}) == ()


def test_the_workers_say_which_cards_are_read() -> None:
    views = [
        WorkerView(0, "cuda:1", gpu_uuid=SMALL),
        WorkerView(1, "cuda:0", gpu_uuid=LARGE),
        WorkerView(2, "cuda:2"),  # not up yet
        WorkerView(3, "cpu"),
    ]

    assert uuids_by_device(views) == {"cuda:1": SMALL, "cuda:0": LARGE}
