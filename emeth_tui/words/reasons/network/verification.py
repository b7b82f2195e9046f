"""The sentences of notices/reasons/network/verification.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import verification

SENTENCES: Mapping[type[Notice], str] = {
    verification.EpochsNotAccepted: "the result states {epochs:epoch|epochs}; {least} to {most} are accepted",
    verification.NotLastLink: "the result's hash is not the chain's last link after {epochs:epoch|epochs}",
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
    verification.SeedRepeated: "an earlier job, {earlier}, has this job's seed: both are one training",
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
    verification.CommitmentInvalid: "what the result says of its training's states cannot be read",
    verification.CommitmentMissing: (
        "the result does not commit to the states of its training, as this network asks"
    ),
    verification.StateInvalid: "a state that was delivered is no state of this job's training",
    verification.CourseInvalid: "the record of epoch {epoch} does not follow from those before it",
    verification.ResultNotCommitted: (
        "the result's weights are not those that its training is said to have led to"
    ),
    verification.StateNotCommitted: (
        "the state that was delivered after epoch {epoch} is not the one that the result committed to"
    ),
    verification.StatesNotDelivered: (
        "the states after epochs {epochs} were drawn and not delivered within {limit_s}"
    ),
    verification.EpochsDiffer: (
        "epochs {first} to {last}, trained again, end elsewhere: {share} of an epoch's way off"
    ),
    verification.MomentsDiffer: (
        "epochs {first} to {last}, trained again, leave other moments in the optimiser: {share} of them off"
    ),
    verification.OrderNotOwn: (
        "epochs {first} to {last} were not trained in this job's order: {share} of the way to another's, "
        "as the states of another job are"
    ),
    verification.EpochsNotEqual: (
        "epochs {first} to {last}, trained again on the same kind of device, do not give the same bits"
    ),
    verification.LossDiffers: (
        "the validation loss after epoch {epoch} is said to be {claimed_loss}; trained again, it is "
        "{measured_loss}"
    ),
    verification.SecondAgrees: "{first}; a second verifier says: {second}",
    verification.ListVerdicts: "`emeth-tui network verdicts` lists them",
    verification.SettledAlready: "its result is verified or rejected already: that is final",
    verification.VerifierSays: "“{text}”, in the verifier's own words",
}
