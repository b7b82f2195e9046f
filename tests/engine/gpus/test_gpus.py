"""GPU readings: of the card that each worker holds, with its errors, and with the programs of others."""

from __future__ import annotations

import pynvml
import pytest

from emeth_tui.engine.gpus.reading import GpuReading, Slowdown
from emeth_tui.engine.gpus.session import GpuSession
from tests.engine.gpus.driver import LARGE, MIG, SMALL, Driver, no_driver

OWN, GAME, TRAINER = 100, 200, 300


def read(session: GpuSession, uuid: str = SMALL) -> GpuReading:
    (reading,) = session.read({"cuda:0": uuid}, lambda pid: pid != OWN)
    return reading


@pytest.mark.parametrize("visible", ["0", "1", "0,1", "1,0", ""])
def test_a_worker_is_shown_the_readings_of_its_own_card(
    monkeypatch: pytest.MonkeyPatch, visible: str
) -> None:
    """Whatever numbers the cards have to CUDA, and in this process: the workers say which ones they hold."""
    driver = Driver(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    session = GpuSession()

    readings = session.read(
        {"cuda:0": LARGE, "cuda:1": SMALL, "cuda:2": "GPU-of-no-driver"}, lambda _pid: True
    )

    assert [(one.device, one.load_percent, one.temperature_c, one.power_w) for one in readings] == [
        ("cuda:0", 20, 71, None),
        ("cuda:1", 10, 71, None),
    ]
    session.close()
    assert driver.open == 0


def test_without_a_driver_there_are_no_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    no_driver(monkeypatch)
    session = GpuSession()
    assert session.read({"cuda:0": SMALL}, lambda _pid: True) == ()
    session.close()


def test_what_a_card_does_not_report_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch)
    reading = read(GpuSession())

    assert reading == GpuReading("cuda:0", 10, 8, 71, None, others_bytes=0)


def test_what_a_card_reports_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(monkeypatch)
    card = driver.sensors[SMALL]
    card.power_mw, card.energy_mj, card.memory_temperature_c = 251_500, 7_000_123, 88
    card.margin_c, card.fan_percent = 9, 62

    reading = read(GpuSession())

    assert (reading.power_w, reading.energy_mj, reading.memory_temperature_c) == (251.5, 7_000_123, 88)
    assert (reading.margin_c, reading.fan_percent) == (9, 62)


@pytest.mark.parametrize(
    ("bits", "slowdown"),
    [
        (pynvml.nvmlClocksThrottleReasonSwThermalSlowdown, Slowdown.HEAT),
        (
            pynvml.nvmlClocksThrottleReasonHwSlowdown | pynvml.nvmlClocksThrottleReasonHwThermalSlowdown,
            Slowdown.HEAT,
        ),
        (pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown, Slowdown.POWER_BRAKE),
        (pynvml.nvmlClocksThrottleReasonHwSlowdown, Slowdown.HARDWARE),
        (pynvml.nvmlClocksThrottleReasonSwPowerCap, None),  # as every GPU at full load
        (pynvml.nvmlClocksThrottleReasonGpuIdle, None),
        (0, None),
    ],
)
def test_a_card_says_why_it_runs_slower(
    monkeypatch: pytest.MonkeyPatch, bits: int, slowdown: Slowdown | None
) -> None:
    driver = Driver(monkeypatch)
    driver.sensors[SMALL].reasons = bits
    assert read(GpuSession()).slowdown is slowdown


def test_memory_of_other_programs_is_counted_once_and_without_our_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = Driver(monkeypatch, processes={SMALL: [(OWN, 5_000), (TRAINER, 700)]})
    driver.sensors[SMALL].drawing = [(GAME, 2_000), (TRAINER, 700)]

    assert read(GpuSession()).others_bytes == 2_700


def test_errors_are_those_since_the_last_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    driver, session = Driver(monkeypatch), GpuSession()
    assert read(session).xids == ()
    driver.sensors[SMALL].xids += [31, 31, 43]

    assert read(session).xids == (31, 31, 43)
    assert read(session).xids == ()


def test_a_card_that_falls_off_the_bus_is_lost_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    driver, session = Driver(monkeypatch), GpuSession()
    read(session)
    driver.sensors[SMALL].lost = True
    driver.sensors[SMALL].xids.append(79)

    reading = read(session)

    assert (reading.lost, reading.xids, reading.temperature_c) == (True, (79,), None)
    assert driver.open == 0, "an open session does not find it again"
    driver.sensors[SMALL].lost = False
    assert not read(session).lost
    assert driver.opened == 2
    driver.sensors[SMALL].xids.append(31)
    assert read(session).xids == (31,), "its errors are heard again"


def test_a_card_that_the_driver_forgets_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch)
    session = GpuSession()
    read(session, MIG)
    monkeypatch.setattr("tests.engine.gpus.driver.CARDS", ())

    assert read(session, MIG).lost
