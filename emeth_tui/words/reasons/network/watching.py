"""The sentences of notices/reasons/network/watching.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import watching

SENTENCES: Mapping[type[Notice], str] = {
    watching.FromChainAlone: "read from the chain alone: there is no node here to ask or to command",
    watching.ReadingBack: "reading back to block {first_block}: now at {block}",
    watching.HistoryCut: "the account has a long past: what is older than block {block} is left out",
}
