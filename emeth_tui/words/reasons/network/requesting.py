"""The sentences of notices/reasons/network/requesting.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import requesting

SENTENCES: Mapping[type[Notice], str] = {
    requesting.NodeSendsHere: (
        "a node runs on {directory} (process {pid}) and sends this account's transactions; `emeth-tui stop` "
        "ends it, or name another state and another account with --state-dir and --config"
    ),
    requesting.NodeCannotRead: (
        "the node cannot read {path}: {detail}; put the file where the node's user reads it (a service has a "
        "`/tmp` of its own)"
    ),
    requesting.NotRequestedHere: (
        "job {job} was not requested from here; `emeth-tui requests` lists those that were"
    ),
    requesting.BrokenOff: (
        "the node ends, and this is broken off; nothing is done twice: the same command goes on from there"
    ),
    requesting.RequestedBefore: (
        "this was requested already, as job {job_id} at {requested_unix_s}; add --again to request and pay "
        "for another"
    ),
    requesting.NodesRefuse: (
        "nodes with the usual settings would not take this job: {cause}; --anyway requests it all the same"
    ),
    requesting.NothingForNodes: (
        "the verifier's fee of {verifier_fee_wei} comes out of the job's {fee_wei}: no node works for nothing"
    ),
    requesting.DatasetOverLimit: "the file has {size_bytes}; nodes take at most {limit_bytes}",
    requesting.TextChanged: (
        "{path} was changed while it was stored: the job is not requested; give the command again for what "
        "the file holds now"
    ),
    requesting.OtherTextStored: (
        "the storage has another text for job {job} than was requested, and {path} is not as it was then; "
        "put the text back there to check the result against it"
    ),
    requesting.RequestUnderWay: (
        "the request of job {job} is sent and not in a block yet; the same command goes on from there"
    ),
    requesting.CancelUnderWay: "the request of job {job} is being cancelled; wait until that is done",
    requesting.RequestNotOpen: "job {job} is {status}: only a job that no node has taken can be cancelled",
    requesting.NoResultYet: "job {job} is {status}: it has no verified result",
    requesting.NotRequestedYet: "the job of {path} is not requested yet; the same `request` command goes on",
    requesting.ResultOfOtherDataset: (
        "the result's hash is not the last link of {epochs:epoch|epochs} on this dataset with this "
        "network's key"
    ),
    requesting.ResultShort: "the result is of {epochs:epoch|epochs}, and {wanted:was|were} asked for",
    requesting.DirectoryTaken: "{path} is there already, and is left as it is; name another directory",
    requesting.DirectoryUnwritable: "{path} cannot be written: {detail}",
    requesting.TaskEnded: "the process for {task} ended without an answer; its log is {log}",
    requesting.PromptEmpty: "a prompt needs at least one token, and this has {tokens}",
    requesting.ListRequests: "`emeth-tui requests` lists them",
}
