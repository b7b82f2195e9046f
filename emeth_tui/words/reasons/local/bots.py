"""The sentences of notices/reasons/local/bots.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.local import bots

SENTENCES: Mapping[type[Notice], str] = {
    bots.CallForJob: "job {job}: {path}",
    bots.DatasetOfJob: "job {job}: its dataset",
    bots.ResultOfJob: "job {job}: its result",
    bots.StateOfJob: "job {job}: its state after epoch {epoch}",
    bots.NotInStorage: "{what}: is not in storage",
    bots.StorageAnswers: "{what}: the storage answers with HTTP status {status}",
    bots.StorageSilent: "{what}: the storage does not answer: {detail}",
    bots.DownloadBroke: "{what}: the download broke off: {detail}",
    bots.LongerThan: "{what}: it has more than {limit} bytes",
    bots.RequesterOutOfEmt: "the requester has {balance_wei} left",
    bots.CorpusTooShort: (
        "--corpus {directory}: its texts are shorter than {least} bytes, the smallest dataset"
    ),
    bots.CorpusNotDirectory: "--corpus {directory}: is not a directory; it must hold text files, *.txt",
    bots.CorpusEmpty: "--corpus {directory}: holds no text files, *.txt",
    bots.CorpusUnreadable: "--corpus: {path} cannot be read: {detail}",
    bots.CorpusNotUtf8: "--corpus: {path} is not UTF-8 text",
    bots.TaskBrokeOff: "{name}: {task} broke off; see {log}",
    bots.TaskTooSlow: "{name}: {task} took over {limit_s}",
    bots.BreakAskedFor: "a test asked for this connection to break",
}
