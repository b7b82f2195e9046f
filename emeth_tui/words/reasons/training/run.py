"""The sentences of notices/reasons/training/run.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.training import run

SENTENCES: Mapping[type[Notice], str] = {
    run.TrainingDiverged: ("training diverged in epoch {epoch} even with a lower learning rate: {cause}"),
    run.StatesMissing: "not all of the states after {epochs:epoch|epochs} are recorded",
    run.ValidationLossIs: "the validation loss is {loss}",
    run.TrainingLossIs: "the training loss is {loss}",
    run.NoFiniteStep: "no step of the epoch gave finite numbers",
    run.StepsNotFinite: "{skipped} of {steps:step|steps} gave no finite numbers",
    run.OneBlockTooLarge: (
        "{device} ran out of memory with a single block: the model is too large for it, or another "
        "process holds its memory"
    ),
    run.PartUnfit: "what member {part} handed over cannot be averaged: {cause}",
    run.UnknownDevice: "device {device}: known are cpu and cuda:0, cuda:1 and so on",
    run.TorchForCpus: "device {device} cannot be used: this build of torch is for CPUs alone",
    run.DeviceUnusable: "device {device} cannot be used: {detail}",
}
