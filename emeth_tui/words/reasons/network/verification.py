"""The sentences of notices/reasons/network/verification.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import verification

SENTENCES: Mapping[type[Notice], str] = {
    verification.EpochsNotAccepted: "the result states {epochs} epochs; {least} to {most} are accepted",
    verification.NotLastLink: "the result's hash is not the chain's last link after {epochs} epochs",
    verification.LearnedNothing: (
        "the result's validation loss is {loss}, and the untrained model's {untrained_loss}"
    ),
    verification.ResultEndsProcess: "the result file kills the process that examines it",
    verification.VerifierSays: "“{text}”, in the verifier's own words",
}
