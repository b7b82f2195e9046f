"""The kernels of `one_pass` as machine code for GPUs: Triton compiles it where there is none, too."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.training.triton import NEEDS_TRITON

# A process of its own, because this one may have Triton's interpreter.
_COMPILE = """
import sys
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from emeth_tui.training.model import one_pass_kernels as kernels

def compiled(kernel, pointers, constants):
    signature = pointers | dict.fromkeys(constants, "constexpr")
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    target = GPUTarget("cuda", int(sys.argv[1]), 32)
    return triton.compile(ASTSource(kernel, signature, places), target=target, options={"num_warps": 8})

tables = {"table": "*i64", "chunks": "*i32"}
sizes = {"CHUNK": 16_384, "BLOCK": 2_048}
decay = {"FIRST_BETA": 0.9, "SECOND_BETA": 0.999, "EPSILON": 1e-8, "WEIGHT_DECAY": 0.01}
judged = {"table": "*i64", "tensors": "i32", "sums": "*fp32", "chunks": "i32"}
outcome = {"loss": "*fp32", "betas": "*fp64", "scalars": "*fp32"}
for kernel, pointers, constants in (
    (kernels.add_squares, tables | {"sums": "*fp32"}, sizes),
    (kernels.judge, judged | outcome, {"MOST": 1.0, "BLOCK": 1_024}),
    (kernels.update, tables | {"scalars": "*fp32", "rate": "*fp32"}, decay | sizes),
):
    assert compiled(kernel, pointers, constants).asm["cubin"], kernel
"""


@pytest.mark.slow
@pytest.mark.parametrize("capability", [80, 90])
@NEEDS_TRITON
def test_the_kernels_compile(capability: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = os.environ | {
        "TRITON_INTERPRET": "0",
        "TRITON_CACHE_DIR": str(tmp_path_factory.mktemp("triton")),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }

    done = subprocess.run(
        [sys.executable, "-c", _COMPILE, str(capability)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
