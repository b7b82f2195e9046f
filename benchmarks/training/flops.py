"""How much arithmetic a token costs, and the device's peak speed at matrix products."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection

import torch

from benchmarks.processes import synchronise
from emeth_tui.training.devices import open_device
from emeth_tui.training.model.gpt2 import Gpt2Shape

_CPU_SIZE, _CUDA_SIZE = 2048, 8192  # rows and columns: large enough that the device is busy with nothing else
_MIN_S = 0.5


def flops_per_token(shape: Gpt2Shape, block_tokens: int) -> int:
    """Floating-point operations of forward and backward pass for one token of a block.

    6 for each weight that multiplies a token (2 forward, 4 backward): 12 * width**2 in each layer
    and the vocabulary head's width * vocabulary; and 12 * block * width in each layer for attention's two
    products, counted over the whole block, not only the half that causality leaves. Embedding lookups,
    norms, activations, dropout and the optimiser count as nothing. gpt2-medium at block 128: 2.158 GFLOP.
    """
    weights = shape.layers * 12 * shape.width**2 + shape.width * shape.vocab_size
    return 6 * weights + 12 * shape.layers * block_tokens * shape.width


class MatrixProduct:
    """A square matrix product, repeated: fp32 on a CPU, bf16 on CUDA."""

    def __init__(self, device: torch.device, size: int | None = None) -> None:
        on_cuda = device.type == "cuda"
        self._size = size or (_CUDA_SIZE if on_cuda else _CPU_SIZE)
        dtype = torch.bfloat16 if on_cuda else torch.float32
        generator = torch.Generator().manual_seed(0)
        left, right = (torch.randn(self._size, self._size, generator=generator) for _ in range(2))
        self._device = device
        self._left, self._right = left.to(device, dtype), right.to(device, dtype)

    def flops_per_s(self, min_s: float = _MIN_S) -> float:
        """Multiply for at least `min_s` seconds and return the operations per second."""
        products = 1
        while True:
            seconds = self._seconds(products)
            if seconds >= min_s:
                return 2.0 * self._size**3 * products / seconds
            products *= 2

    def _seconds(self, products: int) -> float:
        synchronise(self._device)
        started = time.monotonic()
        for _ in range(products):
            torch.mm(self._left, self._right)
        synchronise(self._device)
        return time.monotonic() - started


def multiply(connection: Connection, device_name: str) -> None:
    """Run a process that answers each message with the operations per second, until the parent hangs up."""
    on_cuda = device_name.startswith("cuda")
    product = MatrixProduct(open_device("cuda:0" if on_cuda else "cpu").torch_device)
    while True:
        connection.recv()
        connection.send(product.flops_per_s())
