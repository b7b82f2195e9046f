"""Where a step's time goes: everything is counted once, and each operation as what it is."""

from __future__ import annotations

import pytest
import torch

from benchmarks.training import where
from benchmarks.training.where import KINDS, Where, WhereTask
from emeth_tui.training.devices import open_device
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.microbatch import MicroBatch
from emeth_tui.training.run.step import Stepper
from tests.training.pretended_gpu import TapeRecorder, pretended_gpu

pytestmark = pytest.mark.slow


def test_a_steps_time_is_all_accounted_for() -> None:
    task = WhereTask(Gpt2Shape(2, 2, 64, 32, 500), batch=2, block=32, steps=2)

    found = where.where(task, open_device("cpu"))

    assert not found.compiled
    assert tuple(found.by_kind_ms) == KINDS
    assert all(ms > 0 for ms in found.by_kind_ms.values()), found.by_kind_ms
    assert sum(found.by_kind_ms.values()) == pytest.approx(found.step_ms, rel=0.01)
    assert found.by_kind_ms["products"] < found.products_ms < found.step_ms
    assert len(found.lines) == 2 + len(KINDS)


def test_on_a_gpu_every_way_has_its_time() -> None:
    task = WhereTask(Gpt2Shape(1, 2, 16, 16, 70), batch=2, block=16, steps=1)
    gpu = pretended_gpu()
    model = Gpt2(task.shape, dropout=0.0)
    model.initialise(0)
    micro_batch = MicroBatch(2, gpu)
    stepper = Stepper(model.train(), gpu, micro_batch, BatchThreads(), lambda _: None, TapeRecorder)

    found = where._by_way_ms(stepper, torch.ones(2, 16, dtype=torch.int64), gpu)

    assert list(found) == ["plain", "in one pass", "recorded", "in one pass and recorded"]
    assert found["plain"]
    assert found["recorded"]
    lines = Where(2, False, 1.0, dict.fromkeys(KINDS, 0.0), 1.0, {"plain": 3.25, "recorded": None}).lines
    assert lines[-2:] == ["  a step plain: 3.25 ms", "  a step recorded: not possible here"]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["aten::mm", "_HeadLoss"], "head"),
        (
            ["aten::mul_", "_HeadLossBackward", "autograd::engine::evaluate_function: _HeadLossBackward"],
            "head",
        ),
        (["aten::addmm"], "products"),
        (["aten::mm", "AddmmBackward0"], "products"),
        (["aten::_flash_attention_forward", "aten::scaled_dot_product_attention"], "attention"),
        (["aten::copy_", "ScaledDotProductFlashAttentionBackward0"], "attention"),
        (["aten::_fused_adamw_", "Optimizer.step#AdamW.step"], "optimiser"),
        (["aten::_foreach_norm"], "optimiser"),
        (["aten::gelu"], "rest"),
    ],
)
def test_an_operation_counts_as_what_it_is_part_of(names: list[str], kind: str) -> None:
    assert where._kind(names) == kind
