"""How a CPU calculates: in fp32 or bf16, on one core or all, and how those work together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.run import cpu_trial
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.cpu_trial import CpuPlan


@pytest.fixture
def model() -> Gpt2:
    model = Gpt2(Gpt2Shape(layers=1, heads=2, width=16, positions=128, vocab_size=100))
    model.initialise(0)
    return model


def cpu_info(directory: Path, flags: str) -> Path:
    path = directory / "cpuinfo"
    path.write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\n", encoding="ascii")
    return path


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    with cpu_trial.threads(2):
        yield


def take(
    monkeypatch: pytest.MonkeyPatch,
    *,
    fp32_s: float,
    bf16_s: float,
    two_threads: float = 1.0,
    two_parts: float = 1.0,
) -> None:
    """Have trials take so long; two threads or batch_threads take so many times that of one."""
    of = {torch.float32: fp32_s, torch.bfloat16: bf16_s}

    def trial_s(model: Gpt2, way: CpuPlan, batch_threads: BatchThreads) -> float:
        assert batch_threads.count == way.batch_threads
        together = (two_threads if way.threads == 2 else 1.0) * (two_parts if way.batch_threads == 2 else 1.0)
        return of[way.precision] * together

    monkeypatch.setattr(cpu_trial, "_trial_s", trial_s)


def test_bf16_is_tried_only_with_the_instructions(
    model: Gpt2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(monkeypatch, fp32_s=9.0, bf16_s=1.0)

    assert cpu_trial.fastest_on_cpu(model, cpu_info(tmp_path, "avx2 avx512f")).precision == torch.float32
    assert cpu_trial.fastest_on_cpu(model, tmp_path / "missing").precision == torch.float32
    assert cpu_trial.fastest_on_cpu(model, cpu_info(tmp_path, "avx512_bf16")).precision == torch.bfloat16


@pytest.mark.parametrize(("bf16_s", "chosen"), [(0.95, torch.float32), (0.5, torch.bfloat16)])
def test_bf16_must_be_clearly_faster(
    model: Gpt2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bf16_s: float, chosen: torch.dtype
) -> None:
    take(monkeypatch, fp32_s=1.0, bf16_s=bf16_s)

    assert cpu_trial.fastest_on_cpu(model, cpu_info(tmp_path, "amx_bf16")).precision == chosen


@pytest.mark.parametrize(("two", "chosen"), [(1.4, 1), (0.95, 1), (0.6, 2)])
def test_a_second_batch_thread_must_make_a_small_model_clearly_faster(
    model: Gpt2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two: float, chosen: int
) -> None:
    take(monkeypatch, fp32_s=1.0, bf16_s=1.0, two_parts=two, two_threads=0.1)

    way = cpu_trial.fastest_on_cpu(model, cpu_info(tmp_path, "avx2"))
    assert way == CpuPlan(torch.float32, batch_threads=chosen)


@pytest.mark.parametrize(("two", "chosen"), [(1.4, 1), (0.95, 1), (0.6, 2)])
def test_a_second_thread_must_make_a_large_model_clearly_faster(
    model: Gpt2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two: float, chosen: int
) -> None:
    take(monkeypatch, fp32_s=1.0, bf16_s=1.0, two_parts=0.1, two_threads=two)
    monkeypatch.setattr(cpu_trial, "_BATCH_THREADS_UP_TO_BYTES", 1000)

    assert cpu_trial.fastest_on_cpu(model, cpu_info(tmp_path, "avx2")) == CpuPlan(
        torch.float32, threads=chosen
    )


def test_with_one_way_there_is_nothing_to_try(
    model: Gpt2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_trial, "_trial_s", lambda *_: pytest.fail("tried"))

    with cpu_trial.threads(1):
        assert cpu_trial.fastest_on_cpu(model, cpu_info(tmp_path, "avx2")) == CpuPlan(torch.float32, 1)


def test_the_trial_leaves_no_trace(model: Gpt2, tmp_path: Path) -> None:
    weights, state = model.export_weights(), torch.get_rng_state()
    running = set(threading.enumerate())

    cpu_trial.fastest_on_cpu(model, cpu_info(tmp_path, "avx512_bf16"))

    assert torch.get_num_threads() == 2
    assert set(threading.enumerate()) <= running
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.export_weights().items())
    assert all(parameter.grad is None for parameter in model.parameters())
