"""The sentences of notices/events/job.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.events import job
from emeth_tui.notices.notice import Notice

SENTENCES: Mapping[type[Notice], str] = {
    job.Resumed: "going on with this job, {state}",
    job.JobPaused: "paused",
    job.JobResumed: "goes on",
    job.JobTrouble: "{reason}; trying again",
    job.JobStuck: (
        "cannot go on: {reason}; declining it costs {penalty_wei}, letting it time out {timeout_wei}"
    ),
    job.Downloaded: "dataset downloaded, {size_bytes}",
    job.Training: ("training: {epochs} epochs over {tokens} tokens, {resumed_epoch} of them done before"),
    job.EpochDone: "epoch {epoch} of {epochs} done in {seconds} s, validation loss {valid_loss}",
    job.StepsSkipped: ("{steps} steps gave no finite numbers and were not applied; learning rate lowered"),
    job.OutOfMemory: ("the device ran out of memory; going on with at most {micro_batch} blocks at once"),
    job.Diverged: "{reason}; going back to the last good checkpoint with a lower learning rate",
    job.Trained: "trained: {epochs} epochs, validation loss {valid_loss}",
    job.RunningLate: ("slower than expected: {low_s} to {high_s} left to do, {deadline_s} to the deadline"),
    job.Uploaded: "result uploaded, {size_bytes}",
    job.Submitted: "submitted, waiting for the verifier",
    job.SubmissionUndone: "the chain was reorganised and lost our submission; submitting again",
    job.Verified: "verified: {earned_wei} earned, {gas} gas",
    job.Declined: "declined; it cost {lost_wei}",
    job.Failed: "the verifier rejected it; it cost {lost_wei}",
    job.Timeout: "timed out on the chain; it cost {lost_wei}",
    job.Lost: "the chain was reorganised and another node has this job now",
}
