"""Memory, checkpoints and quick steps on a real GPU; passed over where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from emeth_tui.engine.gpus.session import GpuSession
from emeth_tui.training import job
from emeth_tui.training.devices import Device, open_device
from emeth_tui.training.files.checkpoint import CheckpointStore
from emeth_tui.training.host_copy import HostCopy
from emeth_tui.training.job_control import Control
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.quick_steps.trial import find_quickest
from emeth_tui.training.quick_steps.way import Way
from emeth_tui.training.reports import EpochDone, Event, OutOfMemory, Paused, Progress, ResultWritten
from emeth_tui.training.run import metrics
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.microbatch import MicroBatch
from emeth_tui.training.run.probe import train_for_a_moment
from emeth_tui.training.run.saving import Cost, Saver, SavingPace
from emeth_tui.training.run.state import SavingLimits
from emeth_tui.training.run.step import Stepper
from tests.training.jobs import JOBS_DIR, Run, make_request
from tests.training.texts import english

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
LIMIT_BYTES = 600_000_000


@pytest.fixture
def device() -> Device:
    return open_device("cuda:0")


@pytest.fixture
def little_memory(device: Device) -> Iterator[None]:
    """Let this process have so little of the GPU that a large batch does not fit."""
    total = torch.cuda.get_device_properties(device.torch_device).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(LIMIT_BYTES / total, device.torch_device)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0, device.torch_device)


def request_of(directory: Path, **changes: Any) -> Any:
    return make_request(directory, english(400_000), **{"deterministic": False, "epochs": 2, **changes})


def test_nvml_knows_the_gpu_by_the_uuid_that_the_worker_reports(device: Device) -> None:
    session = GpuSession()
    readings = session.read({"cuda:0": device.gpu_uuid}, lambda _pid: True)
    session.close()

    assert [reading.device for reading in readings] == ["cuda:0"]


def test_a_copy_is_that_of_its_moment(device: Device) -> None:
    weight = torch.ones(50_000_000, device=device.torch_device)
    copies = HostCopy(device)

    copy = copies.take({"weight": weight})
    for _ in range(20):
        weight += 1.0  # follows the copy on the same stream
    copied_s = copies.wait_s()

    assert copy["weight"].is_pinned()
    assert bool((copy["weight"] == 1.0).all())
    assert weight.nbytes / 1e12 < copied_s < 5.0, "no bus is that fast"


def test_a_checkpoints_cost_is_the_time_that_it_holds_the_gpu_up(tmp_path: Path, device: Device) -> None:
    weight = torch.ones(50_000_000, device=device.torch_device)
    pace = SavingPace(SavingLimits(cost_share=0.01), Cost(0.0))
    saver = Saver(CheckpointStore(tmp_path, {"job": "a"}), pace, device)
    intervals_s: list[float] = []

    for epoch in (1, 2):  # the second finds its memory pinned: nothing but the copy is left
        saver.start(epoch, 0, {"weight": weight})
        saver.wait()
        intervals_s.append(saver.pace.interval_s)
    saver.close()

    assert intervals_s[0] > intervals_s[1] > 100 * weight.nbytes / 1e12


@pytest.mark.usefixtures("little_memory")
def test_a_batch_that_does_not_fit_is_trained_in_parts_and_the_size_is_kept(
    tmp_path: Path, device: Device
) -> None:
    found = tmp_path / "found"
    request = request_of(tmp_path, batch_size=1024)
    run = Run()

    job.run(request, JOBS_DIR, device, run._hear, run.control, devices_dir=found)

    assert run.of_type(ResultWritten)
    assert not run.of_type(OutOfMemory), "found before the first step"
    assert len(list(found.iterdir())) == 1


@pytest.mark.usefixtures("little_memory")
def test_memory_that_runs_out_in_the_middle_costs_nothing_but_speed(
    tmp_path: Path, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Device, "refuses_memory", False)  # nothing is tried before the first step
    run = Run()

    job.run(request_of(tmp_path, batch_size=1024), JOBS_DIR, device, run._hear, run.control)

    assert run.of_type(OutOfMemory)
    assert [event.epoch for event in run.of_type(EpochDone)] == [1, 2]


def test_a_paused_job_gives_its_memory_back(
    tmp_path: Path, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "REPORT_EVERY_S", 0.0)
    # Each thread's first product takes a workspace of cuBLAS's, which counts as allocated and stays. The
    # backward pass has a thread of its own, so only real steps take them all; this model is far smaller.
    train_for_a_moment(device, 0.0)
    device.free_cache()
    before = torch.cuda.memory_allocated(device.torch_device)
    held: list[int] = []

    class Looking(Control):
        def wait_while_paused(self) -> None:
            held.append(torch.cuda.memory_allocated(device.torch_device))
            self.resume()
            super().wait_while_paused()

    def pause(event: Event, control: Control) -> None:
        if isinstance(event, Progress) and (event.epoch, event.step) == (1, 3):
            held.append(torch.cuda.memory_allocated(device.torch_device))
            control.pause()

    run = Run(pause)
    run.control = Looking()

    job.run(request_of(tmp_path, release_on_pause=True), JOBS_DIR, device, run._hear, run.control)

    training, paused = (each - before for each in held)
    assert run.of_type(Paused)
    assert paused < training / 4
    assert [event.epoch for event in run.of_type(EpochDone)] == [1, 2]


RECORDED, ONE_PASS, BOTH = Way(recorded=(8, 128)), Way(one_pass=True), Way(True, (8, 128))


def stepper_of(device: Device, dropout: float) -> tuple[Gpt2, Stepper]:
    """A model of real widths, which always begins with the same weights, and its stepper."""
    model = Gpt2(Gpt2Shape(layers=3, heads=4, width=256, positions=128, vocab_size=5_000), dropout)
    model.initialise(1)
    model.to(device.torch_device).train()
    return model, Stepper(model, device, MicroBatch(8, device), BatchThreads(), lambda _: None)


def losses_of(stepper: Stepper, device: Device, steps: int = 20) -> list[float]:
    """Learn from drawn ids; return the losses."""
    generator = torch.Generator().manual_seed(2)
    drawn = [device.put(torch.randint(5_000, (8, 128), generator=generator)) for _ in range(4)]
    return [float(stepper.take(drawn[step % 4], 1e-3, (0, step)).loss) for step in range(steps)]


@pytest.mark.parametrize("way", [RECORDED, ONE_PASS, BOTH], ids=str)
def test_quick_steps_are_the_same_training(device: Device, way: Way) -> None:
    (plain, plain_stepper), (quick, quick_stepper) = (stepper_of(device, dropout=0.0) for _ in range(2))
    quick_stepper.use(way)

    losses = losses_of(quick_stepper, device)

    assert quick_stepper.way == way, "see the log for why not"
    assert losses == pytest.approx(losses_of(plain_stepper, device), rel=2e-3)
    start, _ = stepper_of(device, dropout=0.0)
    for name, weight in plain.state_dict().items():
        if not name.endswith("c_attn.bias"):  # a key's gradient is nothing but rounding
            moved = (weight - start.state_dict()[name]).norm()
            assert (quick.state_dict()[name] - weight).norm() < 0.1 * moved, name


@pytest.mark.parametrize("way", [RECORDED, BOTH], ids=str)
def test_a_recorded_step_draws_other_masks_each_time_and_the_plain_ones(device: Device, way: Way) -> None:
    ids = device.put(torch.ones(8, 128, dtype=torch.int64))
    losses: dict[Way, list[float]] = {}
    for each in (Way(), way):
        _, stepper = stepper_of(device, dropout=0.3)
        stepper.use(each)
        with stepper.trying():  # records, and leaves the random state as it was
            stepper.take(ids, 0.0, (0,))
        torch.cuda.manual_seed(5)
        losses[each] = [float(stepper.take(ids, 0.0, (0,)).loss) for _ in range(3)]
        assert stepper.way == each

    assert len(set(losses[way])) == 3
    assert losses[way] == pytest.approx(losses[Way()], rel=1e-3)


def test_a_recorded_step_waits_for_nothing(device: Device) -> None:
    _, stepper = stepper_of(device, dropout=0.1)
    ids = device.put(torch.ones(8, 128, dtype=torch.int64))
    stepper.use(BOTH)
    stepper.take(ids, 1e-3, (0,))
    try:
        torch.cuda.set_sync_debug_mode("error")
        for _ in range(3):
            stepper.take(ids, 1e-3, (0,))
    finally:
        torch.cuda.set_sync_debug_mode("default")

    assert stepper.way == BOTH


@pytest.mark.parametrize("way", [Way(), ONE_PASS], ids=str)
def test_no_step_waits_for_the_gpu(device: Device, way: Way) -> None:
    _, stepper = stepper_of(device, dropout=0.1)
    ids = device.put(torch.ones(8, 128, dtype=torch.int64))
    stepper.use(way)
    stepper.take(ids, 1e-3, (0,))
    try:
        torch.cuda.set_sync_debug_mode("error")
        stepper.take(ids, 1e-3, (0,))
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_pause_frees_what_was_recorded_and_training_goes_on(device: Device) -> None:
    _, stepper = stepper_of(device, dropout=0.0)
    stepper.use(BOTH)
    losses_of(stepper, device, steps=4)
    state = HostCopy(device).take(stepper.state_dict())
    torch.cuda.synchronize()
    held = torch.cuda.memory_reserved(device.torch_device)

    stepper.release()
    device.free_cache()

    assert torch.cuda.memory_reserved(device.torch_device) < held / 2
    stepper.load_state_dict(state)
    assert losses_of(stepper, device, steps=4)
    assert stepper.way == BOTH


def test_what_cannot_be_recorded_leaves_the_plain_way_in_order(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, stepper = stepper_of(device, dropout=0.1)
    loss = model.loss
    stepper.use(BOTH)

    def waits(*arguments: Any, **named: Any) -> torch.Tensor:
        outcome = loss(*arguments, **named)
        outcome.item()
        return outcome

    monkeypatch.setattr(model, "loss", waits)

    assert losses_of(stepper, device, steps=3)

    assert stepper.way == Way()
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    device.free_cache()
    monkeypatch.undo()
    stepper.use(BOTH)
    assert losses_of(stepper, device, steps=3)
    assert stepper.way == BOTH, "another recording succeeds"


def test_the_trial_finds_a_recorded_small_step_faster(device: Device) -> None:
    model, stepper = stepper_of(device, dropout=0.1)

    find_quickest(stepper, model, (8, 128), 8 * 5_000, device)

    assert stepper.way.recorded == (8, 128)
