"""Whether the tests of Triton's kernels run here: on a GPU, or in its interpreter on a CPU."""

from __future__ import annotations

import pytest
import torch

from emeth_tui.training.model import one_pass

ON_GPU = torch.cuda.is_available()
NEEDS_TRITON = pytest.mark.skipif(
    not one_pass.is_possible(), reason="Triton is not installed; it comes with torch's wheels for GPUs"
)
NEEDS_INTERPRETER = pytest.mark.skipif(
    ON_GPU or not one_pass.is_possible(),
    reason="Triton is not installed, or compiles for the GPU, which knows no tensors of the CPU",
)
