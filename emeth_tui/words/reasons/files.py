"""The sentences of notices/reasons/files.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import files

SENTENCES: Mapping[type[Notice], str] = {
    files.Unreadable: "{path}: cannot be read: {detail}",
    files.Unwritable: "{path}: cannot be written: {detail}",
    files.NotARegularFile: "not a regular file",
    files.FileMissing: "{path}: is not there",
    files.NotPlainFile: "{path}: is no plain file",
    files.NotUtf8: "{path}: is not UTF-8 text",
}
