"""Where a step's time goes: everything is counted once, and each operation as what it is."""

from __future__ import annotations

import pytest

from benchmarks.training import where
from benchmarks.training.where import KINDS, WhereTask
from emeth_tui.training.devices import open_device
from emeth_tui.training.model.gpt2 import Gpt2Shape


def test_a_steps_time_is_all_accounted_for() -> None:
    task = WhereTask(Gpt2Shape(2, 2, 64, 32, 500), batch=2, block=32, steps=2)

    found = where.where(task, open_device("cpu"))

    assert not found.compiled
    assert tuple(found.by_kind_ms) == KINDS
    assert all(ms > 0 for ms in found.by_kind_ms.values()), found.by_kind_ms
    assert sum(found.by_kind_ms.values()) == pytest.approx(found.step_ms, rel=0.01)
    assert found.by_kind_ms["products"] < found.products_ms < found.step_ms
    assert len(found.lines) == 2 + len(KINDS)


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
