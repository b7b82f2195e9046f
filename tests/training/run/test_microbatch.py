"""Micro batches: what fits is found and kept, and memory that runs out costs a job nothing but speed."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from emeth_tui.errors import TrainingError
from emeth_tui.training import job
from emeth_tui.training.devices import Device, is_out_of_memory
from emeth_tui.training.files import models
from emeth_tui.training.host_memory import available_bytes
from emeth_tui.training.job_control import Control
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.model.optimiser import AdamW
from emeth_tui.training.quick_steps import trial
from emeth_tui.training.reports import EpochDone, OutOfMemory, ResultWritten, Stopped, WentBack
from emeth_tui.training.run import state
from emeth_tui.training.run.microbatch import FoundBefore, MicroBatch, block_bytes
from tests.training.jobs import JOBS_DIR, Observed, Run, assert_same_weights, make_request, result_weights
from tests.training.texts import english

GB = 1_000_000_000


class Gpu(Device):
    """A device on the CPU that refuses memory like a GPU; `free_bytes` is what it has."""

    free_bytes = 10 * GB

    @property
    def refuses_memory(self) -> bool:
        return True

    def memory_bytes(self) -> int:
        return self.free_bytes

    def free_cache(self) -> None:
        pass


class Trials:
    """Pretends to train so many blocks: 2 GB for the model, 1 GB for each block."""

    def __init__(self, device: Gpu) -> None:
        self.sizes: list[int] = []
        self._device = device

    def __call__(self, blocks: int) -> int:
        self.sizes.append(blocks)
        needed = (2 + blocks) * GB
        if needed > self._device.free_bytes:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return needed


@pytest.fixture
def gpu() -> Gpu:
    return Gpu(torch.device("cpu"), "pretended GPU", torch.float32)


def before(directory: Path, gpu: Gpu, model: str = "gpt2-medium") -> FoundBefore:
    return FoundBefore(directory, gpu, model, 128)


def found(effective: int, directory: Path, gpu: Gpu, estimate: int = 1) -> tuple[int, list[int]]:
    """The micro batch found for an effective batch, and the sizes tried for it."""
    micro, trials = MicroBatch(effective, gpu, before(directory, gpu)), Trials(gpu)
    micro.find(trials, estimate)
    return micro.size, trials.sizes


@pytest.mark.parametrize(("effective", "size", "tried"), [(1, 1, [1]), (3, 3, [1, 2, 3]), (64, 4, [1, 2, 4])])
def test_the_largest_size_that_fits_is_found_by_doubling(
    tmp_path: Path, gpu: Gpu, effective: int, size: int, tried: list[int]
) -> None:
    # 8 blocks need all of the 10 GB: foreseen, and not tried.
    assert found(effective, tmp_path, gpu) == (size, tried)


@pytest.mark.parametrize(
    ("effective", "estimate", "size", "tried"),
    [
        (4, 100, 4, [4]),
        (64, 4, 4, [4, 8]),  # one peak foresees nothing
        (64, 3, 6, [3, 6]),  # 12 need more than there is: foreseen
        (64, 40, 5, [40, 20, 10, 5]),
        (7, 7, 7, [7]),  # just fits
        (64, 0, 4, [1, 2, 4]),
        (64, -3, 4, [1, 2, 4]),
    ],
)
def test_the_search_begins_with_the_estimate(
    tmp_path: Path, gpu: Gpu, effective: int, estimate: int, size: int, tried: list[int]
) -> None:
    assert found(effective, tmp_path, gpu, estimate) == (size, tried)
    assert found(effective, tmp_path, gpu, estimate) == (size, [])


def test_what_was_found_is_kept_for_the_device_and_model(tmp_path: Path, gpu: Gpu) -> None:
    found(64, tmp_path, gpu)

    assert found(64, tmp_path, gpu) == (4, [])
    assert found(2, tmp_path, gpu) == (2, [])
    other = MicroBatch(64, gpu, before(tmp_path, gpu, "another-model"))
    trials = Trials(gpu)
    other.find(trials, 1)
    assert trials.sizes == [1, 2, 4]


def test_a_larger_effective_batch_is_tried_from_where_the_last_one_ended(tmp_path: Path, gpu: Gpu) -> None:
    found(2, tmp_path, gpu)

    assert found(64, tmp_path, gpu) == (4, [4, 8])  # one peak foresees nothing


def test_more_memory_is_worth_another_trial(tmp_path: Path, gpu: Gpu) -> None:
    found(64, tmp_path, gpu)
    Gpu.free_bytes, had = 100 * GB, Gpu.free_bytes
    try:
        assert found(64, tmp_path, gpu) == (64, [1, 2, 4, 8, 16, 32, 64])
    finally:
        Gpu.free_bytes = had


def test_a_size_that_is_refused_in_the_trial_is_not_taken(tmp_path: Path, gpu: Gpu) -> None:
    Gpu.free_bytes, had = 3 * GB + 1, Gpu.free_bytes
    try:
        assert found(16, tmp_path, gpu) == (1, [1, 2])
    finally:
        Gpu.free_bytes = had


def test_a_halved_size_is_kept_too(tmp_path: Path, gpu: Gpu) -> None:
    micro = MicroBatch(64, gpu, before(tmp_path, gpu))
    micro.find(Trials(gpu), 1)

    micro.halve()

    assert found(64, tmp_path, gpu) == (2, [])


def test_damaged_files_are_tried_anew(tmp_path: Path, gpu: Gpu) -> None:
    found(64, tmp_path, gpu)
    (path,) = tmp_path.iterdir()
    path.write_text('{"fits": ')

    assert found(64, tmp_path, gpu) == (4, [1, 2, 4])


def test_a_device_without_room_for_one_block_fails_the_job(tmp_path: Path, gpu: Gpu) -> None:
    Gpu.free_bytes, had = 2 * GB, Gpu.free_bytes
    try:
        with pytest.raises(TrainingError, match="pretended GPU ran out of memory with a single block"):
            found(16, tmp_path, gpu)
    finally:
        Gpu.free_bytes = had
    assert not list(tmp_path.iterdir()), "another process may have held the memory: nothing is kept"


def test_other_errors_of_a_trial_come_out(tmp_path: Path, gpu: Gpu) -> None:
    def fail(blocks: int) -> int:
        raise RuntimeError("a kernel is missing")

    with pytest.raises(RuntimeError, match="a kernel is missing"):
        MicroBatch(4, gpu, before(tmp_path, gpu)).find(fail, 1)


def test_on_the_host_the_size_is_reckoned(gpu: Gpu) -> None:
    micro = MicroBatch(16, gpu)

    micro.bound_on_host(block_bytes=GB, reserved_bytes=2 * GB)
    assert micro.size == 3  # half of 10 GB, less 2

    micro.bound_on_host(block_bytes=GB, reserved_bytes=20 * GB)
    assert micro.size == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_every_way_to_run_out_of_memory_is_known(error: RuntimeError, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_a_real_allocation_that_fails_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)

    assert is_out_of_memory(caught.value)


def test_a_devnet_step_is_bounded_by_no_machine() -> None:
    shape = Gpt2Shape(layers=2, heads=3, width=96, positions=128, vocab_size=1024)

    assert 8 * block_bytes(shape, 128) < available_bytes() / 10


@pytest.fixture
def without_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout masks depend on how a batch is divided; without them the same step must come out."""
    spec = models.model_spec(models.DEVNET_SMALL)
    plain = dataclasses.replace(spec, dropout=0.0, attention_dropout=0.0)
    monkeypatch.setattr(models, "_DEVNET_SMALL", plain)


def assert_close_weights(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name], rtol=0, atol=2e-5, msg=name)


def trained(directory: Path, **changes: Any) -> dict[str, torch.Tensor]:
    request = make_request(directory, english(6144), **{"batch_size": 5, "epochs": 2, **changes})
    Run().go(request)
    return result_weights(request)


@pytest.mark.usefixtures("without_dropout")
@pytest.mark.parametrize("blocks_that_fit", [1, 2, 4])
def test_micro_batches_add_up_to_the_same_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks_that_fit: int
) -> None:
    whole = trained(tmp_path / "whole")
    sizes = limit_blocks(monkeypatch, math.inf)
    monkeypatch.setattr(
        MicroBatch, "bound_on_host", lambda self, *sizes: setattr(self, "size", blocks_that_fit)
    )

    in_parts = trained(tmp_path / "parts")

    assert max(sizes) == blocks_that_fit
    assert_close_weights(in_parts, whole)


def limit_blocks(monkeypatch: pytest.MonkeyPatch, most: float, training: bool = True) -> list[int]:
    """Have memory run out for more blocks than these; returns the sizes that went through."""
    loss, sizes = Gpt2.loss, list[int]()

    def limited_loss(self: Gpt2, token_ids: torch.Tensor, *more: Any, **named: Any) -> torch.Tensor:
        if self.training is training:
            if len(token_ids) > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
            sizes.append(len(token_ids))
        return loss(self, token_ids, *more, **named)

    monkeypatch.setattr(Gpt2, "loss", limited_loss)
    return sizes


@pytest.mark.slow
@pytest.mark.usefixtures("without_dropout")
def test_memory_that_runs_out_in_a_step_halves_the_micro_batch_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make_request(tmp_path / "whole", english(6144), batch_size=5)
    Run().go(request)
    whole = result_weights(request)

    def run_out(event: object, control: object) -> None:
        if isinstance(event, EpochDone) and event.epoch == 1:
            limit_blocks(monkeypatch, 2)

    run = Run(run_out)
    request = make_request(tmp_path / "halved", english(6144), batch_size=5)
    compiled_for: list[int] = []
    monkeypatch.setattr(trial, "compile_where_it_pays", lambda model, rows, *_: compiled_for.append(rows))

    run.go(request)

    assert run.of_type(OutOfMemory) == [OutOfMemory(2, 2)]
    assert compiled_for == [5, 2], "the smaller one from the next epoch on"
    assert not run.of_type(WentBack)
    assert [event.epoch for event in run.of_type(EpochDone)] == [1, 2, 3]
    assert_close_weights(result_weights(request), whole)


@pytest.mark.slow
@pytest.mark.usefixtures("without_dropout")
def test_memory_that_runs_out_while_weights_change_sends_training_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make_request(tmp_path / "whole", english(6144), batch_size=4)
    Run().go(request)
    step, broken = AdamW.step, False

    def step_half(self: AdamW) -> object:
        step(self)
        raise torch.OutOfMemoryError("CUDA out of memory")

    def run_out(event: object, control: object) -> None:
        nonlocal broken
        if isinstance(event, EpochDone) and event.epoch == 2 and not broken:
            broken = True
            monkeypatch.setattr(AdamW, "step", step_half)
        elif isinstance(event, OutOfMemory):
            monkeypatch.setattr(AdamW, "step", step)

    run = Run(run_out)
    gone_back = make_request(tmp_path / "back", english(6144), batch_size=4, checkpoint_share=math.inf)

    run.go(gone_back)

    assert run.of_type(OutOfMemory) == [OutOfMemory(3, 2)]
    (went_back,) = run.of_type(WentBack)
    assert (went_back.epoch, went_back.step) <= (2, 0)
    assert_close_weights(result_weights(gone_back), result_weights(request))


def pause_in_the_second_epoch(event: object, control: Control) -> None:
    if isinstance(event, EpochDone) and event.epoch == 1:
        control.pause()


@pytest.mark.parametrize("what", ["weights", "optimiser"])
def test_memory_that_is_short_when_a_checkpoint_is_loaded_is_tried_once_more_with_all_that_can_be_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    expected = trained(tmp_path / "whole")
    request = make_request(tmp_path / "paused", english(6144), batch_size=5, epochs=2, release_on_pause=True)
    load, allocate, lacking = AdamW.load_state_dict, state.allocate_again, [1]

    def load_or_not(self: AdamW, state_dict: Any) -> None:
        assert not self.state, "never two of everything"
        if what == "optimiser" and lacking:
            lacking.pop()
            raise torch.OutOfMemoryError("CUDA out of memory")
        load(self, state_dict)

    def allocate_or_not(model: Any) -> None:
        if what == "weights" and lacking and not next(model.parameters()).untyped_storage().nbytes():
            lacking.pop()
            raise torch.OutOfMemoryError("CUDA out of memory")
        allocate(model)

    monkeypatch.setattr(AdamW, "load_state_dict", load_or_not)
    monkeypatch.setattr(state, "allocate_again", allocate_or_not)
    run = Run(pause_in_the_second_epoch)
    run.control = Observed()

    run.go(request)

    assert not lacking
    assert not run.of_type(OutOfMemory), "the micro batch has nothing to do with it"
    assert_same_weights(result_weights(request), expected)


def test_memory_that_stays_short_is_left_to_a_new_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(lambda event, control: control.stop() if isinstance(event, EpochDone) else None)
    request = make_request(tmp_path, batch_size=1)
    run.go(request)

    def lacking(self: object, state_dict: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(AdamW, "load_state_dict", lacking)

    with pytest.raises(torch.OutOfMemoryError):  # no TrainingError, which would end the job for good
        Run().go(request)


@pytest.mark.slow
def test_memory_that_runs_out_in_a_validation_changes_no_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained(tmp_path / "whole", language="ja", batch_size=2)
    limit_blocks(monkeypatch, 0, training=False)
    run = Run(lambda event, control: monkeypatch.undo() if isinstance(event, OutOfMemory) else None)
    request = make_request(tmp_path / "halved", english(6144), language="ja", batch_size=2, epochs=2)

    run.go(request)

    assert run.of_type(OutOfMemory) == [OutOfMemory(1, 1)]
    assert len(run.of_type(EpochDone)) == 2
    assert expected.keys() == result_weights(request).keys()


def test_a_model_too_large_for_one_block_fails_the_job_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_blocks(monkeypatch, 0)
    run = Run()

    with pytest.raises(TrainingError, match="ran out of memory with a single block"):
        run.go(make_request(tmp_path, batch_size=4))

    assert [event.micro_batch for event in run.of_type(OutOfMemory)] == [2, 1]


def test_trials_before_the_first_step_leave_no_trace(
    tmp_path: Path, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained(tmp_path / "untried")
    request = make_request(tmp_path / "tried", english(6144), batch_size=5, epochs=2)
    run = Run()
    sizes = limit_blocks(monkeypatch, math.inf)
    monkeypatch.setattr("emeth_tui.training.run.step.block_bytes", lambda shape, tokens: 2 * GB)

    job.run(request, JOBS_DIR, gpu, run._hear, run.control, devices_dir=tmp_path / "found")

    assert sizes[:2] == [4, 4], "with gradients from before, as in a step"
    assert sizes[2] == 5
    assert run.of_type(ResultWritten)
    assert not run.of_type(Stopped)
    assert_same_weights(result_weights(request), expected)
    assert len(list((tmp_path / "found").iterdir())) == 1
