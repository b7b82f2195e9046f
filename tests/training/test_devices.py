"""What a GPU's worker gives back between two jobs, by torch's own calls: there is no GPU here."""

from __future__ import annotations

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
