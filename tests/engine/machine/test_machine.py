"""The machine as Linux's files show it: a tree of such files, that the test writes."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.engine.machine import sensors as sensors_module
from emeth_tui.engine.machine import sysfs
from emeth_tui.engine.machine.machine import Machine
from emeth_tui.engine.machine.sensors import Sample, Sensors
from emeth_tui.workers.views import WorkerView
from tests.engine.gpus.driver import SMALL, Driver


class Tree:
    """A root directory with what a test puts there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: str, content: object) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n")

    def cpu(self, busy: int, idle: int, **processes: int) -> None:
        """Write ticks: of all, and of processes `p100=ticks`."""
        self.put("proc/stat", f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 2 3 4\nintr 1")
        for name, ticks in processes.items():
            fields = ["S", *["1"] * 10, str(ticks - 1), "1", *["0"] * 20]
            self.put(f"proc/{name[1:]}/stat", f"{name[1:]} (a (strange) name) {' '.join(fields)}")

    def battery(self, charge: object, status: str, name: str = "BAT0", **more: object) -> None:
        self.put(f"sys/class/power_supply/{name}/type", more.pop("type", "Battery"))
        for file, content in {"capacity": charge, "status": status, **more}.items():
            self.put(f"sys/class/power_supply/{name}/{file}", content)

    def energy(self, energy_uj: object, zone: str = "intel-rapl:0", name: str = "package-0") -> None:
        for file, content in {"name": name, "energy_uj": energy_uj, "max_energy_range_uj": 1_000}.items():
            self.put(f"sys/class/powercap/{zone}/{file}", content)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_machine_that_says_nothing_is_not_known(tree: Tree) -> None:
    machine = Machine(tree.root)
    machine.look({1})
    look = machine.look({1})

    assert look.energy_uj is None
    reading = look.reading
    assert (reading.others_cpu_percent, reading.free_memory_bytes) == (None, None)
    assert (reading.battery_percent, reading.on_battery) == (None, None)


def test_other_programs_are_all_but_our_own(tree: Tree) -> None:
    machine = Machine(tree.root)
    tree.cpu(1_000, 9_000, p100=500, p200=100)
    assert machine.look({100, 200, 300}).reading.others_cpu_percent is None
    tree.cpu(1_600, 9_400, p100=800, p200=150, p300=999)

    assert machine.look({100, 200, 300}).reading.others_cpu_percent == 25.0  # 600 - 300 - 50 of 1,000


def test_free_memory_is_what_programs_can_have(tree: Tree) -> None:
    tree.put("proc/meminfo", "MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable:   2000 kB\n")
    assert Machine(tree.root).look(()).reading.free_memory_bytes == 2_048_000


@pytest.mark.parametrize(
    ("status", "on_battery"), [("Discharging", True), ("Charging", False), ("Full", False)]
)
def test_a_battery_says_its_charge_and_whether_it_is_used(tree: Tree, status: str, on_battery: bool) -> None:
    tree.battery(61, status)
    tree.battery(100, "Full", name="AC", type="Mains")
    tree.battery(5, "Discharging", name="mouse", scope="Device")

    reading = Machine(tree.root).look(()).reading

    assert (reading.battery_percent, reading.on_battery) == (61, on_battery)


@pytest.mark.parametrize("content", ["", "99999999999999999999999999 x", "-3", "nan", "\x00\xff"])
def test_files_that_make_no_sense_are_not_known(tree: Tree, content: str) -> None:
    tree.battery(content, "Discharging")
    tree.put("proc/stat", f"cpu {content}")
    tree.put("proc/meminfo", f"MemAvailable: {content}")
    tree.energy(content)
    tree.put("proc/100/stat", content)

    machine = Machine(tree.root)
    machine.look({100})
    look = machine.look({100})

    assert (look.reading.battery_percent, look.reading.others_cpu_percent, look.energy_uj) == (
        None,
        None,
        None,
    )


def test_energy_is_shared_out_by_the_time_that_processes_kept_the_processors_busy(tree: Tree) -> None:
    machine = Machine(tree.root)
    tree.cpu(1_000, 9_000, p100=500)
    tree.energy(100)
    tree.energy(10, zone="intel-rapl:1", name="package-1")
    tree.energy(77, zone="intel-rapl:0:0", name="core")  # a part of a package
    assert machine.look({100}).energy_uj is None
    tree.cpu(1_400, 9_600, p100=800)
    tree.energy(400)
    tree.energy(110, zone="intel-rapl:1", name="package-1")

    assert machine.look({100}).energy_uj == {100: 300}  # three quarters of 400


def test_a_counter_of_energy_that_began_again_goes_on(tree: Tree) -> None:
    machine = Machine(tree.root)
    tree.cpu(1_000, 9_000, p100=500)
    tree.energy(900)
    machine.look({100})
    tree.cpu(1_100, 9_000, p100=600)
    tree.energy(50)

    assert machine.look({100}).energy_uj == {100: 150}


def test_a_counter_of_energy_that_a_sleep_put_back_to_nothing_makes_no_energy_up(tree: Tree) -> None:
    machine = Machine(tree.root)
    tree.cpu(1_000, 9_000, p100=500)
    tree.energy(500)
    machine.look({100})
    tree.cpu(1_100, 9_000, p100=600)
    tree.energy(20)

    assert machine.look({100}).energy_uj == {100: 20}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def read_through(sensors: Sensors) -> None:
    """Wait until the reading that was asked for is in."""
    assert sensors._reading is not None
    await sensors._reading


async def test_readings_are_made_beside_the_event_loop_and_each_is_passed_on(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    Driver(monkeypatch, processes={SMALL: [(200, 700), (300, 5)]})
    tree.put("proc/200/stat", "")
    clock, samples = Clock(), list[Sample]()
    views = [WorkerView(0, "cuda:1", gpu_uuid=SMALL, pid=300), WorkerView(1, "cuda:2"), WorkerView(2, "cpu")]
    sensors = Sensors(lambda: views, root=tree.root, monotonic=clock)
    sensors.subscribe(samples.append)
    assert sensors.latest() == Sample()
    await read_through(sensors)

    assert [gpu.device for gpu in sensors.latest().gpus] == ["cuda:1"]
    assert sensors.latest().gpus[0].others_bytes == 700, "neither ours nor one of another table"
    assert sensors._reading is None, "it is new enough"
    clock.now += sensors_module.READ_EVERY_S
    sensors.latest()
    await read_through(sensors)
    assert [sample.at_s for sample in samples] == [100.0, 102.0]


async def test_a_last_reading_is_taken_however_new_the_one_before_is(tree: Tree) -> None:
    clock, samples = Clock(), list[Sample]()
    sensors = Sensors(list, root=tree.root, monotonic=clock)
    sensors.subscribe(samples.append)
    sensors.latest()
    await read_through(sensors)
    clock.now += 0.5

    await sensors.read_once_more(60.0)

    assert [sample.at_s for sample in samples] == [100.0, 100.5]


def test_a_driver_that_hangs_keeps_no_node_from_its_end(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(sysfs, "free_memory_bytes", lambda _root: go_on.wait(60.0))
    before = set(threading.enumerate())

    async def run() -> None:
        await Sensors(list, root=tree.root).read_once_more(0.0)

    asyncio.run(run())

    (reading,) = set(threading.enumerate()) - before
    assert reading.daemon
    go_on.set()
    reading.join()


async def test_a_reading_that_fails_keeps_the_one_before_until_that_is_old(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tree.put("proc/meminfo", "MemAvailable: 2 kB")
    clock = Clock()
    sensors = Sensors(list, root=tree.root, monotonic=clock)
    sensors.latest()
    await read_through(sensors)

    def fails(_root: Path) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(sysfs, "free_memory_bytes", fails)
    for _ in range(2):
        clock.now += sensors_module.READ_EVERY_S
        assert sensors.latest().machine.free_memory_bytes == 2_048
        with pytest.raises(RuntimeError, match="a bug"):
            await read_through(sensors)
    assert caplog.text.count("the devices could not be read") == 1, "once while it stays the same"

    clock.now += sensors_module.STALE_AFTER_S
    assert sensors.latest() == Sample(), "what is old says nothing of now"
    with pytest.raises(RuntimeError, match="a bug"):
        await read_through(sensors)
