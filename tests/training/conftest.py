"""Fixtures for the tests of training."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from emeth_tui.training.devices import set_deterministic

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when Triton is loaded, by whomever


@pytest.fixture(autouse=True)
def torch_as_before() -> Iterator[None]:
    """Leave the process-wide settings of torch, which jobs change, as they were."""
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        yield
    set_deterministic(deterministic)
    torch.set_num_threads(threads)
