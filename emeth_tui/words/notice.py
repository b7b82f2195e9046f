"""The sentences of notices/notice.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice, UnknownEvent, UnknownReason

SENTENCES: Mapping[type[Notice], str] = {
    UnknownReason: "a reason of another version: {name} {content}",
    UnknownEvent: "an event of another version: {name} {content}",
}
