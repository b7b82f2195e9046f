"""Devices, by a stand-in for NVML; and a real training of a moment on the CPU."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emeth_tui.doctor.finding import Finding, Grade
from emeth_tui.doctor.processes import is_part_of
from emeth_tui.doctor.rooms import devices
from emeth_tui.doctor.rooms.devices import cpu_finding, driver_findings, gpu_findings, look_at_machine
from emeth_tui.doctor.torch_build import TorchBuild, parse_build, torch_build
from emeth_tui.notices.reasons.doctor import devices as found
from emeth_tui.notices.reasons.doctor import remedies
from tests.doctor.patient import Patient, the
from tests.engine.gpus.driver import CARDS, Driver, no_driver

GB = 10**9
TRAINING = [check for check in devices.CHECKS if check.name == "training"]


def of_driver(*names: str) -> list[Finding]:
    return list(driver_findings(look_at_machine(), names or ("cuda:0", "cuda:1")))


def kinds(findings: list[Finding]) -> list[str]:
    return [finding.notice.kind for finding in findings]


@pytest.fixture
def cuda_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "torch_build", lambda: TorchBuild("2.9.0+cu128", (12, 8)))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("cuda_torch")
def test_two_gpus_whose_driver_is_new_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch)

    (driver,) = of_driver()

    assert driver.notice == found.DriverAnswers("550.54.15", "12.4")
    assert driver.grade is Grade.OK


@pytest.mark.usefixtures("cuda_torch")
def test_a_driver_that_is_too_old_for_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch, cuda=11_040)

    (driver,) = of_driver()

    assert driver.notice == found.DriverTooOld("550.54.15", "11.4", "12.8")
    assert (driver.grade, driver.remedy) == (Grade.ERROR, remedies.UpdateDriver("12.8"))


@pytest.mark.usefixtures("cuda_torch")
def test_a_gpu_that_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")

    _driver, hidden = of_driver("cuda:0")

    assert hidden.notice == found.GpusHidden(1, 2, "CUDA_VISIBLE_DEVICES", "1")
    assert (hidden.grade, hidden.remedy) == (
        Grade.WARNING,
        remedies.UnhideGpus("CUDA_VISIBLE_DEVICES"),
    )


@pytest.mark.usefixtures("cuda_torch")
def test_a_device_of_the_settings_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch)

    absent = of_driver("cuda:0", "cuda:1", "cuda:2")[1]

    assert absent.notice == found.GpuAbsent("cuda:2", 2)
    assert (absent.grade, absent.remedy) == (Grade.ERROR, remedies.NameOtherDevices())


@pytest.mark.usefixtures("cuda_torch")
def test_a_gpu_that_no_worker_uses_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch)

    assert of_driver("cuda:1")[1].notice == found.GpusUnused(2, 1)


def test_a_torch_for_cpus_beside_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "torch_build", lambda: TorchBuild("2.9.0+cpu", None))

    torch = of_driver()[0]

    assert torch.notice == found.TorchWithoutCuda("2.9.0+cpu")
    assert (torch.grade, torch.remedy) == (Grade.ERROR, remedies.InstallCudaTorch())


def test_no_driver_and_no_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_driver(monkeypatch)

    (nothing,) = driver_findings(look_at_machine(tmp_path), ["cpu"])

    assert (nothing.notice, nothing.grade) == (found.NoGpu(), Grade.NOTE)


def test_a_gpu_in_its_slot_without_a_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_driver(monkeypatch)
    slot = tmp_path / "0000:01:00.0"
    slot.mkdir()
    (slot / "vendor").write_text("0x10de\n", "ascii")
    (slot / "class").write_text("0x030000\n", "ascii")

    (silent,) = driver_findings(look_at_machine(tmp_path), ["cpu"])

    assert (silent.notice, silent.grade) == (found.DriverSilent(), Grade.ERROR)
    assert silent.remedy == remedies.InstallDriver()


@pytest.mark.usefixtures("cuda_torch")
def test_a_gpu_that_another_program_works_on(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch, processes={CARDS[0].uuid: [(1, 3 * GB)]})
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    driver = look_at_machine().driver
    assert driver is not None

    there, shared = gpu_findings(driver.gpus[0], GB, "gpt2-medium", node_pid=os.getpid())

    assert there.notice == found.GpuThere("cuda:0", "Small", "8.6", 24 * GB - 8, 24 * GB)
    assert shared.notice == found.GpuShared("cuda:0", 1, 3 * GB)
    assert (shared.grade, shared.remedy) == (Grade.WARNING, remedies.FreeDevice())


@pytest.mark.usefixtures("cuda_torch")
def test_what_our_own_node_holds_of_a_gpu_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch, processes={CARDS[0].uuid: [(os.getpid(), 23 * GB)]})
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    driver = look_at_machine().driver
    assert driver is not None

    findings = list(gpu_findings(driver.gpus[0], 30 * GB, "gpt2-medium", node_pid=os.getppid()))

    assert kinds(findings) == ["gpu_there"]


@pytest.mark.usefixtures("cuda_torch")
def test_a_gpu_with_too_little_memory_for_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    driver = look_at_machine().driver
    assert driver is not None

    findings = list(gpu_findings(driver.gpus[0], 30 * GB, "gpt2-medium", node_pid=None))

    assert findings[-1].notice == found.GpuShortOfMemory("cuda:0", 24 * GB - 8, 30 * GB, "gpt2-medium")
    assert (findings[-1].grade, findings[-1].remedy) == (Grade.WARNING, remedies.ChooseSmallerModel())


def test_a_machine_with_too_little_memory() -> None:
    short = cpu_finding(4 * GB, 6 * GB, "gpt2-medium")

    assert short.notice == found.CpuShortOfMemory(4 * GB, 6 * GB, "gpt2-medium")
    assert (short.grade, short.remedy) == (Grade.WARNING, remedies.ChooseSmallerModel())


def test_whose_a_process_is() -> None:
    assert is_part_of(os.getpid(), os.getpid())
    assert is_part_of(os.getpid(), os.getppid())
    assert not is_part_of(os.getppid(), os.getpid())
    assert not is_part_of(os.getpid(), None)
    assert not is_part_of(2**22 + 1, os.getpid())


@pytest.mark.parametrize(
    ("text", "build"),
    [
        ("__version__ = '2.9.0+cu128'\ncuda: Optional[str] = '12.8'\n", TorchBuild("2.9.0+cu128", (12, 8))),
        ("__version__ = '2.9.0+cpu'\ncuda: Optional[str] = None\n", TorchBuild("2.9.0+cpu", None)),
        ("__version__ = '2.6.0'\ncuda = '11.8'\n", TorchBuild("2.6.0", (11, 8))),
        ("nothing", None),
    ],
)
def test_torch_is_read_from_its_files(text: str, build: TorchBuild | None) -> None:
    assert parse_build(text) == build


def test_the_torch_of_this_environment_says_what_it_is_made_for() -> None:
    build = torch_build()

    assert build is not None
    assert build.version[0].isdigit()


@pytest.mark.usefixtures("forked_workers")
async def test_a_device_trains_for_a_moment_and_leaves_nothing(patient: Patient) -> None:
    patient.settings["workers.devices"] = ["cpu"]
    patient.quick = False
    before = set(patient.directory.rglob("*"))

    results = await patient.seen_by(TRAINING)

    probed = the(results, "probe_trained").finding
    assert probed.grade is Grade.OK
    assert isinstance(probed.notice, found.ProbeTrained)
    assert probed.notice.tokens > 0
    assert set(patient.directory.rglob("*")) - before == {patient.directory / "config.toml"}


@pytest.mark.usefixtures("forked_workers")
async def test_a_device_that_does_not_train_is_an_error(patient: Patient) -> None:
    patient.settings["workers.devices"] = ["cuda:7"]
    patient.quick = False

    results = await patient.seen_by(TRAINING)

    failed = the(results, "probe_failed").finding
    assert (failed.grade, failed.remedy) == (Grade.ERROR, remedies.CheckDevice())


async def test_quick_leaves_the_training_out(patient: Patient) -> None:
    assert the(await patient.seen_by(TRAINING), "left_out").finding.grade is Grade.NOTE
