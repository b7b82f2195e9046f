"""The choice between fp32 and bf16 on a CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from emeth_tui.training import precision
from emeth_tui.training.gpt2 import Gpt2, Gpt2Shape


@pytest.fixture
def model() -> Gpt2:
    model = Gpt2(Gpt2Shape(layers=1, heads=2, width=16, positions=128, vocab_size=100))
    model.initialise(0)
    return model


def cpu_info(directory: Path, flags: str) -> Path:
    path = directory / "cpuinfo"
    path.write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\n", encoding="ascii")
    return path


def seconds(monkeypatch: pytest.MonkeyPatch, fp32_s: float, bf16_s: float) -> None:
    of = {torch.float32: fp32_s, torch.bfloat16: bf16_s}
    monkeypatch.setattr(precision, "_trial_s", lambda model, dtype: of[dtype])


def test_without_the_instructions_nothing_is_tried(
    model: Gpt2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds(monkeypatch, fp32_s=9.0, bf16_s=1.0)

    assert precision.fastest_on_cpu(model, cpu_info(tmp_path, "avx2 avx512f")) == torch.float32
    assert precision.fastest_on_cpu(model, tmp_path / "missing") == torch.float32
    assert precision.fastest_on_cpu(model, cpu_info(tmp_path, "avx512_bf16")) == torch.bfloat16


@pytest.mark.parametrize(("bf16_s", "chosen"), [(0.95, torch.float32), (0.5, torch.bfloat16)])
def test_bf16_must_be_clearly_faster(
    model: Gpt2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bf16_s: float, chosen: torch.dtype
) -> None:
    seconds(monkeypatch, fp32_s=1.0, bf16_s=bf16_s)

    assert precision.fastest_on_cpu(model, cpu_info(tmp_path, "amx_bf16")) == chosen


def test_the_trial_leaves_no_trace(model: Gpt2, tmp_path: Path) -> None:
    weights, state = model.export_weights(), torch.get_rng_state()

    precision.fastest_on_cpu(model, cpu_info(tmp_path, "avx512_bf16"))

    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.export_weights().items())
    assert all(parameter.grad is None for parameter in model.parameters())
