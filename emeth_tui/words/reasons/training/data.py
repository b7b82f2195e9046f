"""The sentences of notices/reasons/training/data.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.training import data

SENTENCES: Mapping[type[Notice], str] = {
    data.DatasetEmpty: (
        "the dataset's training part has {tokens:token|tokens}: there is nothing to learn from"
    ),
    data.DatasetChanged: ("the dataset at {path} was changed while it was tokenised: start the job again"),
    data.DatasetUnreadable: "the dataset cannot be read from {path}: {detail}",
    data.NoSentenceEnds: (
        "the dataset has no `.`, `?` or `!`: the network's split leaves no training part of an English text "
        "without them"
    ),
    data.OneLine: (
        "the dataset is a single line: the network's split leaves no training part of a Japanese text of one"
    ),
    data.DatasetNotText: "the dataset is not UTF-8 text but {form}",
    data.DatasetNotUtf8: "the dataset is not UTF-8 text: byte {byte} of {size} is wrong",
}
