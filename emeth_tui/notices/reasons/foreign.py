"""Reasons in the words of others: an operating system's, a library's, a service's."""

from __future__ import annotations

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class Foreign(Reason):
    detail: ForeignText
