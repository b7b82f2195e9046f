"""The sentences of notices/reasons/settings.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import settings

SENTENCES: Mapping[type[Notice], str] = {
    settings.NeedsRestart: "{key}: needs a restart; set it in {path}",
    settings.SetByThisRun: "{key}: the {origin} of this run sets it, and goes over the file",
}
