"""The sentences of notices/reasons/worker.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import worker

SENTENCES: Mapping[type[Notice], str] = {
    worker.DeviceDoesNotStart: "worker {worker} on {device} does not start: {cause}; its log is {log}",
    worker.NoProgressThroughDeaths: (
        "worker {worker} on {device} died {deaths} times without getting further, last be"
        "cause {cause}; its log is {log}"
    ),
    worker.WorkerClosed: (
        "worker {worker} on {device} is closed; its job goes on from its checkpoint when it is started again"
    ),
    worker.WorkerBusy: "worker {worker} on {device} is busy with job {job}",
    worker.WorkerNotRemovable: "worker {worker} cannot be removed: it is the last one or does not exist",
    worker.FetchingBrokeOff: "fetching model {model} broke off: {cause}; its log is {log}",
    worker.AveragingBrokeOff: "averaging what the members have trained broke off: {cause}; its log is {log}",
    worker.NoProcess: "no process can be started: {detail}",
    worker.ProcessHungUp: "process {pid} hung up",
    worker.ProcessLeft: "process {pid} left with code {code}",
    worker.ProcessKilled: "process {pid} was ended by {signal}",
    worker.LeftBetweenJobs: "its process ended between jobs",
    worker.ProcessSilent: "no news for {limit_s}",
    worker.RulesBroken: "process {pid} broke the rules: {cause}",
    worker.AskingHub: "asking the hub for the model",
    worker.WaitingForDownload: "waiting for another download of the model",
    worker.DownloadingModel: "downloading the model, {done_share} of {size_bytes}",
    worker.ReadingDataset: "reading the dataset {done_share}",
    worker.MakingTokenizer: "making the tokenizer {done_share}",
    worker.Tokenising: "tokenising {done_share}",
    worker.LoadingModel: "loading the model",
    worker.StepsNotApplied: "{steps:step|steps} skipped, learning rate lowered",
    worker.FewerBlocksAtOnce: "out of memory, going on with {blocks:block|blocks} at once",
    worker.GoingBack: "diverged, going back: {cause}",
}

CHECK_DEVICE = (
    "`emeth-tui doctor` names driver and device, and `emeth-tui log` says why its worker does not start; the "
    "other devices work meanwhile"
)
REMEDIES: Mapping[type[Notice], str] = {worker.DeviceDoesNotStart: CHECK_DEVICE}
