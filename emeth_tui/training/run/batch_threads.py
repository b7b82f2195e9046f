"""Threads that share a batch, each with a part of it and a core of its own.

A small model's operations are too short to be shared out one by one: waking a second thread takes as long.
Whole parts of a batch are not. All threads go through the same model; each makes gradients of its own.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")


class BatchThreads:
    """`count` threads, the caller's among them. Must be closed."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        # One core each: within a thread, an operation is not shared out further.
        self._others = (
            ThreadPoolExecutor(count - 1, "batch", torch.set_num_threads, (1,)) if count > 1 else None
        )

    def run(self, work: Callable[[Tensor, int], Result], ids: Tensor) -> list[Result]:
        """Do `work` on about equal parts of `ids` at the same time, and return the results in order.

        `work` receives a part and the thread's number; the caller's own is 0. Raise what it raised, once all
        parts have ended.
        """
        first, *others = ids.tensor_split(min(self.count, len(ids)))
        if self._others is None:
            return [work(first, 0)]
        futures = [self._others.submit(work, part, thread) for thread, part in enumerate(others, 1)]
        try:
            result = work(first, 0)
        finally:
            concurrent.futures.wait(futures)
        return [result, *(future.result() for future in futures)]

    def close(self) -> None:
        """End the threads."""
        if self._others is not None:
            self._others.shutdown()
