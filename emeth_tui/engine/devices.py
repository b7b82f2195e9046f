"""Which devices to train on when the settings leave it open: every GPU that there is, else one CPU."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pynvml

logger = logging.getLogger(__name__)


def devices_or_default(configured: Sequence[str]) -> list[str]:
    """Give the configured devices, else `cuda:0`, `cuda:1`, …, else one `cpu`."""
    return list(configured) or [f"cuda:{index}" for index in range(_gpu_count())] or ["cpu"]


def _gpu_count() -> int:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        logger.info("no NVIDIA driver: %s", error)
        return 0
    try:
        return int(pynvml.nvmlDeviceGetCount())
    finally:
        pynvml.nvmlShutdown()
