"""BatchThreads: parts of a batch at the same time, and the same gradients as on one thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.run.batch_threads import BatchThreads


@pytest.fixture
def batch_threads() -> Iterator[BatchThreads]:
    batch_threads = BatchThreads(3)
    yield batch_threads
    batch_threads.close()


def test_parts_come_back_in_order_and_are_worked_on_at_the_same_time(batch_threads: BatchThreads) -> None:
    together = threading.Barrier(3, timeout=120)  # broken unless all three are there at once

    def work(part: Tensor, thread: int) -> tuple[int, list[int], int]:
        together.wait()
        return thread, part.flatten().tolist(), torch.get_num_threads()

    assert batch_threads.run(work, torch.arange(14).view(7, 2)) == [
        (0, [0, 1, 2, 3, 4, 5], 1),
        (1, [6, 7, 8, 9], 1),
        (2, [10, 11, 12, 13], 1),
    ]


def test_a_small_batch_leaves_threads_without_work(batch_threads: BatchThreads) -> None:
    assert batch_threads.run(lambda part, thread: part.tolist(), torch.tensor([4, 5])) == [[4], [5]]


@pytest.mark.parametrize("failing", [0, 2])
def test_what_one_part_raises_comes_when_all_have_ended(batch_threads: BatchThreads, failing: int) -> None:
    ended: list[int] = []

    def work(part: Tensor, thread: int) -> None:
        if thread == failing:
            raise RuntimeError("no memory")
        ended.append(thread)

    with pytest.raises(RuntimeError, match="no memory"):
        batch_threads.run(work, torch.zeros(3))

    assert sorted(ended) == sorted({0, 1, 2} - {failing})


def test_closed_batch_threads_leave_no_thread() -> None:
    before = set(threading.enumerate())
    batch_threads = BatchThreads(2)
    batch_threads.run(lambda part, thread: None, torch.zeros(2))

    batch_threads.close()

    assert set(threading.enumerate()) <= before


def test_parts_have_the_gradients_of_the_whole(batch_threads: BatchThreads) -> None:
    model = Gpt2(Gpt2Shape(layers=2, heads=2, width=16, positions=32, vocab_size=100), dropout=0.0)
    model.initialise(0)
    ids = torch.randint(0, 100, (7, 32), generator=torch.Generator().manual_seed(1))
    parameters = list(model.parameters())
    expected = torch.autograd.grad(model.loss(ids), parameters)

    def forward_backward(part: Tensor, thread: int) -> tuple[Tensor, ...]:
        return torch.autograd.grad(model.loss(part) * (len(part) / len(ids)), parameters)

    for gradients in zip(*batch_threads.run(forward_backward, ids), expected, strict=True):
        *parts, whole = gradients
        torch.testing.assert_close(sum(parts), whole, rtol=1e-4, atol=1e-6)
