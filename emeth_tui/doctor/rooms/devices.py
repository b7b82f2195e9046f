"""Devices: driver, capability, memory, who else works on them, and whether they train."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Room, error, note, ok, warning
from emeth_tui.doctor.processes import is_part_of
from emeth_tui.doctor.subject import Subject
from emeth_tui.doctor.torch_build import TorchBuild, torch_build
from emeth_tui.engine.gpus.reading import DriverFacts, GpuFacts, Version
from emeth_tui.engine.gpus.visible import VISIBLE_DEVICES
from emeth_tui.errors import WorkerError
from emeth_tui.notices.reasons.doctor import devices as found
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.doctor.checkup import LeftOut
from emeth_tui.process.threads import in_thread
from emeth_tui.protocol.architectures import parameter_count
from emeth_tui.training.host_memory import available_bytes
from emeth_tui.workers.cores import usable_cores
from emeth_tui.workers.probing import probe

PCI_DEVICES = Path("/sys/bus/pci/devices")
_NVIDIA, _DISPLAY = "0x10de", "0x03"  # vendor, and the class of anything that can draw or calculate
_MATRIX_UNITS: Version = (7, 0)
BYTES_A_PARAMETER = 16  # weight, gradient and two Adam moments, four bytes each
REST_BYTES = 1_000_000_000  # CUDA itself, and what the backward pass keeps of a block
PROBE_S = 3.0  # of training
PROBE_WITHIN_S = 80.0  # all of it: torch takes many seconds to load on a busy machine


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to train on, looked at without touching it."""

    driver: DriverFacts | None
    torch: TorchBuild | None
    has_nvidia: bool  # a card in a slot, whether a driver knows it or not


def look_at_machine(pci_devices: Path = PCI_DEVICES) -> Machine:
    """Ask NVML and the system; takes a second."""
    from emeth_tui.engine.gpus import nvml

    return Machine(nvml.examine(), torch_build(), _has_nvidia(pci_devices))


def _has_nvidia(pci_devices: Path) -> bool:
    def read(path: Path) -> str:
        try:
            return path.read_text("ascii").strip()
        except OSError:
            return ""

    cards = pci_devices.glob("*/vendor")
    return any(read(card) == _NVIDIA and read(card.with_name("class")).startswith(_DISPLAY) for card in cards)


async def _driver(subject: Subject) -> Sequence[Finding]:
    return list(driver_findings(await in_thread(look_at_machine), await subject.devices()))


def driver_findings(machine: Machine, devices: Sequence[str]) -> Iterator[Finding]:
    """Judge driver and torch, and whether the devices that are to train are there at all."""
    driver = machine.driver
    if driver is None:
        silent = machine.has_nvidia or any(device != "cpu" for device in devices)
        yield error(found.DriverSilent(), remedies.InstallDriver()) if silent else note(found.NoGpu())
        return
    yield _driver_fits(driver, machine.torch)
    hidden = len(driver.gpus) - driver.visible
    if hidden > 0:
        value = os.environ.get(VISIBLE_DEVICES, "")
        hides = found.GpusHidden(hidden, len(driver.gpus), VISIBLE_DEVICES, value)
        yield warning(hides, remedies.UnhideGpus(VISIBLE_DEVICES))
    shown = {f"cuda:{index}" for index in range(driver.visible)}
    for device in devices:
        if device != "cpu" and device not in shown:
            yield error(found.GpuAbsent(device, driver.visible), remedies.NameOtherDevices())
    if unused := shown - set(devices):
        yield note(found.GpusUnused(driver.visible, len(unused)), remedies.AddDevices())


def _driver_fits(driver: DriverFacts, torch: TorchBuild | None) -> Finding:
    cuda = _version(driver.cuda)
    if torch is not None and torch.cuda is None and driver.gpus:
        return error(found.TorchWithoutCuda(torch.version), remedies.InstallCudaTorch())
    # Within a major version, an older driver runs what a newer CUDA has made (CUDA's minor compatibility).
    if torch is not None and torch.cuda and driver.cuda and driver.cuda[0] < torch.cuda[0]:
        needed = _version(torch.cuda)
        return error(found.DriverTooOld(driver.version, cuda, needed), remedies.UpdateDriver(needed))
    return ok(found.DriverAnswers(driver.version, cuda))


async def _each_device(subject: Subject) -> Sequence[Finding]:
    machine = await in_thread(look_at_machine)
    devices = dict.fromkeys(await subject.devices())
    model = max(subject.models, key=parameter_count)
    needed_bytes = parameter_count(model) * BYTES_A_PARAMETER + REST_BYTES
    findings: list[Finding] = []
    for device in devices:
        if device == "cpu":
            findings.append(cpu_finding(available_bytes(), needed_bytes, model))
    for gpu in machine.driver.gpus if machine.driver else ():
        if gpu.device in devices:
            findings += gpu_findings(gpu, needed_bytes, model, subject.node_pid)
    return findings


def cpu_finding(free_bytes: int, needed_bytes: int, model: str) -> Finding:
    """Judge this machine's memory."""
    if free_bytes < needed_bytes:
        short = found.CpuShortOfMemory(free_bytes, needed_bytes, model)
        return warning(short, remedies.ChooseSmallerModel())
    return ok(found.CpuUsed(usable_cores(), free_bytes))


def gpu_findings(gpu: GpuFacts, needed_bytes: int, model: str, node_pid: int | None) -> Iterator[Finding]:
    """Judge one GPU that is to train. What our own node holds of it is not missing."""
    capability = _version(gpu.capability)
    free_bytes, total_bytes = gpu.free_bytes or 0, gpu.total_bytes or 0
    yield ok(found.GpuThere(gpu.device, gpu.name, capability, free_bytes, total_bytes))
    if gpu.capability is not None and gpu.capability < _MATRIX_UNITS:
        slow = found.GpuWithoutMatrixUnits(gpu.device, capability)
        yield note(slow, remedies.NameOtherDevices())
    own = [one for one in gpu.processes if is_part_of(one.pid, node_pid)]
    for other in gpu.processes:
        if other not in own:
            shared = found.GpuShared(gpu.device, other.pid, other.used_bytes or 0)
            yield warning(shared, remedies.FreeDevice())
    if not own and gpu.free_bytes is not None and free_bytes < needed_bytes:
        short = found.GpuShortOfMemory(gpu.device, free_bytes, needed_bytes, model)
        yield warning(short, remedies.ChooseSmallerModel())


async def _training(subject: Subject) -> Sequence[Finding]:
    """Train on each device for a moment, unless a node of ours or another program is at work there."""
    devices = list(dict.fromkeys(await subject.devices()))
    if subject.node_pid is not None:
        return [note(found.OwnNodeWorks(device, subject.node_pid)) for device in devices]
    if subject.setup.quick:
        return [note(LeftOut())]
    machine = await in_thread(look_at_machine)
    gpus = machine.driver.gpus if machine.driver else ()
    taken = {gpu.device for gpu in gpus if gpu.processes}
    return await asyncio.gather(*(_trains(device) for device in devices if device not in taken))


async def _trains(device: str) -> Finding:
    try:
        name, probed = await probe(device, PROBE_S, PROBE_WITHIN_S)
    except WorkerError as failed:
        return error(found.ProbeFailed(device, failed.reason), remedies.CheckDevice())
    if not probed.finite:
        return error(found.ProbeDiverged(device, name), remedies.CheckDevice())
    return ok(found.ProbeTrained(device, name, round(probed.tokens_per_s)))


def _version(version: Version | None) -> str:
    return "?" if version is None else f"{version[0]}.{version[1]}"


CHECKS = (
    Check(Room.DEVICES, "driver", _driver),
    Check(Room.DEVICES, "each", _each_device),
    Check(Room.DEVICES, "training", _training, within_s=PROBE_WITHIN_S + 10),
)
