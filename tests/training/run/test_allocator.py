"""Memory that a training step frees is not requested from the system again for the next step."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

# In a separate process: what else is in memory decides what the C library can release.
_SCRIPT = """
import json, resource
import torch
from emeth_tui.training.devices import open_device

def resident_pages():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1])

def faults_of_step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.ones(1 << 18) for _ in range(64)]  # 64 MiB
    del tensors
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

cpu = open_device("cpu")
cpu.keep_freed()
faults = [faults_of_step() for _ in range(10)]
kept = resident_pages()
cpu.free_cache()
print(json.dumps({"faults": faults[-1], "given_back": kept - resident_pages()}))
"""
_STEP_PAGES = (64 << 20) // 4096


@pytest.mark.skipif(sys.platform != "linux", reason="the switches are glibc's")
def test_freed_memory_stays_for_the_next_step_until_it_is_given_back() -> None:
    command = [sys.executable, "-c", _SCRIPT]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)

    assert told["faults"] < _STEP_PAGES // 100, "without keeping it, each step has a fault for every page"
    assert told["given_back"] > _STEP_PAGES // 2
