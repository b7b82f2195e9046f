"""The sentences of notices/reasons/doctor/devices.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.doctor import devices

SENTENCES: Mapping[type[Notice], str] = {
    devices.CpuUsed: "cpu: {cores:core|cores}, {free_bytes} of memory free",
    devices.CpuShortOfMemory: (
        "cpu: {free_bytes} of memory free; training {model} takes about {needed_bytes}"
    ),
    devices.DriverAnswers: "NVIDIA driver {version}, for CUDA up to {cuda}",
    devices.DriverSilent: "this machine has an NVIDIA GPU, but no driver answers",
    devices.NoGpu: "no GPU: jobs are trained on the CPU",
    devices.DriverTooOld: (
        "NVIDIA driver {version} serves CUDA up to {cuda}; the torch that is installed needs {needed}"
    ),
    devices.TorchWithoutCuda: "torch {version} is made for CPUs alone, and there is a GPU",
    devices.GpuThere: (
        "{device}: {name}, compute capability {capability}, {free_bytes} of {total_bytes} free"
    ),
    devices.GpuAbsent: "{device} is not there: CUDA shows {visible:GPU|GPUs}",
    devices.GpusHidden: "{variable}={value} hides {hidden} of {gpus:GPU|GPUs}",
    devices.GpusUnused: "{unused} of {gpus:GPU|GPUs} without a worker",
    devices.GpuWithoutMatrixUnits: (
        "{device}: compute capability {capability} is below 7.0, so it trains slowly, in full precision"
    ),
    devices.GpuShortOfMemory: "{device}: {free_bytes} free; training {model} takes about {needed_bytes}",
    devices.GpuShared: "{device}: process {pid} works on it too, and holds {used_bytes}",
    devices.OwnNodeWorks: "{device}: your own node works on it (process {pid}), so it is left alone",
    devices.ProbeTrained: "{device}: {name} trains, {tokens} tokens a second on a small model",
    devices.ProbeFailed: "{device}: the training probe failed: {cause}",
    devices.ProbeDiverged: "{device}: {name} calculates numbers that are none: the loss is not finite",
}
