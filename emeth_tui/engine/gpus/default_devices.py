"""Which devices to train on when the settings name none: every GPU, else one CPU."""

from __future__ import annotations

from collections.abc import Sequence

from emeth_tui.engine.gpus.nvml import cuda_gpus


def devices_or_default(configured: Sequence[str]) -> list[str]:
    """Return the configured devices, else each GPU that CUDA shows (`cuda:0`, …), else one `cpu`."""
    return list(configured) or [f"cuda:{index}" for index, _gpu in enumerate(cuda_gpus())] or ["cpu"]
