"""The sentences of notices/reasons/network/storage.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import storage

SENTENCES: Mapping[type[Notice], str] = {
    storage.StorageDown: "storage: {cause}",
    storage.StorageSenseless: "storage at {where} sent an answer that makes no sense: {detail}",
    storage.NotAPlainFileName: "the file's name is not a plain one",
    storage.StorageRefuses: "storage at {where} refuses (HTTP status {status}): {said}",
    storage.StorageForbids: (
        "storage at {where} refuses (HTTP status {status}): {said}; a clock that is a minute off "
        "does that too"
    ),
    storage.DatasetTooLong: "its dataset has {size} bytes, more than {limit}",
    storage.DatasetRefused: "{where} refuses the dataset (HTTP status {status}): {said}",
    storage.ResultTooLong: "its result has {size} bytes; a result of this model has at most {limit}",
    storage.DatasetUnwritable: "its dataset cannot be written to {path}: {detail}",
    storage.DownloadGivenUp: (
        "the download is given up after {failures:failure|failures} in a row, the last one: {cause}"
    ),
    storage.UploadGivenUp: "given up after {uploads:upload|uploads}, the last one: {cause}",
    storage.ResultUnreadable: "the result {path} cannot be read: {detail}",
    storage.PartRefused: "{where} refuses a part (HTTP status {status}): {said}",
    storage.PartWithoutEtag: "{where} took a part and gave no ETag for it: {etag}",
    storage.UrlsMissing: "the storage gave {urls:URL|URLs} for {parts:part|parts}",
}
