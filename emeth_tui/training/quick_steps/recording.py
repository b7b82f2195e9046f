"""Work on a GPU, recorded once as a CUDA graph and repeated as a whole.

What is repeated works in the same places of memory every time, and does nothing on the host: what it takes
in is written to where it was at the recording, and nothing in it may wait for the device. Random numbers go
on from one repetition to the next, because a recording registers the device's own generator.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import torch

from emeth_tui.training.devices import Device

Outcome = TypeVar("Outcome")
_WARM_UPS = 3  # kernels are chosen and loaded, libraries take their workspaces


class Recorder(Protocol):
    """Records work; what several recordings of one recorder hold in memory is theirs alone."""

    def warm_up(self, work: Callable[[], object]) -> None:
        """Do the work a few times as it will be recorded."""

    def record(self, work: Callable[[], Outcome]) -> tuple[Callable[[], object], Outcome]:
        """Return what repeats the work, and its outcome, whose tensors each repetition writes anew.

        The work itself is not done. Raise what torch raises where it cannot be recorded.
        """


class CudaRecorder:
    """Records on a stream of its own."""

    def __init__(self, device: Device) -> None:
        self._device = device.torch_device
        self._stream = _stream_of(device.torch_device)
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, work: Callable[[], object]) -> None:
        """Do the work a few times on the stream that it will be recorded on."""
        present = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(present)
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UPS):
                work()
        present.wait_stream(self._stream)

    def record(self, work: Callable[[], Outcome]) -> tuple[Callable[[], object], Outcome]:
        """Return what repeats the work, and its outcome."""
        present = torch.cuda.current_stream(self._device)
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads go on meanwhile: they may well take pinned memory for checkpoints.
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                outcome = work()
        except Exception:
            self._clean_up(present)
            raise
        return graph.replay, outcome

    def _clean_up(self, present: torch.cuda.Stream) -> None:
        """Undo what torch leaves behind where CUDA has given a recording up (graphs.py, CUDAGraph.cpp).

        Its stream would stay the current one, the allocator would free no memory any more, and before torch
        2.12 the generator would draw no more numbers.
        """
        torch.cuda.set_stream(present)
        library: Any = torch._C
        end = getattr(library, "_cuda_endAllocateToPool", None) or (
            library._cuda_endAllocateCurrentStreamToPool  # its name until torch 2.7
        )
        with contextlib.suppress(RuntimeError):  # raised where torch has ended it itself
            end(self._device.index, self._pool)
            library._cuda_releasePool(self._device.index, self._pool)
        generator = torch.cuda.default_generators[self._device.index]
        generator.graphsafe_set_state(generator.clone_state())


@functools.cache
def _stream_of(device: torch.device) -> torch.cuda.Stream:
    """Return the device's one stream for recording: cuBLAS keeps up to 64 MB for each that it has seen."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
