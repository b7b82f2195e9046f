"""What a CUDA recorder leaves behind where CUDA gives a recording up; torch's part is pretended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from emeth_tui.training.devices import Device
from emeth_tui.training.quick_steps import recording
from emeth_tui.training.quick_steps.recording import CudaRecorder

PRESENT, OWN, POOL = "the training's stream", "the recorder's stream", (0, 7)


class Torch:
    """As much of torch as a recording touches, as it is left when the end of one fails."""

    def __init__(self) -> None:
        self.stream: Any = PRESENT
        self.pools_recorded_to = {POOL}
        self.pools_released: list[Any] = []
        self.streams = 0

    def make_stream(self, device: torch.device) -> Any:
        self.streams += 1
        return OWN

    @contextlib.contextmanager
    def graph(self, graph: Any, stream: Any, **_: Any) -> Iterator[None]:
        self.stream = stream
        yield
        raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    def set_stream(self, stream: Any) -> None:
        self.stream = stream

    def end(self, device: int, pool: Any) -> None:
        if pool not in self.pools_recorded_to:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        self.pools_recorded_to.remove(pool)

    def release(self, device: int, pool: Any) -> None:
        self.pools_released.append(pool)


class Generator:
    def __init__(self, state: str) -> None:
        self.state = state

    def clone_state(self) -> Generator:
        return Generator("fresh")

    def graphsafe_set_state(self, other: Generator) -> None:
        self.state = other.state


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Iterator[Torch]:
    pretended = Torch()
    replaced = {
        "Stream": pretended.make_stream,
        "graph_pool_handle": lambda: POOL,
        "CUDAGraph": object,
        "graph": pretended.graph,
        "current_stream": lambda _: pretended.stream,
        "set_stream": pretended.set_stream,
        "default_generators": (None, Generator("recording")),
    }
    for name, stand_in in replaced.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", pretended.end, raising=False)
    monkeypatch.setattr(torch._C, "_cuda_releasePool", pretended.release, raising=False)
    recording._stream_of.cache_clear()
    yield pretended
    recording._stream_of.cache_clear()


def recorder() -> CudaRecorder:
    return CudaRecorder(Device(torch.device("cuda:1"), "pretended", torch.bfloat16))


def test_a_recording_that_cuda_gives_up_leaves_torch_as_it_was(pretended: Torch) -> None:
    with pytest.raises(RuntimeError, match="previous error during capture"):
        recorder().record(lambda: None)

    assert pretended.stream == PRESENT
    assert not pretended.pools_recorded_to, "or no memory is given back any more in this process"
    assert pretended.pools_released == [POOL]
    assert torch.cuda.default_generators[1].state == "fresh"


def test_a_recording_that_was_ended_keeps_its_pool_until_it_is_dropped(pretended: Torch) -> None:
    pretended.pools_recorded_to.clear()

    with pytest.raises(RuntimeError, match="previous error during capture"):
        recorder().record(lambda: None)

    assert pretended.stream == PRESENT
    assert not pretended.pools_released, "its graph releases it"


def test_all_recorders_of_a_device_share_one_stream(pretended: Torch) -> None:
    for _ in range(3):
        recorder()

    assert pretended.streams == 1
