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
    verification.NotFromItsStart: (
        "the result did not begin as this job's training does: its weights agree with the start to {share}"
    ),
    verification.NotOwnWork: (
        "earlier results on the same text explain all but {share} of what was trained: "
        "a copy, or made of them"
    ),
    verification.LearnedTooLittle: (
        "the loss on the job's own text is {loss}; it begins at {start_loss}, and three epochs alone reach "
        "{short_loss}"
    ),
    verification.WorseThanShortRun: (
        "the validation loss is {loss}; it begins at {start_loss}, and three epochs alone reach {short_loss}"
    ),
    verification.NotThisText: (
        "the loss on the job's own text, {train_loss}, is hardly below that on text never seen, "
        "{valid_loss}: this was another text's training"
    ),
    verification.VerifierSays: "“{text}”, in the verifier's own words",
}
