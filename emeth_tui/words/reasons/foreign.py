"""The sentences of notices/reasons/foreign.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import foreign

SENTENCES: Mapping[type[Notice], str] = {foreign.Foreign: "{detail}"}
