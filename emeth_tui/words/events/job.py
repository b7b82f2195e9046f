"""The sentences of notices/events/job.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.events import job
from emeth_tui.notices.notice import Notice
from emeth_tui.words.reasons.market import NO_DEPOSITS_BACK
from emeth_tui.words.reasons.network.transactions import RAISE_LIMIT

SENTENCES: Mapping[type[Notice], str] = {
    job.Resumed: "going on with this job, {state}",
    job.JobPaused: "paused by {by}",
    job.JobPausedUntil: "paused until {until} by {by}",
    job.JobResumed: "resumed by {by}",
    job.Declining: "being declined by {by}",
    job.SharedOut: (
        "shared out over {parts} workers, {devices}: {together_s} by the estimates, {alone_s} with one, for "
        "the same fee"
    ),
    job.MemberReplaced: (
        "member {part} of {parts} goes on in a new process on {device}, in epoch {epoch}; the others lose "
        "nothing"
    ),
    job.MemberLost: "member {part} of {parts} on {device}: {reason}; its part is trained by another",
    job.JobTrouble: "{reason}; trying again",
    job.JobStuck: (
        "cannot go on: {reason}; declining it costs {penalty_wei}, letting it time out {timeout_wei}"
    ),
    job.SetAside: (
        "set aside, its worker is free: {reason}; declining it now costs {penalty_wei}, letting it time out "
        "{timeout_wei}"
    ),
    job.GivingBack: (
        "declining it, which costs {penalty_wei}: {reason}; letting it time out would cost {timeout_wei}"
    ),
    job.Downloaded: "dataset downloaded, {size_bytes}",
    job.Training: ("training: {epochs:epoch|epochs}, {resumed_epoch} done before, over {tokens} tokens"),
    job.EpochDone: "epoch {epoch} of {epochs} done in {seconds} s, validation loss {valid_loss}",
    job.BackToBest: (
        "no better after epoch {epoch}: going on at a lower rate from the best weights, those after epoch "
        "{best_epoch} with a validation loss of {best_loss}"
    ),
    job.StepsSkipped: ("{steps:step|steps} gave no finite numbers and had no effect; learning rate lowered"),
    job.OutOfMemory: (
        "the device ran out of memory; going on with at most {micro_batch:block|blocks} at once"
    ),
    job.Diverged: "{reason}; going back to the last good checkpoint with a lower learning rate",
    job.Trained: "trained: {epochs:epoch|epochs}, validation loss {valid_loss}",
    job.StatesDrawn: (
        "the verifier trains epochs again: the states after epochs {epochs} are due within {limit_s}"
    ),
    job.StatesDelivered: "the state after epoch {epoch} is delivered, {size_bytes}",
    job.StatesLost: "its states are gone, which the verifier may ask for: the result will be rejected",
    job.RunningLate: ("slower than expected: {low_s} to {high_s} left to do, {deadline_s} to the deadline"),
    job.Uploaded: "result uploaded, {size_bytes}",
    job.SubmissionHeld: (
        "its result is ready and is not submitted: {reason}; {deadline_s} to the deadline, and missing that "
        "costs {cost_wei}: raise the limit, or wait for a lower price"
    ),
    job.Submitted: "submitted, waiting for the verifier",
    job.SubmissionUndone: "the chain was reorganised and lost our submission; submitting again",
    job.ClaimUndone: "the chain was reorganised and lost our claim; claiming again with the same transaction",
    job.EndSeen: "{state} on the chain; final in {blocks:block|blocks}",
    job.EndUnexplained: (
        "{state} by what the chain says of it, and no transaction shows that: its files are kept, and it is "
        "believed after {longest_s}"
    ),
    job.EndUndone: "the chain was reorganised and took this back: {state}; going on",
    job.FinalEndUndone: (
        "the chain was reorganised beyond its confirmations and took this back: {state}; it waits for the "
        "verifier again"
    ),
    job.OrphanAdopted: "ours on the chain and unknown here: taken up again, {state}",
    job.OrphanHeld: (
        "ours on the chain and unknown here, with {deposit_wei} staked: held, as it may be another node's "
        "with this account; resume it to train it, or decline it for {penalty_wei}; a timeout costs "
        "{timeout_wei}"
    ),
    job.OrphanLeft: (
        "ours on the chain, with {deposit_wei} staked, and it cannot be taken up; declining it costs "
        "{penalty_wei}, a timeout {timeout_wei}"
    ),
    job.Verified: "verified: {earned_wei} earned, {gas} gas",
    job.VerifiedAtLoss: "verified, and yet it cost {lost_wei}; {gas} gas",
    job.DepositKept: (
        "the contract keeps deposits: of {deposit_wei} staked and the fee, {returned_wei} came back at the "
        "verification"
    ),
    job.SettledByRules: (
        "its transactions cannot be read from the chain; by the network's rules it came to {amount_wei}"
    ),
    job.Declined: "declined; it cost {lost_wei}",
    job.Failed: "the verifier rejected it; it cost {lost_wei}",
    job.RejectionHeld: (
        "the verifier means to reject it: {reason}; an appeal is possible until {until_unix_s}"
    ),
    job.Appealed: "appealed: a second verifier looks at it",
    job.AppealFailed: "the appeal failed: {reason}; it is tried again",
    job.RejectionExplained: "the verifier's reason: {reason}",
    job.Timeout: "timed out on the chain; it cost {lost_wei}",
    job.Lost: "the chain was reorganised and another node has this job now",
}

_DOCTOR_DEVICES = (
    "nothing: training goes on by itself. If it happens in every job, stop the node and run `emeth-tui "
    "doctor`, which then tries each device"
)
_UNDONE = (
    "nothing: the node does again what the chain took back. If it happens often, raise `confirmations` of "
    "the network in the settings"
)
_MORE_LOGS = (
    "nothing: where the transactions cannot be read, the network's rules give the amount. An endpoint that "
    "serves the logs of older blocks, put first in rpc_urls, lets the node read them"
)
_REJECTED = (
    "`emeth-tui events --level warning` shows the verifier's reason, where the network gives one; check "
    "verification_key. After two rejections in a row claiming stops"
)
REMEDIES: Mapping[type[Notice], str] = {
    job.JobTrouble: (
        "nothing at first: it is tried again until the deadline. If it lasts, run `emeth-tui doctor "
        "--quick`; `emeth-tui log ID` has the details"
    ),
    job.JobStuck: (
        "mend the cause, then `emeth-tui resume ID` tries again; or `emeth-tui decline ID`, which shows the "
        "cost and asks"
    ),
    job.SetAside: (
        "it cannot be done: `emeth-tui decline ID` before it times out; with claims.unusable_dataset set to "
        "`decline` the node does that by itself"
    ),
    job.GivingBack: (
        "nothing: claims.unusable_dataset asks for it; set it to `hold` to decide yourself on the next one"
    ),
    job.MemberLost: (
        "nothing: another worker takes its part. `emeth-tui log` says why this one failed; "
        "`emeth-tui doctor` tries its device"
    ),
    job.StepsSkipped: _DOCTOR_DEVICES,
    job.Diverged: _DOCTOR_DEVICES,
    job.OutOfMemory: (
        "nothing: it goes on with less at once. If another program holds the GPU's memory (`nvidia-smi` "
        "shows it), end that"
    ),
    job.StatesLost: (
        "put the job's directory back from a backup, within the time for the delivery; find out what "
        "removed it"
    ),
    job.RunningLate: (
        "end what else slows the machine down, and resume the job if it is paused. If it cannot make it, "
        "`emeth-tui decline ID` shows what giving it back costs"
    ),
    job.SubmissionHeld: RAISE_LIMIT,
    job.SubmissionUndone: _UNDONE,
    job.ClaimUndone: _UNDONE,
    job.EndUndone: _UNDONE,
    job.FinalEndUndone: _UNDONE,
    job.EndUnexplained: _MORE_LOGS,
    job.SettledByRules: _MORE_LOGS,
    job.OrphanAdopted: "nothing, unless another node works with this account: give each one of its own",
    job.OrphanHeld: (
        "if another node with this account has it, leave it alone; else `emeth-tui resume ID` trains it, and "
        "`emeth-tui decline ID` gives it back"
    ),
    job.OrphanLeft: (
        "`emeth-tui log` says why; the node tries again once a day. It cannot decline this job, only another "
        "program with the account's key can"
    ),
    job.VerifiedAtLoss: NO_DEPOSITS_BACK,
    job.DepositKept: NO_DEPOSITS_BACK,
    job.Declined: "nothing: the rest of the deposit is back; `emeth-tui events --job ID` shows why",
    job.Failed: _REJECTED,
    job.RejectionHeld: (
        "nothing where claims.appeal is set: the node appeals by itself. Else `emeth-tui appeal ID` in time, "
        "if the result is an honest one"
    ),
    job.AppealFailed: (
        "check that the services can be reached and that this machine's clock is right; once the time for an "
        "appeal is over, only the network's operator can decide otherwise"
    ),
    job.RejectionExplained: _REJECTED,
    job.Timeout: (
        "`emeth-tui events --job ID` shows what held it up; a higher claims.safety_margin_s leaves more time "
        "to the next ones"
    ),
    job.Lost: "nothing: with the claim the chain took back its deposit, too",
}
