"""What a GPU's worker gives back between two jobs, by torch's own calls: there is no GPU here."""

from __future__ import annotations

import warnings

import pytest
import torch

from emeth_tui.training.devices import Device


def test_a_gpu_gives_back_its_memory_and_the_hosts_that_was_pinned_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    freed: list[str] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append("device"))
    monkeypatch.setattr(torch.accelerator, "empty_host_cache", lambda: freed.append("host"), raising=False)

    Device(torch.device("cuda"), "a GPU", torch.bfloat16).free_cache()

    assert freed == ["device", "host"]


def test_a_torch_that_cannot_give_back_pinned_memory_gives_back_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    freed: list[str] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append("device"))
    monkeypatch.delattr(torch.accelerator, "empty_host_cache", raising=False)

    Device(torch.device("cuda"), "a GPU", torch.bfloat16).free_cache()

    assert freed == ["device"]


def test_what_torch_says_of_its_debug_mode_fails_no_test_on_a_gpu() -> None:
    """Said once a process, after the mode has been set (torch/csrc/cuda/Module.cpp)."""
    warnings.warn("Synchronization debug mode is a prototype feature and does not yet detect", stacklevel=1)
