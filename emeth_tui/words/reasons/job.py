"""The sentences of notices/reasons/job.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import job

SENTENCES: Mapping[type[Notice], str] = {
    job.TransitionNotAllowed: "a job cannot go from {current} to {new}",
    job.NotUnderWay: "job {job} is not under way on this node",
    job.NotDeclinable: "job {job} is {state}: only a claimed, unsubmitted job can be declined",
    job.DeclineFailed: "job {job} could not be declined: {cause}",
    job.DatasetUnusable: "it cannot be done: {cause}",
    job.DatasetTooLate: "its dataset did not come in time: {cause}",
    job.NoWorkerInTime: "no worker became free for it in time",
    job.HostNotBackInTime: "host {host} is away with it, and no other worker became free in time",
    job.NothingToAppeal: "no rejection of this job's result is held: there is nothing to appeal against",
    job.ChainLacksJob: "the chain does not show this job now",
    job.ChainLacksClaim: "the chain does not show our claim yet",
    job.ChainLacksSubmission: "the chain does not show our submission yet",
    job.EpochsDisagree: (
        "its worker reports {reported:epoch|epochs} and {seen:was|were} seen: no result is made of that"
    ),
    job.SystemTrouble: "{detail}",
    job.ClaimedBefore: (
        "claimed with this account, and nothing of it is here: another node's job, or one of a lost state"
    ),
    job.TooLateToFinish: "taken up again too late to finish: {cause}",
    job.AnotherNodeFaster: "another node was faster",
}
