"""Which devices to train on when the settings name none: every GPU, else one CPU."""

from __future__ import annotations

from collections.abc import Sequence

from emeth_tui.engine.gpus.nvml import gpu_count


def devices_or_default(configured: Sequence[str]) -> list[str]:
    """Return the configured devices, else `cuda:0`, `cuda:1`, …, else one `cpu`."""
    return list(configured) or [f"cuda:{index}" for index in range(gpu_count())] or ["cpu"]
